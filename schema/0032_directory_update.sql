-- Dynamic updates (RFC 2136): which key may change which records, what was changed by whom, and
-- records that go by themselves.

-- A record with an end. Name servers remove it; nobody else has to know.
ALTER TABLE directory.record ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN directory.record.expires_at IS 'when it is removed by itself; null: never';
CREATE INDEX record_by_expiry ON directory.record (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE directory.update_grant (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id     bigint NOT NULL REFERENCES directory.transfer_key ON DELETE RESTRICT,
    domain_id  bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    match      text NOT NULL CHECK (match IN ('exact', 'subtree', 'acme')),
    owner      text NOT NULL DEFAULT '@' CHECK (owner = lower(owner) AND owner <> ''
                                                AND owner !~ '[[:space:]]' AND right(owner, 1) <> '.'
                                                AND length(owner) <= 253),
    types      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(types) <= 64),
    lifetime   interval CHECK (lifetime BETWEEN '1 minute' AND '400 days'),
    author     text NOT NULL DEFAULT session_user,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (key_id, domain_id, match, owner)
);
COMMENT ON TABLE directory.update_grant IS 'What a key may change in a domain by dynamic updates (RFC 2136)';
COMMENT ON COLUMN directory.update_grant.match IS 'exact: the owner; subtree: and all below; acme: _acme-challenge right below the owner or any name below it';
COMMENT ON COLUMN directory.update_grant.owner IS 'as in record.owner';
COMMENT ON COLUMN directory.update_grant.types IS 'types of records; empty: all that updates may write';
COMMENT ON COLUMN directory.update_grant.lifetime IS 'records that are added go after so long; null: they stay';
CREATE INDEX update_grant_by_domain ON directory.update_grant (domain_id);

-- Names, not ids: history outlives the rows that it is about.
CREATE TABLE directory.zone_update (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    domain      text NOT NULL,
    name_server text NOT NULL,
    key_name    text,
    client      inet,
    request     bytea CHECK (octet_length(request) BETWEEN 16 AND 64),
    version     bigint NOT NULL,
    removed     text[] NOT NULL,
    added       text[] NOT NULL
);
COMMENT ON TABLE directory.zone_update IS 'Dynamic updates that were made, and records that went by themselves; kept for 400 days';
COMMENT ON COLUMN directory.zone_update.key_name IS 'who; null: records whose time was over';
COMMENT ON COLUMN directory.zone_update.request IS 'code of the signature (RFC 8945): the same request is never made twice';
COMMENT ON COLUMN directory.zone_update.added IS 'records with their TTLs; a TTL without data is that of the whole set from then on';
COMMENT ON COLUMN directory.zone_update.version IS 'version of the configuration (directory.version without account_changes) that has it';
CREATE UNIQUE INDEX zone_update_request ON directory.zone_update (key_name, request) WHERE request IS NOT NULL;
CREATE INDEX zone_update_by_time ON directory.zone_update (at);
CREATE INDEX zone_update_by_domain ON directory.zone_update (domain, at);

-- The grant that covers a record. The owner's labels are compared as text: names with escapes are
-- equal only if they are written alike, which errs on the side of refusal.
CREATE FUNCTION directory.update_grant_for(p_key text, p_domain_id bigint, p_owner text, p_type text)
RETURNS SETOF directory.update_grant
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT g.*
      FROM directory.update_grant g JOIN directory.transfer_key k ON k.id = g.key_id
     WHERE k.name = p_key AND g.domain_id = p_domain_id
       AND (cardinality(g.types) = 0 OR p_type = ANY (g.types))
       AND CASE g.match
           WHEN 'exact' THEN p_owner = g.owner
           WHEN 'subtree' THEN g.owner = '@' OR p_owner = g.owner
                OR right(p_owner, length(g.owner) + 1) = '.' || g.owner
           ELSE CASE g.owner
                WHEN '@' THEN p_owner = '_acme-challenge' OR left(p_owner, 16) = '_acme-challenge.'
                ELSE p_owner = '_acme-challenge.' || g.owner
                     OR (left(p_owner, 16) = '_acme-challenge.'
                         AND right(p_owner, length(g.owner) + 1) = '.' || g.owner) END
           END
     ORDER BY g.lifetime DESC NULLS FIRST
$$;
COMMENT ON FUNCTION directory.update_grant_for(text, bigint, text, text) IS 'Grants that let a key change such a record, the one with the longest life first';

