-- The mailbox journal, and the rebuild of the catalog from it. What is in the frames, and why it is
-- enough: storage/JOURNAL.md. Nothing here is on the way of a delivery but next_commit() below.

-------------------------------------------------------------------------- what has been journaled

CREATE TABLE catalog.journal_state (
    id                smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    leader            text,
    leader_until      timestamptz,
    last_sequence     bigint NOT NULL DEFAULT 0,
    delta_bytes       bigint NOT NULL DEFAULT 0,
    checkpoint        bigint NOT NULL DEFAULT 0,
    checkpoint_bytes  bigint NOT NULL DEFAULT 0,
    directory_version bigint NOT NULL DEFAULT 0,
    caught_up_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE catalog.journal_state IS 'How far the journal is; one row, made by the first tracker';
COMMENT ON COLUMN catalog.journal_state.leader IS 'the one tracker that writes the journal, until leader_until';
COMMENT ON COLUMN catalog.journal_state.last_sequence IS 'highest number in a recorded delta';
COMMENT ON COLUMN catalog.journal_state.delta_bytes IS 'size of the deltas since the last checkpoint began';
COMMENT ON COLUMN catalog.journal_state.checkpoint IS 'number of the last complete checkpoint; 0: none';
COMMENT ON COLUMN catalog.journal_state.caught_up_at IS 'whatever was committed before is in the journal';

CREATE TABLE catalog.journaled (
    mailbox_id   bigint PRIMARY KEY,
    modseq       bigint NOT NULL,
    uid_validity bigint NOT NULL,
    uid_next     bigint NOT NULL
);
COMMENT ON TABLE catalog.journaled IS 'Numbers of each mailbox as they were journaled; above modseq begins the next delta';

CREATE TABLE catalog.journaled_directory (
    table_name text NOT NULL,
    key        text NOT NULL,
    digest     text NOT NULL,
    PRIMARY KEY (table_name, key)
);
COMMENT ON TABLE catalog.journaled_directory IS 'MD5 of each row of the directory as it was journaled';

CREATE TABLE catalog.journal_segment (
    segment_id     uuid PRIMARY KEY,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL,
    checkpoint     bigint NOT NULL
);
COMMENT ON TABLE catalog.journal_segment IS 'Journal segments that are in use; checkpoint 0: a delta';

-- Rows are added, never changed: two who change the mailboxes of one account do not wait here.
CREATE TABLE catalog.journal_change (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL
);
COMMENT ON TABLE catalog.journal_change IS 'Accounts whose list of mailboxes or subscriptions has changed and is not journaled yet';

CREATE TABLE catalog.journal_gone (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL,
    account_id   bigint NOT NULL,
    recipient    text NOT NULL,
    mailbox_id   bigint NOT NULL,
    uid          bigint NOT NULL,
    delivered_at timestamptz NOT NULL
);
COMMENT ON TABLE catalog.journal_gone IS 'Deliveries into a mailbox that was deleted before they were journaled';

-- Numbers of journal frames. Like uid_validity it starts above all that an earlier catalog gave out.
CREATE SEQUENCE catalog.journal_sequence AS bigint;
SELECT setval('catalog.journal_sequence', (extract(epoch FROM clock_timestamp()) * 1000)::bigint);

CREATE FUNCTION catalog.note_mailbox_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.account_id IS NOT NULL THEN
        INSERT INTO catalog.journal_change (account_id) VALUES (OLD.account_id);
    ELSIF TG_OP = 'INSERT' AND NEW.account_id IS NOT NULL THEN
        INSERT INTO catalog.journal_change (account_id) VALUES (NEW.account_id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mailbox_journal_change AFTER INSERT OR DELETE OR UPDATE OF name, special_use ON catalog.mailbox
    FOR EACH ROW EXECUTE FUNCTION catalog.note_mailbox_change();
CREATE TRIGGER subscription_journal_change AFTER INSERT OR DELETE ON catalog.subscription
    FOR EACH ROW EXECUTE FUNCTION catalog.note_mailbox_change();

-- Before the trigger of 0003 deletes the rows: what was delivered here and is not journaled yet must
-- not come back as new mail after a rebuild.
CREATE FUNCTION catalog.note_mailbox_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    journaled bigint := coalesce((SELECT j.modseq FROM catalog.journaled j WHERE j.mailbox_id = OLD.id), 0);
BEGIN
    INSERT INTO catalog.journal_gone (message_id, account_id, recipient, mailbox_id, uid, delivered_at)
    SELECT d.message_id, d.account_id, d.recipient, d.mailbox_id, d.uid, d.delivered_at
      FROM (SELECT x.message_id FROM catalog.mailbox_message x WHERE x.mailbox_id = OLD.id AND x.modseq > journaled
             UNION
            SELECT x.message_id FROM catalog.expunged x WHERE x.mailbox_id = OLD.id AND x.modseq > journaled
           ) AS fresh
      JOIN catalog.delivery d ON d.message_id = fresh.message_id AND d.mailbox_id = OLD.id;
    DELETE FROM catalog.journaled j WHERE j.mailbox_id = OLD.id;
    RETURN OLD;
END
$$;
CREATE TRIGGER mailbox_journal_gone BEFORE DELETE ON catalog.mailbox
    FOR EACH ROW EXECUTE FUNCTION catalog.note_mailbox_gone();

----------------------------------------------------------------------------------- the rebuild's state

CREATE TABLE catalog.rebuild (
    id               smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    phase            text NOT NULL DEFAULT 'requested'
        CHECK (phase IN ('requested', 'replaying', 'cataloguing', 'done')),
    requested_by     text NOT NULL DEFAULT session_user,
    requested_at     timestamptz NOT NULL DEFAULT now(),
    without          text[] NOT NULL DEFAULT '{}',
    claimed_by       text,
    claimed_until    timestamptz,
    segments         bigint NOT NULL DEFAULT 0,
    journal_segments bigint NOT NULL DEFAULT 0,
    checkpoint       bigint NOT NULL DEFAULT 0,
    last_sequence    bigint NOT NULL DEFAULT 0,
    journal_until    timestamptz,
    frames           bigint NOT NULL DEFAULT 0,
    mailboxes        bigint NOT NULL DEFAULT 0,
    messages         bigint NOT NULL DEFAULT 0,
    replayed_at      timestamptz,
    done_at          timestamptz,
    problem          text NOT NULL DEFAULT ''
);
COMMENT ON TABLE catalog.rebuild IS 'The last rebuild of the catalog from the storage servers; no row: there was none';
COMMENT ON COLUMN catalog.rebuild.phase IS 'requested, replaying: no mailbox is open, deliveries wait; cataloguing: messages are being found again';
COMMENT ON COLUMN catalog.rebuild.without IS 'storage servers that are lost: they are not waited for';
COMMENT ON COLUMN catalog.rebuild.journal_until IS 'mailboxes are as they were then; what was delivered later is in INBOX';
COMMENT ON COLUMN catalog.rebuild.frames IS 'frames of the journal that were replayed';
COMMENT ON COLUMN catalog.rebuild.problem IS 'what the rebuild waits for';

CREATE TABLE catalog.rebuild_mailbox (
    id             bigint PRIMARY KEY,
    account_id     bigint,
    dead_letter_of text,
    name           text NOT NULL,
    uid_validity   bigint NOT NULL,
    uid_next       bigint NOT NULL,
    highest_modseq bigint NOT NULL,
    recent_from    bigint NOT NULL,
    special_use    text,
    created_at     timestamptz NOT NULL,
    made           boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE catalog.rebuild_mailbox IS 'Mailboxes while the journal is replayed; names may clash until all is read';
CREATE INDEX rebuild_mailbox_by_account ON catalog.rebuild_mailbox (account_id);

CREATE TABLE catalog.rebuild_account (
    account_id    bigint PRIMARY KEY,
    sequence      bigint NOT NULL,
    subscriptions text[] NOT NULL
);
COMMENT ON TABLE catalog.rebuild_account IS 'The newest list of each account that was replayed';

CREATE TABLE catalog.rebuild_directory (
    table_name text NOT NULL,
    key        text NOT NULL,
    sequence   bigint NOT NULL,
    content    jsonb,
    PRIMARY KEY (table_name, key)
);
COMMENT ON TABLE catalog.rebuild_directory IS 'Rows of the directory as they were journaled; content null: deleted';

CREATE TABLE catalog.rebuild_open (
    segment_id uuid PRIMARY KEY,
    read_at    timestamptz NOT NULL,
    reads      integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE catalog.rebuild_open IS 'How often open segments were read since the replay';

-- RT008: a rebuild is under way. Whoever gets it does as if PostgreSQL were away. Volatile only in
-- what it stands for: STABLE lets a statement ask once, before it looks for rows.
CREATE FUNCTION catalog.require_open() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM catalog.rebuild r WHERE r.phase IN ('requested', 'replaying')) THEN
        RAISE EXCEPTION 'RT008: the catalog is being rebuilt' USING ERRCODE = 'RT008';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_open() IS 'True, or SQLSTATE RT008 until the journal is replayed';

CREATE FUNCTION catalog.is_mailbox_whole(a_mailbox bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
    SELECT NOT EXISTS (SELECT FROM catalog.mailbox_message x
                        WHERE x.mailbox_id = a_mailbox
                          AND NOT EXISTS (SELECT FROM catalog.message m WHERE m.id = x.message_id))
$$;

CREATE FUNCTION catalog.require_whole(a_mailbox bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_phase text;
BEGIN
    SELECT r.phase INTO v_phase FROM catalog.rebuild r WHERE r.phase <> 'done';
    IF FOUND AND (v_phase <> 'cataloguing' OR NOT catalog.is_mailbox_whole(a_mailbox)) THEN
        RAISE EXCEPTION 'RT008: the mailbox is being rebuilt' USING ERRCODE = 'RT008';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_whole(bigint) IS 'True, or SQLSTATE RT008 until every message of the mailbox has been found again';

CREATE OR REPLACE FUNCTION catalog.may_remove_files() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT NOT EXISTS (SELECT FROM catalog.rebuild r WHERE r.phase <> 'done')
$$;
COMMENT ON FUNCTION catalog.may_remove_files() IS 'False while the catalog is being rebuilt: it does not know yet what is needed';

-- Commits that an agent saw before a rebuild are not lost: the rebuild has jumped over them.
ALTER TABLE catalog.lineage ADD COLUMN floor bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN catalog.lineage.floor IS 'Commit sequences below were allotted before the last jump or rebuild: a committer that misses one needs no other jump';

CREATE OR REPLACE FUNCTION catalog.next_commit(p_committer text, p_seen bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    allotted bigint;
BEGIN
    PERFORM catalog.require_open();
    PERFORM catalog.require_lineage();
    UPDATE catalog.commit_mark m SET sequence = nextval('catalog.commit_sequence'), at = now()
     WHERE m.committer = p_committer AND m.sequence >= p_seen
    RETURNING m.sequence INTO allotted;
    IF FOUND THEN
        RETURN allotted;
    END IF;
    IF p_seen > 0 AND p_seen >= (SELECT l.floor FROM catalog.lineage l) THEN
        RAISE EXCEPTION 'RT003: the catalog lacks commit % of %: call catalog.jump() first', p_seen, p_committer
            USING ERRCODE = 'RT003';
    END IF;
    INSERT INTO catalog.commit_mark (committer, sequence)
    VALUES (p_committer, nextval('catalog.commit_sequence'))
    ON CONFLICT (committer) DO UPDATE SET sequence = excluded.sequence, at = now()
    RETURNING sequence INTO allotted;
    RETURN allotted;
END
$$;

CREATE OR REPLACE FUNCTION catalog.lock_mailbox(a_mailbox bigint) RETURNS catalog.mailbox
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    found_row catalog.mailbox;
BEGIN
    PERFORM catalog.require_open();
    PERFORM catalog.require_lineage();
    SELECT * INTO found_row FROM catalog.mailbox m WHERE m.id = a_mailbox FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: mailbox % is gone', a_mailbox USING ERRCODE = 'RT004';
    END IF;
    RETURN found_row;
END
$$;

--------------------------------------------------------------------------------- writing the journal

CREATE FUNCTION catalog.journal_micros(t timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN (extract(epoch FROM t) * 1000000)::bigint;

CREATE FUNCTION catalog.journal_time(us bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN timestamptz 'epoch' + us * interval '1 microsecond';

-- The lease, and the state with it. Not before a rebuild has replayed what there is: it would begin
-- a journal of nothing.
CREATE FUNCTION catalog.journal_claim(p_tracker text, p_seconds integer)
RETURNS TABLE (is_leader boolean, at_us bigint, caught_up_us bigint, last_sequence bigint, delta_bytes bigint,
               checkpoint bigint, checkpoint_bytes bigint, directory_version bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    v_leader boolean := false;
BEGIN
    INSERT INTO catalog.journal_state (id) VALUES (1) ON CONFLICT DO NOTHING;
    IF NOT EXISTS (SELECT FROM catalog.rebuild r WHERE r.phase IN ('requested', 'replaying')) THEN
        UPDATE catalog.journal_state s
           SET leader = p_tracker, leader_until = now() + make_interval(secs => p_seconds)
         WHERE s.leader IS NULL OR s.leader = p_tracker OR s.leader_until < now();
        v_leader := FOUND;
    END IF;
    RETURN QUERY
    SELECT v_leader, catalog.journal_micros(now()),
           catalog.journal_micros(s.caught_up_at),
           s.last_sequence, s.delta_bytes, s.checkpoint, s.checkpoint_bytes, s.directory_version
      FROM catalog.journal_state s;
END
$$;
COMMENT ON FUNCTION catalog.journal_claim(text, integer) IS 'Takes or keeps the lease of the tracker that writes the journal; tells how far it is';

CREATE FUNCTION catalog.journal_release(p_tracker text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE catalog.journal_state s SET leader = NULL, leader_until = NULL WHERE s.leader = p_tracker
$$;

CREATE FUNCTION catalog.journal_next() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT nextval('catalog.journal_sequence')
$$;
COMMENT ON FUNCTION catalog.journal_next() IS 'A number for a frame of the journal';

-- Mailboxes with changes that are not journaled (or all of them), by id, and their numbers.
CREATE FUNCTION catalog.journal_boxes(p_all boolean, p_after bigint)
RETURNS TABLE (sequence bigint, part text, ids bigint[], modseqs bigint[], validities bigint[], nexts bigint[])
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT nextval('catalog.journal_sequence'),
           '{"b":' || json_agg(json_build_array(b.id, b.account_id, b.dead_letter_of, b.name, b.uid_validity,
                                                b.uid_next, b.highest_modseq, b.recent_from, b.special_use,
                                                catalog.journal_micros(b.created_at)) ORDER BY b.id)::text || '}',
           array_agg(b.id ORDER BY b.id), array_agg(b.highest_modseq ORDER BY b.id),
           array_agg(b.uid_validity ORDER BY b.id), array_agg(b.uid_next ORDER BY b.id)
      FROM (SELECT m.* FROM catalog.mailbox m LEFT JOIN catalog.journaled j ON j.mailbox_id = m.id
             WHERE m.id > p_after AND (p_all OR j.modseq IS NULL OR m.highest_modseq > j.modseq)
             ORDER BY m.id LIMIT 2000) AS b
    HAVING count(*) > 0
$$;

-- A page of what is in those mailboxes, or (p_expunged) was: after (mailbox, MODSEQ, UID), by these.
-- A row that is its message's delivery says to whom.
CREATE FUNCTION catalog.journal_rows(p_all boolean, p_expunged boolean, p_mailbox bigint, p_modseq bigint, p_uid bigint)
RETURNS TABLE (sequence bigint, part text, at_mailbox bigint, at_modseq bigint, at_uid bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    c_rows constant integer := 10000;
    c_octets constant integer := 4194304;
    box record;
    line record;
    lines text[] := '{}';
    octets integer := 0;
    from_modseq bigint;
    from_uid bigint;
BEGIN
    at_mailbox := p_mailbox;
    FOR box IN SELECT b.id, b.account_id, b.uid_validity, coalesce(j.modseq, 0) AS modseq,
                      CASE WHEN p_all OR j.uid_validity IS DISTINCT FROM b.uid_validity THEN 0 ELSE j.uid_next END AS new_from,
                      j.uid_validity <> b.uid_validity AS renumbered
                 FROM catalog.mailbox b LEFT JOIN catalog.journaled j ON j.mailbox_id = b.id
                WHERE b.id >= p_mailbox AND (p_all OR j.modseq IS NULL OR b.highest_modseq > j.modseq)
                ORDER BY b.id LOOP
        from_modseq := CASE WHEN box.id = p_mailbox THEN p_modseq WHEN p_all THEN 0 ELSE box.modseq END;
        from_uid := CASE WHEN box.id = p_mailbox THEN p_uid ELSE 4294967296 END;
        IF NOT p_all AND from_modseq < box.modseq THEN
            from_modseq := box.modseq;
            from_uid := 4294967296;
        END IF;
        FOR line IN
            SELECT x.uid, x.modseq,
                   json_build_array(box.id, box.uid_validity, x.uid, x.message_id, x.modseq, x.flags, to_json(x.keywords),
                                    catalog.journal_micros(x.internal_date), x.size,
                                    d.account_id, d.recipient, catalog.journal_micros(d.delivered_at))::text AS text
              FROM (SELECT * FROM catalog.mailbox_message m
                     WHERE NOT p_expunged AND m.mailbox_id = box.id AND m.modseq >= from_modseq
                       AND (m.modseq > from_modseq OR m.uid > from_uid)
                     ORDER BY m.modseq, m.uid LIMIT c_rows) AS x
              LEFT JOIN catalog.delivery d
                     ON x.uid >= box.new_from AND d.message_id = x.message_id AND d.mailbox_id = box.id
                    AND (d.uid = x.uid OR box.renumbered)
            UNION ALL
            SELECT x.uid, x.modseq,
                   json_build_array(box.id, box.uid_validity, x.uid, x.message_id, x.modseq, catalog.journal_micros(x.at),
                                    d.account_id, d.recipient, catalog.journal_micros(d.delivered_at))::text
              FROM (SELECT * FROM catalog.expunged m
                     WHERE p_expunged AND m.mailbox_id = box.id AND m.modseq >= from_modseq
                       AND (m.modseq > from_modseq OR m.uid > from_uid)
                     ORDER BY m.modseq, m.uid LIMIT c_rows) AS x
              LEFT JOIN catalog.delivery d
                     ON x.uid >= box.new_from AND d.message_id = x.message_id AND d.mailbox_id = box.id
                    AND (d.uid = x.uid OR box.renumbered)
             ORDER BY 2, 1
        LOOP
            lines := lines || line.text;
            octets := octets + length(line.text);
            at_mailbox := box.id;
            at_modseq := line.modseq;
            at_uid := line.uid;
            EXIT WHEN cardinality(lines) >= c_rows OR octets >= c_octets;
        END LOOP;
        EXIT WHEN cardinality(lines) >= c_rows OR octets >= c_octets;
    END LOOP;
    IF cardinality(lines) > 0 THEN
        sequence := nextval('catalog.journal_sequence');
        part := CASE WHEN p_expunged THEN '{"x":[' ELSE '{"m":[' END || array_to_string(lines, E',\n') || ']}';
        RETURN NEXT;
    END IF;
END
$$;

-- A page of all deliveries, after (message, account).
CREATE FUNCTION catalog.journal_deliveries(p_message uuid, p_account bigint)
RETURNS TABLE (sequence bigint, part text, at_message uuid, at_account bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $$
    SELECT nextval('catalog.journal_sequence'),
           '{"d":[' || string_agg(json_build_array(d.message_id, d.account_id, d.recipient, d.mailbox_id, d.uid,
                                                   catalog.journal_micros(d.delivered_at))::text, E',\n'
                                  ORDER BY d.message_id, d.account_id) || ']}',
           (array_agg(d.message_id ORDER BY d.message_id DESC, d.account_id DESC))[1],
           (array_agg(d.account_id ORDER BY d.message_id DESC, d.account_id DESC))[1]
      FROM (SELECT * FROM catalog.delivery x
             WHERE (x.message_id, x.account_id) > (p_message, p_account)
             ORDER BY x.message_id, x.account_id LIMIT 10000) AS d
    HAVING count(*) > 0
$$;

-- Whole lists of accounts that changed (or of all), by id, and which changes are in them.
CREATE FUNCTION catalog.journal_lists(p_all boolean, p_after bigint)
RETURNS TABLE (sequence bigint, part text, at_account bigint, changes bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    account bigint;
    line text;
    lines text[] := '{}';
    octets integer := 0;
BEGIN
    changes := '{}';
    FOR account IN
        SELECT a.account_id
          FROM (SELECT c.account_id FROM catalog.journal_change c WHERE NOT p_all
                 UNION SELECT m.account_id FROM catalog.mailbox m WHERE p_all AND m.account_id IS NOT NULL
                 UNION SELECT s.account_id FROM catalog.subscription s WHERE p_all) AS a
         WHERE a.account_id > p_after ORDER BY 1 LIMIT 5000
    LOOP
        SELECT json_build_array(account,
                   (SELECT coalesce(json_agg(json_build_array(b.id, b.account_id, b.dead_letter_of, b.name, b.uid_validity,
                                                              b.uid_next, b.highest_modseq, b.recent_from, b.special_use,
                                                              catalog.journal_micros(b.created_at)) ORDER BY b.id), '[]')
                      FROM catalog.mailbox b WHERE b.account_id = account),
                   (SELECT coalesce(json_agg(s.name ORDER BY s.name), '[]')
                      FROM catalog.subscription s WHERE s.account_id = account))::text INTO line;
        lines := lines || line;
        octets := octets + length(line);
        at_account := account;
        EXIT WHEN octets >= 4194304;
    END LOOP;
    IF cardinality(lines) > 0 THEN
        IF NOT p_all THEN
            SELECT coalesce(array_agg(c.id), '{}') INTO changes FROM catalog.journal_change c
             WHERE c.account_id > p_after AND c.account_id <= at_account;
        END IF;
        sequence := nextval('catalog.journal_sequence');
        part := '{"a":[' || array_to_string(lines, E',\n') || ']}';
        RETURN NEXT;
    END IF;
END
$$;

CREATE FUNCTION catalog.journal_gone_rows(p_after bigint)
RETURNS TABLE (sequence bigint, part text, ids bigint[])
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT nextval('catalog.journal_sequence'),
           '{"d":[' || string_agg(json_build_array(g.message_id, g.account_id, g.recipient, g.mailbox_id, g.uid,
                                                   catalog.journal_micros(g.delivered_at))::text, E',\n'
                                  ORDER BY g.id) || ']}',
           array_agg(g.id ORDER BY g.id)
      FROM (SELECT * FROM catalog.journal_gone x WHERE x.id > p_after ORDER BY x.id LIMIT 10000) AS g
    HAVING count(*) > 0
$$;

-- Tables of the directory in the order in which they can be filled, with their keys.
CREATE FUNCTION catalog.journal_tables() RETURNS TABLE (place integer, table_name text, key text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    VALUES (1, 'cluster', 'id::text'), (2, 'storage_server', 'id::text'), (3, 'storage_path', 'id::text'),
           (4, 'mail_server', 'id::text'), (5, 'access_server', 'id::text'), (6, 'name_server', 'id::text'),
           (7, 'mirroring', 'mail_server_id || '':'' || peer_id'), (8, 'domain', 'id::text'),
           (9, 'record', 'id::text'), (10, 'mail_exchange', 'domain_id || '':'' || mail_server_id'),
           (11, 'access_exchange', 'domain_id || '':'' || access_server_id'), (12, 'mx_override', 'id::text'),
           (13, 'account', 'id::text'), (14, 'address', 'domain_id || '':'' || local_part'),
           (15, 'sender_block', 'id::text')
$$;

-- A page of rows of the directory that are not journaled as they are (or of all), after (place of
-- the table, key).
CREATE FUNCTION catalog.journal_directory(p_all boolean, p_place integer, p_key text)
RETURNS TABLE (sequence bigint, part text, at_place integer, at_key text,
               table_names text[], keys text[], digests text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    c_rows constant integer := 5000;
    c_octets constant integer := 4194304;
    t record;
    row record;
    lines text[] := '{}';
    octets integer := 0;
BEGIN
    table_names := '{}';
    keys := '{}';
    digests := '{}';
    FOR t IN SELECT * FROM catalog.journal_tables() x WHERE x.place >= p_place ORDER BY x.place LOOP
        FOR row IN EXECUTE format(
            'SELECT coalesce(n.key, o.key) AS key, n.content, md5(n.content::text) AS digest
               FROM (SELECT %s AS key, to_jsonb(d) AS content FROM directory.%I d) AS n
               FULL JOIN (SELECT j.key, j.digest FROM catalog.journaled_directory j WHERE j.table_name = %L) AS o
                      ON o.key = n.key
              WHERE ($1 OR o.digest IS DISTINCT FROM md5(n.content::text)) AND NOT ($1 AND n.key IS NULL)
                AND coalesce(n.key, o.key) COLLATE "C" > $2
              ORDER BY coalesce(n.key, o.key) COLLATE "C" LIMIT %s', t.key, t.table_name, t.table_name, c_rows)
            USING p_all, CASE WHEN t.place = p_place THEN p_key ELSE '' END
        LOOP
            lines := lines || json_build_array(t.table_name, row.key, row.content)::text;
            octets := octets + length(lines[cardinality(lines)]);
            table_names := table_names || t.table_name;
            keys := keys || row.key;
            digests := digests || coalesce(row.digest, '');
            at_place := t.place;
            at_key := row.key;
            EXIT WHEN cardinality(lines) >= c_rows OR octets >= c_octets;
        END LOOP;
        EXIT WHEN cardinality(lines) >= c_rows OR octets >= c_octets;
    END LOOP;
    IF cardinality(lines) > 0 THEN
        sequence := nextval('catalog.journal_sequence');
        part := '{"r":[' || array_to_string(lines, E',\n') || ']}';
        RETURN NEXT;
    END IF;
END
$$;

-- The lease is still held, or RT009: what was written then counts for nothing.
CREATE FUNCTION catalog.require_journal_leader(p_tracker text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM FROM catalog.journal_state s WHERE s.leader = p_tracker AND s.leader_until >= now() FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT009: % does not write the journal any more', p_tracker USING ERRCODE = 'RT009';
    END IF;
END
$$;

-- A delta is durable. p_boxes: the numbers that it began with, in four arrays of one length.
CREATE FUNCTION catalog.journal_record_delta(
    p_tracker text, p_at_us bigint, p_directory_version bigint,
    p_segments uuid[], p_first bigint[], p_last bigint[], p_bytes bigint,
    p_ids bigint[], p_modseqs bigint[], p_validities bigint[], p_nexts bigint[],
    p_changes bigint[], p_gone bigint[],
    p_tables text[], p_keys text[], p_digests text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_journal_leader(p_tracker);
    INSERT INTO catalog.journal_segment (segment_id, first_sequence, last_sequence, checkpoint)
    SELECT s.id, s.first, s.last, 0 FROM unnest(p_segments, p_first, p_last) AS s(id, first, last)
    ON CONFLICT DO NOTHING;
    -- A mailbox that was deleted meanwhile is not entered again.
    INSERT INTO catalog.journaled AS j (mailbox_id, modseq, uid_validity, uid_next)
    SELECT b.id, n.modseq, n.validity, n.next
      FROM unnest(p_ids, p_modseqs, p_validities, p_nexts) AS n(id, modseq, validity, next)
      JOIN catalog.mailbox b ON b.id = n.id
    ON CONFLICT (mailbox_id) DO UPDATE
       SET modseq = excluded.modseq, uid_validity = excluded.uid_validity, uid_next = excluded.uid_next;
    DELETE FROM catalog.journal_change c WHERE c.id = ANY (p_changes);
    DELETE FROM catalog.journal_gone g WHERE g.id = ANY (p_gone);
    DELETE FROM catalog.journaled_directory d
     USING unnest(p_tables, p_keys, p_digests) AS n(table_name, key, digest)
     WHERE n.digest = '' AND d.table_name = n.table_name AND d.key = n.key;
    INSERT INTO catalog.journaled_directory AS d (table_name, key, digest)
    SELECT n.table_name, n.key, n.digest FROM unnest(p_tables, p_keys, p_digests) AS n(table_name, key, digest)
     WHERE n.digest <> ''
    ON CONFLICT (table_name, key) DO UPDATE SET digest = excluded.digest;
    UPDATE catalog.journal_state s
       SET caught_up_at = catalog.journal_time(p_at_us), delta_bytes = s.delta_bytes + p_bytes,
           directory_version = p_directory_version,
           last_sequence = greatest(s.last_sequence, (SELECT max(l) FROM unnest(p_last) AS l));
END
$$;
COMMENT ON FUNCTION catalog.journal_record_delta IS 'What a durable delta holds is journaled; its lag ends';

-- A checkpoint is durable, its end included. Journal segments that it replaces are superseded: all
-- that it does not consist of, but for deltas from p_after on.
CREATE FUNCTION catalog.journal_record_checkpoint(
    p_tracker text, p_checkpoint bigint, p_after bigint, p_began_us bigint,
    p_segments uuid[], p_bytes bigint, p_delta_bytes bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_journal_leader(p_tracker);
    INSERT INTO catalog.journal_segment (segment_id, first_sequence, last_sequence, checkpoint)
    SELECT s.id, p_checkpoint, p_checkpoint, p_checkpoint FROM unnest(p_segments) AS s(id)
    ON CONFLICT DO NOTHING;
    WITH replaced AS (
        DELETE FROM catalog.journal_segment s
         WHERE CASE s.checkpoint WHEN 0 THEN s.last_sequence <= p_after ELSE s.checkpoint <> p_checkpoint END
        RETURNING s.segment_id)
    UPDATE catalog.segment g SET superseded_at = now()
      FROM replaced r WHERE g.id = r.segment_id AND g.superseded_at IS NULL;
    -- And those of rounds that were never recorded, if they are old enough to be done with.
    UPDATE catalog.segment g SET superseded_at = now()
     WHERE g.writer = '/journal' AND g.superseded_at IS NULL
       AND g.opened_at < catalog.journal_time(p_began_us) - interval '10 minutes'
       AND NOT EXISTS (SELECT FROM catalog.journal_segment s WHERE s.segment_id = g.id);
    UPDATE catalog.journal_state s
       SET checkpoint = p_checkpoint, checkpoint_bytes = p_bytes,
           delta_bytes = greatest(0, s.delta_bytes - p_delta_bytes);
END
$$;
COMMENT ON FUNCTION catalog.journal_record_checkpoint IS 'A complete checkpoint replaces the journal before it';

------------------------------------------------------------------------------- replaying the journal

-- First step of a new, empty catalog, in the transaction that makes it.
CREATE FUNCTION catalog.request_rebuild(p_without text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM catalog.mailbox) OR EXISTS (SELECT FROM catalog.segment) THEN
        RAISE EXCEPTION 'the catalog is not empty';
    END IF;
    INSERT INTO catalog.rebuild (without) VALUES (p_without);
    -- Above every sequence that a daemon can have seen of an earlier catalog.
    PERFORM setval('catalog.commit_sequence', catalog.journal_micros(clock_timestamp()));
    UPDATE catalog.lineage SET floor = (SELECT q.last_value FROM catalog.commit_sequence q);
END
$$;
COMMENT ON FUNCTION catalog.request_rebuild(text[]) IS 'Has the trackers fill this empty catalog from the storage servers';

-- A tracker takes the rebuild, or keeps it. No row: none is wanted, or another tracker has it.
CREATE FUNCTION catalog.rebuild_claim(p_tracker text, p_seconds integer)
RETURNS TABLE (phase text, without text[])
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE catalog.rebuild r SET claimed_by = p_tracker, claimed_until = now() + make_interval(secs => p_seconds)
     WHERE r.phase <> 'done' AND (r.claimed_by IS NULL OR r.claimed_by = p_tracker OR r.claimed_until < now())
    RETURNING r.phase, r.without
$$;

CREATE FUNCTION catalog.rebuild_note(p_tracker text, p_problem text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE catalog.rebuild r SET problem = p_problem WHERE r.claimed_by = p_tracker
$$;
COMMENT ON FUNCTION catalog.rebuild_note(text, text) IS 'What the rebuild waits for, for people; empty: nothing';

CREATE FUNCTION catalog.require_rebuilder(p_tracker text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM FROM catalog.rebuild r
      WHERE r.claimed_by = p_tracker AND r.claimed_until >= now() AND r.phase <> 'done' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT009: % does not rebuild any more', p_tracker USING ERRCODE = 'RT009';
    END IF;
END
$$;

-- The segments are known. Whatever an earlier tracker replayed is thrown away.
CREATE FUNCTION catalog.rebuild_begin(p_tracker text, p_journal_segments bigint, p_checkpoint bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month timestamp;
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    TRUNCATE catalog.rebuild_mailbox, catalog.rebuild_account, catalog.rebuild_directory, catalog.rebuild_open,
        catalog.mailbox_message, catalog.expunged, catalog.delivery, catalog.journal_segment;
    -- History gets its partitions, or all of it would lie in the default one for ever.
    FOR month IN SELECT generate_series(date_trunc('month', min(s.opened_at) AT TIME ZONE 'UTC'),
                                        now() AT TIME ZONE 'UTC', interval '1 month')
                   FROM catalog.segment s LOOP
        PERFORM catalog.ensure_partition('message', 'id', month), catalog.ensure_partition('delivery', 'message_id', month);
    END LOOP;
    UPDATE catalog.rebuild r
       SET phase = 'replaying', segments = (SELECT count(*) FROM catalog.segment),
           journal_segments = p_journal_segments, checkpoint = p_checkpoint, last_sequence = 0,
           frames = 0, journal_until = NULL;
END
$$;

-- Mailboxes of a part, as arrays of journal_boxes(): new ones, or newer numbers. The name of one
-- that is there is left to the account's list: so names are never of two moments.
CREATE FUNCTION catalog.replay_boxes(p_boxes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    -- A mailbox that was numbered anew: what is of the old numbers is void.
    DELETE FROM catalog.mailbox_message m
     USING jsonb_array_elements(p_boxes) AS e JOIN catalog.rebuild_mailbox o ON o.id = (e ->> 0)::bigint
     WHERE m.mailbox_id = o.id AND (e ->> 4)::bigint > o.uid_validity;
    DELETE FROM catalog.expunged m
     USING jsonb_array_elements(p_boxes) AS e JOIN catalog.rebuild_mailbox o ON o.id = (e ->> 0)::bigint
     WHERE m.mailbox_id = o.id AND (e ->> 4)::bigint > o.uid_validity;
    INSERT INTO catalog.rebuild_mailbox AS o
           (id, account_id, dead_letter_of, name, uid_validity, uid_next, highest_modseq, recent_from,
            special_use, created_at)
    SELECT (e ->> 0)::bigint, (e ->> 1)::bigint, e ->> 2, e ->> 3, (e ->> 4)::bigint, (e ->> 5)::bigint,
           (e ->> 6)::bigint, (e ->> 7)::bigint, e ->> 8, catalog.journal_time((e ->> 9)::bigint)
      FROM jsonb_array_elements(p_boxes) AS e
    ON CONFLICT (id) DO UPDATE
       SET uid_validity = excluded.uid_validity, uid_next = excluded.uid_next,
           highest_modseq = excluded.highest_modseq,
           recent_from = CASE WHEN excluded.uid_validity = o.uid_validity
                              THEN greatest(o.recent_from, excluded.recent_from) ELSE excluded.recent_from END
     WHERE (excluded.uid_validity, excluded.highest_modseq) >= (o.uid_validity, o.highest_modseq);
END
$$;

CREATE FUNCTION catalog.replay_lists(p_sequence bigint, p_lists jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    list jsonb;
    gone bigint[];
BEGIN
    FOR list IN SELECT e FROM jsonb_array_elements(p_lists) AS e LOOP
        INSERT INTO catalog.rebuild_account AS a (account_id, sequence, subscriptions)
        VALUES ((list ->> 0)::bigint, p_sequence, ARRAY(SELECT jsonb_array_elements_text(list -> 2)))
        ON CONFLICT (account_id) DO UPDATE SET sequence = excluded.sequence, subscriptions = excluded.subscriptions
         WHERE excluded.sequence >= a.sequence;
        CONTINUE WHEN NOT FOUND;
        SELECT array_agg(m.id) INTO gone FROM catalog.rebuild_mailbox m
         WHERE m.account_id = (list ->> 0)::bigint
           AND m.id <> ALL (ARRAY(SELECT (b ->> 0)::bigint FROM jsonb_array_elements(list -> 1) AS b));
        -- Their messages are gone, and have been delivered: that must be known.
        PERFORM catalog.remember_deliveries(g) FROM unnest(gone) AS g;
        DELETE FROM catalog.rebuild_mailbox m WHERE m.id = ANY (gone);
        DELETE FROM catalog.mailbox_message m WHERE m.mailbox_id = ANY (gone);
        DELETE FROM catalog.expunged m WHERE m.mailbox_id = ANY (gone);
        PERFORM catalog.replay_boxes(list -> 1);
        UPDATE catalog.rebuild_mailbox m SET name = b ->> 3, special_use = b ->> 8
          FROM jsonb_array_elements(list -> 1) AS b WHERE m.id = (b ->> 0)::bigint;
    END LOOP;
END
$$;

-- Whatever a mailbox shows or has shown was delivered to its owner: also what no line of a delivery
-- says so of.
CREATE FUNCTION catalog.remember_deliveries(a_mailbox bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    INSERT INTO catalog.delivery (message_id, account_id, recipient, mailbox_id, uid)
    SELECT DISTINCT ON (x.message_id) x.message_id, coalesce(b.account_id, -b.id), '', b.id, x.uid
      FROM catalog.rebuild_mailbox b
      JOIN (SELECT m.mailbox_id, m.message_id, m.uid FROM catalog.mailbox_message m WHERE m.mailbox_id = a_mailbox
             UNION ALL
            SELECT m.mailbox_id, m.message_id, m.uid FROM catalog.expunged m WHERE m.mailbox_id = a_mailbox
           ) AS x ON x.mailbox_id = b.id
     WHERE b.id = a_mailbox
       AND NOT EXISTS (SELECT FROM catalog.delivery d
                        WHERE d.message_id = x.message_id
                          AND (d.account_id = b.account_id OR b.account_id IS NULL AND d.mailbox_id = b.id))
     ORDER BY x.message_id, x.uid
    ON CONFLICT DO NOTHING
$$;

-- One frame of the journal. Any order, any number of times: the highest MODSEQ wins, an expunged
-- UID does not come back, the newest list of an account counts.
CREATE FUNCTION catalog.replay_journal(p_tracker text, p_sequence bigint, p_at_us bigint, p_part jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    IF p_part ? 'b' THEN
        PERFORM catalog.replay_boxes(p_part -> 'b');
    END IF;
    IF p_part ? 'a' THEN
        PERFORM catalog.replay_lists(p_sequence, p_part -> 'a');
    END IF;
    IF p_part ? 'm' THEN
        INSERT INTO catalog.mailbox_message AS o
               (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
        SELECT (e ->> 0)::bigint, (e ->> 2)::bigint, (e ->> 3)::uuid, (e ->> 4)::bigint, (e ->> 5)::smallint,
               ARRAY(SELECT jsonb_array_elements_text(e -> 6)), catalog.journal_time((e ->> 7)::bigint),
               (e ->> 8)::bigint
          FROM jsonb_array_elements(p_part -> 'm') AS e
          JOIN catalog.rebuild_mailbox b ON b.id = (e ->> 0)::bigint AND b.uid_validity = (e ->> 1)::bigint
         WHERE NOT EXISTS (SELECT FROM catalog.expunged x
                            WHERE x.mailbox_id = (e ->> 0)::bigint AND x.uid = (e ->> 2)::bigint)
        ON CONFLICT (mailbox_id, uid) DO UPDATE
           SET message_id = excluded.message_id, modseq = excluded.modseq, flags = excluded.flags,
               keywords = excluded.keywords, internal_date = excluded.internal_date, size = excluded.size
         WHERE excluded.modseq > o.modseq;
        INSERT INTO catalog.delivery (message_id, account_id, recipient, mailbox_id, uid, delivered_at)
        SELECT (e ->> 3)::uuid, (e ->> 9)::bigint, e ->> 10, (e ->> 0)::bigint, (e ->> 2)::bigint,
               catalog.journal_time((e ->> 11)::bigint)
          FROM jsonb_array_elements(p_part -> 'm') AS e WHERE e ->> 9 IS NOT NULL
        ON CONFLICT DO NOTHING;
    END IF;
    IF p_part ? 'x' THEN
        INSERT INTO catalog.expunged AS o (mailbox_id, uid, modseq, message_id, at)
        SELECT (e ->> 0)::bigint, (e ->> 2)::bigint, (e ->> 4)::bigint, (e ->> 3)::uuid,
               catalog.journal_time((e ->> 5)::bigint)
          FROM jsonb_array_elements(p_part -> 'x') AS e
          JOIN catalog.rebuild_mailbox b ON b.id = (e ->> 0)::bigint AND b.uid_validity = (e ->> 1)::bigint
        ON CONFLICT (mailbox_id, uid) DO NOTHING;
        DELETE FROM catalog.mailbox_message m
         USING jsonb_array_elements(p_part -> 'x') AS e, catalog.rebuild_mailbox b
         WHERE b.id = (e ->> 0)::bigint AND b.uid_validity = (e ->> 1)::bigint
           AND m.mailbox_id = b.id AND m.uid = (e ->> 2)::bigint;
        INSERT INTO catalog.delivery (message_id, account_id, recipient, mailbox_id, uid, delivered_at)
        SELECT (e ->> 3)::uuid, (e ->> 6)::bigint, e ->> 7, (e ->> 0)::bigint, (e ->> 2)::bigint,
               catalog.journal_time((e ->> 8)::bigint)
          FROM jsonb_array_elements(p_part -> 'x') AS e WHERE e ->> 6 IS NOT NULL
        ON CONFLICT DO NOTHING;
    END IF;
    IF p_part ? 'd' THEN
        INSERT INTO catalog.delivery (message_id, account_id, recipient, mailbox_id, uid, delivered_at)
        SELECT (e ->> 0)::uuid, (e ->> 1)::bigint, e ->> 2, (e ->> 3)::bigint, (e ->> 4)::bigint,
               catalog.journal_time((e ->> 5)::bigint)
          FROM jsonb_array_elements(p_part -> 'd') AS e
        ON CONFLICT DO NOTHING;
    END IF;
    IF p_part ? 'r' THEN
        INSERT INTO catalog.rebuild_directory AS o (table_name, key, sequence, content)
        SELECT e ->> 0, e ->> 1, p_sequence, nullif(e -> 2, 'null')
          FROM jsonb_array_elements(p_part -> 'r') AS e
        ON CONFLICT (table_name, key) DO UPDATE SET sequence = excluded.sequence, content = excluded.content
         WHERE excluded.sequence >= o.sequence;
    END IF;
    UPDATE catalog.rebuild r
       SET frames = r.frames + 1, last_sequence = greatest(r.last_sequence, p_sequence),
           journal_until = greatest(r.journal_until, catalog.journal_time(p_at_us));
END
$$;
COMMENT ON FUNCTION catalog.replay_journal(text, bigint, bigint, jsonb) IS 'Takes one frame of the journal into the new catalog';

CREATE FUNCTION catalog.rebuild_aborted(p_tracker text, p_aborted uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    INSERT INTO catalog.aborted (message_id)
    SELECT x.id FROM unnest(p_aborted) AS x(id) ORDER BY x.id ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION catalog.rebuild_aborted(text, uuid[]) IS 'Messages that have an abort frame anywhere, before any is delivered';

-- The next mailboxes that were replayed become real, with the jump. Returns how many are left.
CREATE FUNCTION catalog.rebuild_mailboxes(p_tracker text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    c_uids constant bigint := 65536;
    c_modseqs constant bigint := 4294967296;
    box catalog.rebuild_mailbox;
    counted record;
    v_name text;
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    FOR box IN SELECT * FROM catalog.rebuild_mailbox b WHERE NOT b.made ORDER BY b.id LIMIT 100 LOOP
        PERFORM catalog.remember_deliveries(box.id);
        UPDATE catalog.rebuild_mailbox b SET made = true WHERE b.id = box.id;
        IF box.account_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM directory.account a WHERE a.id = box.account_id) THEN
            -- The account has been deleted since.
            DELETE FROM catalog.mailbox_message m WHERE m.mailbox_id = box.id;
            DELETE FROM catalog.expunged m WHERE m.mailbox_id = box.id;
            CONTINUE;
        END IF;
        SELECT count(*) AS messages, count(*) FILTER (WHERE m.flags & 1 = 0) AS unseen,
               count(*) FILTER (WHERE m.flags & 8 <> 0) AS deleted, coalesce(sum(m.size), 0) AS bytes,
               greatest(box.uid_next, coalesce(max(m.uid) + 1, 1)) AS uid_next,
               greatest(box.highest_modseq, coalesce(max(m.modseq), 1)) AS modseq
          INTO counted FROM catalog.mailbox_message m WHERE m.mailbox_id = box.id;
        -- Made just before the end, while another gave up the name: the older one has it.
        v_name := box.name;
        IF EXISTS (SELECT FROM catalog.mailbox o WHERE o.account_id = box.account_id AND o.name = v_name) THEN
            v_name := left(box.name, 200) || ' (recovered ' || box.id || ')';
        END IF;
        INSERT INTO catalog.mailbox
               (id, account_id, dead_letter_of, name, uid_validity, uid_next, highest_modseq, recent_from,
                messages, unseen, deleted, bytes, special_use, created_at)
        OVERRIDING SYSTEM VALUE
        VALUES (box.id, box.account_id, box.dead_letter_of, v_name, box.uid_validity,
                least(counted.uid_next + c_uids, 4294967296), counted.modseq + c_modseqs, box.recent_from,
                counted.messages, counted.unseen, counted.deleted, counted.bytes, box.special_use, box.created_at);
        -- No room for the jump: only here UIDVALIDITY changes.
        IF counted.uid_next > 4294967295 - c_uids THEN
            PERFORM setval('catalog.uid_validity', greatest((SELECT u.last_value FROM catalog.uid_validity u),
                           (SELECT max(b.uid_validity) FROM catalog.rebuild_mailbox b)));
            PERFORM catalog.renumber(box.id);
        END IF;
        INSERT INTO catalog.journaled (mailbox_id, modseq, uid_validity, uid_next)
        VALUES (box.id, counted.modseq, box.uid_validity, counted.uid_next) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN (SELECT count(*) FROM catalog.rebuild_mailbox b WHERE NOT b.made);
END
$$;

-- All mailboxes are there: opens the catalog. p_used: journal segments that go on to count.
CREATE FUNCTION catalog.rebuild_open_mailboxes(p_tracker text, p_used uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_last bigint;
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    SELECT r.last_sequence INTO v_last FROM catalog.rebuild r;
    -- Ids and UIDVALIDITYs that were given out after the last delta are not given out again.
    PERFORM setval(pg_get_serial_sequence('catalog.mailbox', 'id'),
                   coalesce((SELECT max(b.id) FROM catalog.rebuild_mailbox b), 0) + 65536);
    PERFORM setval('catalog.uid_validity',
                   greatest((SELECT u.last_value FROM catalog.uid_validity u), extract(epoch FROM now())::bigint,
                            least(4294967000, (SELECT max(b.uid_validity) FROM catalog.rebuild_mailbox b) + 65536)));
    PERFORM setval('catalog.journal_sequence',
                   greatest((SELECT q.last_value FROM catalog.journal_sequence q), v_last + 1));
    INSERT INTO catalog.subscription (account_id, name)
    SELECT DISTINCT a.account_id, s.name
      FROM catalog.rebuild_account a CROSS JOIN LATERAL unnest(a.subscriptions) AS s(name)
     WHERE EXISTS (SELECT FROM directory.account x WHERE x.id = a.account_id)
    ON CONFLICT DO NOTHING;
    INSERT INTO catalog.journal_segment (segment_id, first_sequence, last_sequence, checkpoint)
    SELECT u.id, 0, v_last, 0 FROM unnest(p_used) AS u(id) ON CONFLICT DO NOTHING;
    -- No checkpoint: a new one follows soon, and replaces what was read here.
    INSERT INTO catalog.journal_state AS s (id, last_sequence, caught_up_at) VALUES (1, v_last, now())
    ON CONFLICT (id) DO UPDATE
       SET last_sequence = excluded.last_sequence, checkpoint = 0, checkpoint_bytes = 0, delta_bytes = 0,
           directory_version = 0, caught_up_at = excluded.caught_up_at;
    UPDATE catalog.rebuild r
       SET phase = 'cataloguing', replayed_at = clock_timestamp(), problem = '',
           mailboxes = (SELECT count(*) FROM catalog.mailbox),
           messages = (SELECT coalesce(sum(m.messages), 0) FROM catalog.mailbox m);
    TRUNCATE catalog.rebuild_mailbox, catalog.rebuild_account, catalog.rebuild_directory;
    PERFORM directory.raise_event('warning', 'catalog_replayed', p_tracker, '', NULL);
END
$$;

-- What can be restored (0011_retention.sql) is found again by the log of expunges, with neither flags
-- nor keywords; a message that any mailbox shows was moved or copied.
CREATE FUNCTION catalog.rebuild_retained() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO catalog.retained (account_id, message_id, mailbox, uid, flags, keywords, internal_date, size, removed_at)
    SELECT DISTINCT ON (b.account_id, e.message_id) b.account_id, e.message_id, b.name, e.uid, 0, '{}', m.received_at,
           m.message_size, e.at
      FROM catalog.expunged e
      JOIN catalog.mailbox b ON b.id = e.mailbox_id
      JOIN catalog.message m ON m.id = e.message_id
     WHERE e.at > now() - (SELECT c.expunged_retention FROM directory.cluster c)
       AND NOT EXISTS (SELECT FROM catalog.mailbox_message x WHERE x.message_id = e.message_id)
     ORDER BY b.account_id, e.message_id, e.at DESC;
END
$$;

-- True when every segment has been read: sealed ones to their end, open ones twice.
CREATE FUNCTION catalog.rebuild_settle(p_tracker text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    since timestamptz;
    behind bigint;
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    SELECT r.replayed_at INTO since FROM catalog.rebuild r WHERE r.phase = 'cataloguing';
    INSERT INTO catalog.rebuild_open AS o (segment_id, read_at)
    SELECT s.id, s.read_at FROM catalog.segment s WHERE s.state = 'open' AND s.read_at > since
    ON CONFLICT (segment_id) DO UPDATE SET read_at = excluded.read_at, reads = o.reads + 1
     WHERE excluded.read_at > o.read_at;
    SELECT count(*) INTO behind
      FROM catalog.segment s LEFT JOIN catalog.rebuild_open o ON o.segment_id = s.id
     WHERE CASE s.state WHEN 'open' THEN s.opened_at < since AND coalesce(o.reads, 0) < 2
                        ELSE s.catalogued_to < s.length END;
    IF behind > 0 THEN
        UPDATE catalog.rebuild r SET problem = behind || ' segments are still to be read';
        RETURN false;
    END IF;
    PERFORM catalog.rebuild_retained();
    UPDATE catalog.rebuild r
       SET phase = 'done', done_at = clock_timestamp(), problem = '', claimed_by = NULL, claimed_until = NULL,
           messages = (SELECT coalesce(sum(m.messages), 0) FROM catalog.mailbox m);
    TRUNCATE catalog.rebuild_open;
    PERFORM directory.raise_event('warning', 'catalog_rebuilt', p_tracker, '', NULL);
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.rebuild_settle(text) IS 'Ends the rebuild when nothing is left to be catalogued';

--------------------------------------------------------------------------------------------- report

CREATE VIEW report.journal AS
SELECT s.leader, s.caught_up_at, now() - s.caught_up_at AS lag, s.checkpoint, s.checkpoint_bytes, s.delta_bytes,
       (SELECT count(*) FROM catalog.journal_segment) AS segments
  FROM catalog.journal_state s;
COMMENT ON VIEW report.journal IS 'How far mailboxes are journaled: a rebuild would bring them back as of caught_up_at';
COMMENT ON COLUMN report.journal.leader IS 'the tracker that writes the journal';

CREATE VIEW report.rebuild AS
SELECT r.phase, r.requested_by, r.requested_at, r.claimed_by AS tracker, r.segments, r.journal_segments, r.frames,
       r.journal_until, r.mailboxes, r.messages,
       (SELECT count(*) FROM catalog.segment s WHERE s.state = 'open' OR s.catalogued_to < s.length) AS segments_behind,
       r.replayed_at, r.done_at, r.problem
  FROM catalog.rebuild r;
COMMENT ON VIEW report.rebuild IS 'The last rebuild of the catalog and how far it is';

--------------------------------------------------------------------------------------------- rights

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
              WHERE p.pronamespace = 'catalog'::regnamespace
                AND p.proname ~ '^(journal_|rebuild_|replay_|require_|note_mailbox_|is_mailbox_whole|may_remove_files|request_rebuild|remember_deliveries)' LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION catalog.require_open(), catalog.require_whole(bigint) TO roundtable_accessd;
GRANT EXECUTE ON FUNCTION catalog.may_remove_files(), catalog.journal_claim(text, integer),
    catalog.journal_release(text), catalog.journal_next(), catalog.journal_boxes(boolean, bigint),
    catalog.journal_rows(boolean, boolean, bigint, bigint, bigint), catalog.journal_deliveries(uuid, bigint),
    catalog.journal_lists(boolean, bigint), catalog.journal_gone_rows(bigint),
    catalog.journal_directory(boolean, integer, text), catalog.journal_record_delta,
    catalog.journal_record_checkpoint, catalog.rebuild_claim(text, integer), catalog.rebuild_note(text, text),
    catalog.rebuild_begin(text, bigint, bigint), catalog.replay_journal(text, bigint, bigint, jsonb),
    catalog.rebuild_aborted(text, uuid[]), catalog.rebuild_mailboxes(text), catalog.rebuild_open_mailboxes(text, uuid[]), catalog.rebuild_settle(text)
    TO roundtable_trackerd;
GRANT SELECT ON catalog.rebuild, catalog.journal_state, catalog.journal_segment TO roundtable_trackerd;
GRANT SELECT ON catalog.journal_state, catalog.journaled, catalog.journaled_directory, catalog.journal_segment,
    catalog.journal_change, catalog.journal_gone, catalog.rebuild, catalog.rebuild_mailbox, catalog.rebuild_account,
    report.journal, report.rebuild TO roundtable_operator;
GRANT SELECT ON report.journal, report.rebuild TO roundtable_report;
