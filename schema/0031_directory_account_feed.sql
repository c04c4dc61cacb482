-- The feed of addresses: which addresses have changed, numbered in the order of their commits, so
-- that a name server that knows all up to one number reads what came after it and no more.

ALTER TABLE directory.version ADD COLUMN account_changes bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN directory.version.account_changes IS 'how many of the changes were of accounts, addresses and what hangs on them: of nothing that a name server reads as configuration';

CREATE OR REPLACE FUNCTION directory.announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE directory.version
       SET version = version + 1, changed_at = now(),
           account_changes = account_changes + (TG_TABLE_NAME IN
               ('account', 'address', 'sender_block', 'fax_domain', 'fax_route', 'fax_sender',
                'voicemail_box', 'message_waiting', 'notification', 'notification_gateway',
                'notification_secret'))::integer;
    PERFORM pg_notify('roundtable_directory', TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE TABLE directory.account_feed (
    id     smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    number bigint NOT NULL DEFAULT 0,
    mark   uuid NOT NULL DEFAULT gen_random_uuid(),
    kept   integer NOT NULL DEFAULT 1000000 CHECK (kept BETWEEN 1 AND 100000000)
);
COMMENT ON TABLE directory.account_feed IS 'Where the feed of addresses stands; one row, locked by whoever changes addresses until the commit, so that numbers are in the order of commits';
COMMENT ON COLUMN directory.account_feed.number IS 'of the newest change';
COMMENT ON COLUMN directory.account_feed.mark IS 'of the newest change; by chance, so that a history that was lost (failover, backup) is not taken for this one';
COMMENT ON COLUMN directory.account_feed.kept IS 'who lacks no more changes than this reads them; who lacks more reads all addresses';
INSERT INTO directory.account_feed DEFAULT VALUES;

CREATE TABLE directory.account_change (
    number    bigint PRIMARY KEY,
    mark      uuid NOT NULL,
    domain_id bigint NOT NULL,
    digest    bytea NOT NULL
);
COMMENT ON TABLE directory.account_change IS 'An address that came, went, or is another account''s or in another state; what it is now, directory.address says. Whoever knows a row, by number and mark, knows all before it. Written and pruned by triggers';
-- Where the feed begins: domain 0 is none.
INSERT INTO directory.account_change (number, mark, domain_id, digest)
SELECT number, mark, 0, '' FROM directory.account_feed;

-- What one statement changed. A statement that changes more than is kept leaves no changes at all,
-- but a beginning from which to follow: followers read everything. enable_seqscan: how much there is to prune is not known when the plan
-- is made, and must not be looked for in a million rows.
CREATE FUNCTION directory.note_account_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off
SET enable_seqscan = off AS $$
DECLARE
    v_feed directory.account_feed;
    v_mark uuid := gen_random_uuid();
    v_count bigint := 0;
BEGIN
    SELECT * INTO STRICT v_feed FROM directory.account_feed FOR UPDATE;
    -- One more than is kept, to know that there are too many.
    IF TG_OP = 'TRUNCATE' THEN
        v_count := v_feed.kept::bigint + 1;
    ELSIF TG_TABLE_NAME = 'account' THEN
        INSERT INTO directory.account_change (number, mark, domain_id, digest)
        SELECT v_feed.number + row_number() OVER (), v_mark, a.domain_id, a.digest
          FROM old_rows o JOIN new_rows n ON n.id = o.id AND n.state <> o.state
          JOIN directory.address a ON a.account_id = n.id
         LIMIT v_feed.kept::bigint + 1;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO directory.account_change (number, mark, domain_id, digest)
        SELECT v_feed.number + row_number() OVER (), v_mark, n.domain_id, n.digest
          FROM new_rows n LIMIT v_feed.kept::bigint + 1;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO directory.account_change (number, mark, domain_id, digest)
        SELECT v_feed.number + row_number() OVER (), v_mark, o.domain_id, o.digest
          FROM old_rows o LIMIT v_feed.kept::bigint + 1;
    ELSE
        INSERT INTO directory.account_change (number, mark, domain_id, digest)
        SELECT v_feed.number + row_number() OVER (), v_mark, x.domain_id, x.digest
          FROM (SELECT domain_id, digest
                  FROM (SELECT domain_id, digest, account_id FROM old_rows
                        EXCEPT SELECT domain_id, digest, account_id FROM new_rows) o
                UNION
                SELECT domain_id, digest
                  FROM (SELECT domain_id, digest, account_id FROM new_rows
                        EXCEPT SELECT domain_id, digest, account_id FROM old_rows) n) x
         LIMIT v_feed.kept::bigint + 1;
    END IF;
    IF TG_OP <> 'TRUNCATE' THEN
        GET DIAGNOSTICS v_count = ROW_COUNT;
    END IF;
    IF v_count = 0 THEN
        RETURN NULL;
    END IF;
    UPDATE directory.account_feed SET number = v_feed.number + v_count, mark = v_mark;
    IF v_count > v_feed.kept THEN
        DELETE FROM directory.account_change;
        INSERT INTO directory.account_change (number, mark, domain_id, digest)
        VALUES (v_feed.number + v_count, v_mark, 0, '');
    ELSE
        DELETE FROM directory.account_change WHERE number < v_feed.number + v_count - v_feed.kept;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.note_account_changes() IS 'Trigger of address and account: writes what followers of the feed have to look at';

-- Their names come after "announce": everybody locks directory.version first.
CREATE TRIGGER feed_insert AFTER INSERT ON directory.address REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION directory.note_account_changes();
CREATE TRIGGER feed_update AFTER UPDATE ON directory.address
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION directory.note_account_changes();
CREATE TRIGGER feed_delete AFTER DELETE ON directory.address REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION directory.note_account_changes();
CREATE TRIGGER feed_truncate AFTER TRUNCATE ON directory.address
    FOR EACH STATEMENT EXECUTE FUNCTION directory.note_account_changes();
CREATE TRIGGER feed_update AFTER UPDATE ON directory.account
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION directory.note_account_changes();

-- All addresses in the order of the internal view without a look at the table, and the few accounts
-- whose state matters.
CREATE UNIQUE INDEX address_in_order ON directory.address (domain_id, digest) INCLUDE (account_id);
DROP INDEX directory.address_by_digest;
CREATE INDEX account_disabled ON directory.account (id) WHERE state = 'disabled';

REVOKE ALL ON FUNCTION directory.note_account_changes() FROM PUBLIC;
GRANT SELECT ON directory.account_feed, directory.account_change
    TO roundtable_dnsd, roundtable_operator;
GRANT UPDATE (kept) ON directory.account_feed TO roundtable_operator;
