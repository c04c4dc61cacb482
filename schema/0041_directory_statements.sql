-- What one edit costs in a directory of many domains.
--
-- A record was checked by looking at all records (30 ms with 400,000), a domain that was deleted closed
-- its history by looking at all history, once for each of its servers (8 s with 100,000 domains), and an
-- update (RFC 2136) was a statement for each record. Now all look at what the statement changed.

-------------------------------------------------------------------------------- the MX of steered domains

CREATE FUNCTION directory.check_changed_mx() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    bad text;
BEGIN
    IF TG_TABLE_NAME = 'record' THEN
        SELECT d.name INTO bad
          FROM changed c JOIN directory.domain d ON d.id = c.domain_id
         WHERE c.type = 'MX' AND c.owner IN ('@', d.name)
           AND EXISTS (SELECT FROM directory.mail_exchange e WHERE e.domain_id = d.id)
         LIMIT 1;
    ELSE
        SELECT d.name INTO bad
          FROM (SELECT DISTINCT c.domain_id FROM changed c) c
          JOIN directory.domain d ON d.id = c.domain_id
         WHERE EXISTS (SELECT FROM directory.record r
                        WHERE r.domain_id = d.id AND r.type = 'MX' AND r.owner IN ('@', d.name))
         LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'the MX records of % are steered: they are rows of directory.mail_exchange, not of directory.record',
            bad USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.check_changed_mx() IS 'Trigger of record and mail_exchange: a steered domain has no MX records of its own';

DROP TRIGGER record_check_mx ON directory.record;
CREATE TRIGGER record_check_mx_insert AFTER INSERT ON directory.record
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION directory.check_changed_mx();
CREATE TRIGGER record_check_mx_update AFTER UPDATE ON directory.record
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION directory.check_changed_mx();
-- Name servers write priorities all the time: an update is looked at, by the function of before, only
-- if it moves rows to other domains.
DROP TRIGGER mail_exchange_check_mx ON directory.mail_exchange;
CREATE TRIGGER mail_exchange_check_mx_insert AFTER INSERT ON directory.mail_exchange
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION directory.check_changed_mx();
CREATE TRIGGER mail_exchange_check_mx_update AFTER UPDATE OF domain_id ON directory.mail_exchange
    FOR EACH STATEMENT EXECUTE FUNCTION directory.check_steered_mx();

-------------------------------------------------------------------------------- the history of priorities

-- SECURITY DEFINER: whoever changes a priority leaves a trace, and nobody may edit the trace.
CREATE FUNCTION directory.begin_priorities() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    WITH begun AS MATERIALIZED (
        SELECT d.name AS domain, m.name AS mail_server, s.setting,
               CASE s.setting WHEN 'effective' THEN n.priority_index ELSE n.preference END AS index,
               CASE s.setting WHEN 'effective' THEN n.first_share ELSE 0 END AS share,
               CASE s.setting WHEN 'effective' THEN n.cause ELSE 'configured' END AS cause
          FROM after n
          JOIN directory.domain d ON d.id = n.domain_id
          JOIN directory.mail_server m ON m.id = n.mail_server_id
         CROSS JOIN (VALUES ('effective'), ('configured')) AS s(setting)
    ), closed AS (
        UPDATE directory.priority_history h SET to_at = now()
          FROM begun b
         WHERE h.to_at IS NULL AND h.domain = b.domain AND h.mail_server = b.mail_server
           AND h.setting = b.setting
        RETURNING h.domain
    )
    -- After `closed`, which is counted here: one current row for each.
    INSERT INTO directory.priority_history
           (domain, mail_server, setting, priority_index, first_share, cause, author, from_at)
    SELECT b.domain, b.mail_server, b.setting, b.index, b.share, b.cause, session_user, now()
      FROM begun b WHERE (SELECT count(*) FROM closed) >= 0;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.begin_priorities() IS 'priority_history of an INSERT into mail_exchange';

CREATE FUNCTION directory.end_priorities() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF TG_TABLE_NAME = 'domain' THEN
        UPDATE directory.priority_history h SET to_at = now()
          FROM before b WHERE h.to_at IS NULL AND h.domain = b.name;
    ELSE
        UPDATE directory.priority_history h SET to_at = now()
          FROM before b
          JOIN directory.domain d ON d.id = b.domain_id
          JOIN directory.mail_server m ON m.id = b.mail_server_id
         WHERE h.to_at IS NULL AND h.domain = d.name AND h.mail_server = m.name;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.end_priorities() IS 'priority_history of a DELETE from mail_exchange, and from domain: that takes its exchanges along, when its name can no more be read';