-- Makes one update, which a name server has judged. That every record is granted is looked at here
-- once more: a name server that is taken over may change no more than its keys may.
CREATE FUNCTION directory.update_domain(
    p_name_server text, p_key text, p_client inet, p_domain_id bigint, p_request bytea,
    p_removed_owner text[], p_removed_type text[], p_removed_data text[],
    p_set_owner text[], p_set_type text[], p_set_ttl integer[],
    p_added_owner text[], p_added_type text[], p_added_ttl integer[], p_added_data text[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    r record;
    g directory.update_grant;
    now_version bigint;
BEGIN
    FOR r IN SELECT o.owner, o.type FROM unnest(p_removed_owner || p_set_owner || p_added_owner,
                                                p_removed_type || p_set_type || p_added_type)
                                         AS o (owner, type) LOOP
        IF r.type IN ('SOA', 'RRSIG', 'NSEC', 'NSEC3', 'DNSKEY') OR NOT EXISTS (
               SELECT FROM directory.update_grant_for(p_key, p_domain_id, r.owner, r.type)) THEN
            RAISE EXCEPTION 'key % may not change % % of domain %', p_key, r.owner, r.type, p_domain_id
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    END LOOP;
    DELETE FROM directory.record d
     USING unnest(p_removed_owner, p_removed_type, p_removed_data) AS o (owner, type, data)
     WHERE d.domain_id = p_domain_id AND d.owner = o.owner AND d.type = o.type AND d.rdata = o.data;
    UPDATE directory.record d SET ttl = o.ttl
      FROM unnest(p_set_owner, p_set_type, p_set_ttl) AS o (owner, type, ttl)
     WHERE d.domain_id = p_domain_id AND d.owner = o.owner AND d.type = o.type
       AND d.ttl IS DISTINCT FROM o.ttl;
    FOR r IN SELECT * FROM unnest(p_added_owner, p_added_type, p_added_ttl, p_added_data)
                           AS o (owner, type, ttl, data) LOOP
        SELECT * INTO g FROM directory.update_grant_for(p_key, p_domain_id, r.owner, r.type) LIMIT 1;
        -- What an operator wrote to stay stays.
        INSERT INTO directory.record AS d (domain_id, owner, type, ttl, rdata, expires_at)
        VALUES (p_domain_id, r.owner, r.type, r.ttl, r.data, now() + g.lifetime)
        ON CONFLICT (domain_id, owner, type, rdata) DO UPDATE
           SET ttl = excluded.ttl,
               expires_at = CASE WHEN d.expires_at IS NULL THEN NULL ELSE excluded.expires_at END;
    END LOOP;
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
COMMENT ON FUNCTION directory.update_domain(text, text, inet, bigint, bytea, text[], text[], text[], text[], text[], integer[], text[], text[], integer[], text[])
    IS 'Makes one dynamic update and its history; gives the version of the configuration that has it';

-- Several name servers may call it at the same time: each removes what no other does.
CREATE FUNCTION directory.expire_records(p_name_server text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM directory.zone_update u WHERE u.at < now() - interval '400 days';
    IF NOT EXISTS (SELECT FROM directory.record r WHERE r.expires_at <= now()) THEN
        RETURN 0;
    END IF;
    WITH due AS (
        SELECT r.id FROM directory.record r WHERE r.expires_at <= now()
         ORDER BY r.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM directory.record r USING due WHERE r.id = due.id
        RETURNING r.domain_id, concat_ws(' ', r.owner, r.type, r.rdata) AS text
    ), noted AS (
        INSERT INTO directory.zone_update (domain, name_server, version, removed, added)
        SELECT d.name, p_name_server, v.version - v.account_changes + 1, array_agg(o.text), '{}'
          FROM removed o JOIN directory.domain d ON d.id = o.domain_id, directory.version v
         GROUP BY d.name, v.version, v.account_changes
    )
    SELECT count(*) INTO gone FROM removed;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION directory.expire_records(text) IS 'Removes records whose time is over, with their history; gives how many';

-- A key that nobody may update with is no matter of name servers, so grants announce nothing: they
-- are read with each update.
REVOKE ALL ON FUNCTION directory.update_grant_for(text, bigint, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.update_domain(text, text, inet, bigint, bytea, text[], text[], text[], text[], text[], integer[], text[], text[], integer[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION directory.expire_records(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.update_domain(text, text, inet, bigint, bytea, text[], text[], text[], text[], text[], integer[], text[], text[], integer[], text[]) TO roundtable_dnsd;
GRANT EXECUTE ON FUNCTION directory.expire_records(text) TO roundtable_dnsd;
GRANT SELECT ON directory.update_grant, directory.zone_update, directory.mail_records TO roundtable_dnsd;
GRANT SELECT (domain_id, selector, state) ON directory.dkim_key TO roundtable_dnsd;
GRANT SELECT, INSERT, UPDATE, DELETE ON directory.update_grant TO roundtable_operator;
GRANT SELECT ON directory.zone_update TO roundtable_operator;
