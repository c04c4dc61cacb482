-- The feed of zones: which domains have changed, numbered in the order of their commits, so that a name
-- server that knows all up to one number reads the domains that changed after it and no more. What is
-- not of one domain (servers, overrides, keys) is little, and read whole.

CREATE TABLE directory.zone_feed (
    id     smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    number bigint NOT NULL DEFAULT 0,
    mark   uuid NOT NULL DEFAULT gen_random_uuid(),
    kept   integer NOT NULL DEFAULT 10000 CHECK (kept BETWEEN 1 AND 1000000)
);
COMMENT ON TABLE directory.zone_feed IS 'Where the feed of zones stands; one row, locked by whoever changes domains until the commit, so that numbers are in the order of commits';
COMMENT ON COLUMN directory.zone_feed.number IS 'of the newest change';
COMMENT ON COLUMN directory.zone_feed.mark IS 'of the newest change; by chance, so that a history that was lost (failover, backup) is not taken for this one';
COMMENT ON COLUMN directory.zone_feed.kept IS 'who lacks no more changes than this reads them; who lacks more reads all domains';
INSERT INTO directory.zone_feed DEFAULT VALUES;

CREATE TABLE directory.zone_change (
    number    bigint PRIMARY KEY,
    mark      uuid NOT NULL,
    domain_id bigint NOT NULL
);
COMMENT ON TABLE directory.zone_change IS 'A domain that came, went, or has other settings, records or exchanges; what it is now, its rows say. Whoever knows a row, by number and mark, knows all before it. Written and pruned by triggers';
-- Where the feed begins: domain 0 is none.
INSERT INTO directory.zone_change (number, mark, domain_id) SELECT number, mark, 0 FROM directory.zone_feed;

CREATE FUNCTION directory.note_zones(domains bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $$
DECLARE
    feed directory.zone_feed;
    new_mark uuid := gen_random_uuid();
    count integer := cardinality(domains);
BEGIN
    IF count = 0 THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT feed FROM directory.zone_feed FOR UPDATE;
    UPDATE directory.zone_feed SET number = feed.number + count, mark = new_mark;
    -- More than is kept leaves a beginning from which to follow: followers read everything.
    IF count > feed.kept THEN
        DELETE FROM directory.zone_change;
        INSERT INTO directory.zone_change (number, mark, domain_id)
        VALUES (feed.number + count, new_mark, 0);
        RETURN;
    END IF;
    INSERT INTO directory.zone_change (number, mark, domain_id)
    SELECT feed.number + d.place, new_mark, d.id FROM unnest(domains) WITH ORDINALITY AS d(id, place);
    DELETE FROM directory.zone_change WHERE number < feed.number + count - feed.kept;
END
$$;
COMMENT ON FUNCTION directory.note_zones(bigint[]) IS 'Writes what followers of the feed of zones have to look at';
REVOKE ALL ON FUNCTION directory.note_zones(bigint[]) FROM PUBLIC;

-- What one statement changed, of the tables that have a column domain_id. What name servers write
-- themselves is no change.
CREATE FUNCTION directory.note_zone_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    changed bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        SELECT array_agg(n) INTO changed FROM directory.zone_feed f, generate_series(0, f.kept) n;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT n.domain_id) INTO changed FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT o.domain_id) INTO changed FROM old_rows o;
    ELSIF TG_TABLE_NAME = 'mail_exchange' THEN
        SELECT array_agg(DISTINCT x.domain_id) INTO changed FROM (
            (SELECT domain_id, mail_server_id, preference FROM new_rows
             EXCEPT ALL SELECT domain_id, mail_server_id, preference FROM old_rows)
            UNION ALL
            (SELECT domain_id, mail_server_id, preference FROM old_rows
             EXCEPT ALL SELECT domain_id, mail_server_id, preference FROM new_rows)) x;
    ELSE
        SELECT array_agg(DISTINCT x.domain_id) INTO changed FROM (
            SELECT domain_id FROM new_rows UNION SELECT domain_id FROM old_rows) x;
    END IF;
    PERFORM directory.note_zones(coalesce(changed, '{}'));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.note_zone_rows() IS 'Trigger of record, mail_exchange and access_exchange: their domains have changed';
REVOKE ALL ON FUNCTION directory.note_zone_rows() FROM PUBLIC;

CREATE FUNCTION directory.note_zone_domains() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    changed bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        SELECT array_agg(n) INTO changed FROM directory.zone_feed f, generate_series(0, f.kept) n;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.id) INTO changed FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(o.id) INTO changed FROM old_rows o;
    ELSE
        -- What a zone is made from: not its serial, which name servers write.
        SELECT array_agg(n.id) INTO changed FROM new_rows n JOIN old_rows o USING (id)
         WHERE (n.name, n.primary_name_server, n.contact, n.refresh, n.retry, n.expire, n.minimum,
                n.ttl, n.mx_ttl, n.policy, n.policy_form)
               IS DISTINCT FROM
               (o.name, o.primary_name_server, o.contact, o.refresh, o.retry, o.expire, o.minimum,
                o.ttl, o.mx_ttl, o.policy, o.policy_form);
    END IF;
    PERFORM directory.note_zones(coalesce(changed, '{}'));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.note_zone_domains() IS 'Trigger of domain: what came, went or has other settings';
REVOKE ALL ON FUNCTION directory.note_zone_domains() FROM PUBLIC;

-- Their names come after "announce": everybody locks directory.version first.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['domain', 'record', 'mail_exchange', 'access_exchange'] LOOP
        EXECUTE format('CREATE TRIGGER zone_feed_insert AFTER INSERT ON directory.%1$I
            REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION directory.%2$I()',
            t, CASE t WHEN 'domain' THEN 'note_zone_domains' ELSE 'note_zone_rows' END);
        EXECUTE format('CREATE TRIGGER zone_feed_update AFTER UPDATE ON directory.%1$I
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION directory.%2$I()',
            t, CASE t WHEN 'domain' THEN 'note_zone_domains' ELSE 'note_zone_rows' END);
        EXECUTE format('CREATE TRIGGER zone_feed_delete AFTER DELETE ON directory.%1$I
            REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION directory.%2$I()',
            t, CASE t WHEN 'domain' THEN 'note_zone_domains' ELSE 'note_zone_rows' END);
        EXECUTE format('CREATE TRIGGER zone_feed_truncate AFTER TRUNCATE ON directory.%1$I
            FOR EACH STATEMENT EXECUTE FUNCTION directory.%2$I()',
            t, CASE t WHEN 'domain' THEN 'note_zone_domains' ELSE 'note_zone_rows' END);
    END LOOP;
END
$$;

GRANT SELECT ON directory.zone_feed, directory.zone_change TO roundtable_dnsd, roundtable_operator;
GRANT UPDATE (kept) ON directory.zone_feed TO roundtable_operator;