DROP TRIGGER mail_exchange_history ON directory.mail_exchange;
DROP FUNCTION directory.keep_priority_history();
CREATE TRIGGER mail_exchange_insert_history AFTER INSERT ON directory.mail_exchange
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION directory.begin_priorities();
CREATE TRIGGER mail_exchange_delete_history AFTER DELETE ON directory.mail_exchange
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION directory.end_priorities();
CREATE TRIGGER domain_delete_history AFTER DELETE ON directory.domain
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION directory.end_priorities();

-------------------------------------------------------------------------------------- dynamic updates

-- As before, but that what is added is one statement.
CREATE OR REPLACE FUNCTION directory.update_domain(
    p_name_server text, p_key text, p_client inet, p_domain_id bigint, p_request bytea,
    p_removed_owner text[], p_removed_type text[], p_removed_data text[],
    p_set_owner text[], p_set_type text[], p_set_ttl integer[],
    p_added_owner text[], p_added_type text[], p_added_ttl integer[], p_added_data text[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    r record;
    now_version bigint;
BEGIN
    SELECT o.owner, o.type INTO r
      FROM unnest(p_removed_owner || p_set_owner || p_added_owner,
                  p_removed_type || p_set_type || p_added_type) AS o (owner, type)
     WHERE o.type IN ('SOA', 'RRSIG', 'NSEC', 'NSEC3', 'DNSKEY')
        OR NOT EXISTS (SELECT FROM directory.update_grant_for(p_key, p_domain_id, o.owner, o.type))
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'key % may not change % % of domain %', p_key, r.owner, r.type, p_domain_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM directory.record d
     USING unnest(p_removed_owner, p_removed_type, p_removed_data) AS o (owner, type, data)
     WHERE d.domain_id = p_domain_id AND d.owner = o.owner AND d.type = o.type AND d.rdata = o.data;
    UPDATE directory.record d SET ttl = o.ttl
      FROM unnest(p_set_owner, p_set_type, p_set_ttl) AS o (owner, type, ttl)
     WHERE d.domain_id = p_domain_id AND d.owner = o.owner AND d.type = o.type
       AND d.ttl IS DISTINCT FROM o.ttl;
    -- What an operator wrote to stay stays. Of a record that is there twice, the last TTL counts.
    INSERT INTO directory.record AS d (domain_id, owner, type, ttl, rdata, expires_at)
    SELECT DISTINCT ON (o.owner, o.type, o.data)
           p_domain_id, o.owner, o.type, o.ttl, o.data, now() + g.lifetime
      FROM unnest(p_added_owner, p_added_type, p_added_ttl, p_added_data) WITH ORDINALITY
           AS o (owner, type, ttl, data, place)
     CROSS JOIN LATERAL (SELECT f.lifetime
                           FROM directory.update_grant_for(p_key, p_domain_id, o.owner, o.type) f
                          LIMIT 1) g
     ORDER BY o.owner, o.type, o.data, o.place DESC
    ON CONFLICT (domain_id, owner, type, rdata) DO UPDATE
       SET ttl = excluded.ttl,
           expires_at = CASE WHEN d.expires_at IS NULL THEN NULL ELSE excluded.expires_at END;
    SELECT v.version - v.account_changes INTO now_version FROM directory.version v;
    INSERT INTO directory.zone_update (domain, name_server, key_name, client, request, version, removed, added)
    SELECT d.name, p_name_server, p_key, p_client, p_request, now_version,
           ARRAY(SELECT concat_ws(' ', o.owner, o.type, o.data)
                   FROM unnest(p_removed_owner, p_removed_type, p_removed_data) AS o (owner, type, data)),
           ARRAY(SELECT concat_ws(' ', o.owner, o.ttl, o.type, o.data)
                   FROM unnest(p_added_owner, p_added_type, p_added_ttl, p_added_data)
                        AS o (owner, type, ttl, data)
                  UNION ALL
                 SELECT concat_ws(' ', o.owner, o.ttl, o.type)
                   FROM unnest(p_set_owner, p_set_type, p_set_ttl) AS o (owner, type, ttl))
      FROM directory.domain d WHERE d.id = p_domain_id;
    RETURN now_version;
END
$$;
