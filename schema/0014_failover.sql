-- Failing over: one jump for each loss, over everything that lost commits may have named; a standby
-- says that it is one; and whether a failover would lose anything can be seen.

-- A session that has ended up on a standby must look for the primary, as after any other write there.
CREATE OR REPLACE FUNCTION catalog.timeline() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'read_only_sql_transaction';
    END IF;
    RETURN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
END
$$;

-- 2^16 UIDs, 2^32 MODSEQs and 2^32 commits: more than any lost stretch of commits can have allotted.
-- What else has numbers (UIDVALIDITYs, mailboxes, accounts) jumps as well: a number that a client, a
-- session or an envelope in a segment got from a lost commit is never given to somebody else.
CREATE OR REPLACE FUNCTION catalog.jump(a_committer text, seen bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    now_on text := catalog.timeline();
    known catalog.lineage;
    mark bigint;
    full_mailboxes bigint[];
    new_floor bigint;
BEGIN
    SELECT * INTO known FROM catalog.lineage l FOR UPDATE;
    SELECT m.sequence INTO mark FROM catalog.commit_mark m WHERE m.committer = a_committer;
    IF known.timeline = now_on AND coalesce(mark, 0) >= seen THEN
        RETURN false;
    END IF;
    INSERT INTO catalog.commit_mark AS m (committer, sequence) VALUES (a_committer, seen)
    ON CONFLICT (committer) DO UPDATE SET sequence = greatest(m.sequence, excluded.sequence), at = now();
    IF known.timeline = now_on AND seen < known.floor THEN
        RETURN false;  -- somebody else has jumped over what this one lost
    END IF;
    new_floor := greatest((SELECT s.last_value FROM catalog.commit_sequence s), seen) + 4294967296;
    PERFORM setval('catalog.commit_sequence', new_floor);
    PERFORM setval(q.seqrelid, least(pg_sequence_last_value(q.seqrelid) + 65536, q.seqmax))
       FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN ('catalog', 'directory') AND c.relname <> 'commit_sequence'
        AND pg_sequence_last_value(q.seqrelid) IS NOT NULL;
    -- Lock all, in the one order that every writer uses.
    SELECT array_agg(locked.id) FILTER (WHERE locked.uid_next > 4294967295 - 65536) INTO full_mailboxes
      FROM (SELECT m.id, m.uid_next FROM catalog.mailbox m ORDER BY m.id FOR NO KEY UPDATE) AS locked;
    UPDATE catalog.mailbox m
       SET uid_next = m.uid_next + 65536, highest_modseq = m.highest_modseq + 4294967296
     WHERE m.id <> ALL (coalesce(full_mailboxes, '{}'));
    -- No room for the jump: only here UIDVALIDITY changes.
    PERFORM catalog.renumber(f.id) FROM unnest(full_mailboxes) AS f(id);
    -- The journal may know of commits that are lost. What it numbered goes below what comes now, and
    -- a new checkpoint replaces it.
    PERFORM setval('catalog.journal_sequence',
                   greatest((SELECT q.last_value FROM catalog.journal_sequence q),
                            (extract(epoch FROM clock_timestamp()) * 1000)::bigint));
    UPDATE catalog.journal_state
       SET checkpoint = 0, last_sequence = (SELECT q.last_value FROM catalog.journal_sequence q);
    UPDATE catalog.lineage SET timeline = now_on, jumps = jumps + 1, floor = new_floor, at = now();
    PERFORM directory.raise_event('alarm', 'uid_jump', a_committer, now_on,
        jsonb_build_object('seen', seen, 'found', mark, 'timeline_before', known.timeline));
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.jump(text, bigint) IS 'After a failover or a lost commit: moves UIDNEXT by 2^16 and HIGHESTMODSEQ by 2^32 in every mailbox, and all sequences, once for each loss; true if it did';

-- Nor does anybody read UIDNEXT and HIGHESTMODSEQ before the jump: they would be lower than what was
-- shown of the lost primary.
CREATE OR REPLACE FUNCTION catalog.require_open() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM catalog.rebuild r WHERE r.phase IN ('requested', 'replaying')) THEN
        RAISE EXCEPTION 'RT008: the catalog is being rebuilt' USING ERRCODE = 'RT008';
    END IF;
    PERFORM catalog.require_lineage();
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_open() IS 'True; or SQLSTATE RT008 until the journal is replayed, RT003 until a promoted primary has jumped';

CREATE OR REPLACE FUNCTION catalog.require_whole(a_mailbox bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_phase text;
BEGIN
    SELECT r.phase INTO v_phase FROM catalog.rebuild r WHERE r.phase <> 'done';
    IF FOUND AND (v_phase <> 'cataloguing' OR NOT catalog.is_mailbox_whole(a_mailbox)) THEN
        RAISE EXCEPTION 'RT008: the mailbox is being rebuilt' USING ERRCODE = 'RT008';
    END IF;
    PERFORM catalog.require_lineage();
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_whole(bigint) IS 'True; or SQLSTATE RT008 until every message of the mailbox has been found again, RT003 until a promoted primary has jumped';

-- What lost commits had made may be made again, under numbers that sessions remember.
CREATE FUNCTION catalog.check_lineage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_lineage();
    RETURN NEW;
END
$$;
CREATE TRIGGER mailbox_lineage BEFORE INSERT ON catalog.mailbox
    FOR EACH ROW EXECUTE FUNCTION catalog.check_lineage();
REVOKE ALL ON FUNCTION catalog.check_lineage() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.timeline() TO roundtable_mtad, roundtable_accessd, roundtable_trackerd;

------------------------------------------------------------------------- what a failover would lose

-- Only members of pg_read_all_stats see the state of a standby: the function looks with the rights of
-- the schema's owner, and says so when these do not suffice.
CREATE FUNCTION report.standbys()
RETURNS TABLE (name text, state text, sync_state text, replay_lag interval)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT r.application_name, r.state, r.sync_state, r.replay_lag
      FROM pg_stat_replication r
     WHERE r.state IS DISTINCT FROM 'backup'
$$;
COMMENT ON FUNCTION report.standbys() IS 'Standbys that stream from this primary; states are null if the schema''s owner may not see them';

CREATE VIEW report.standby AS
SELECT s.name, s.state, s.sync_state IN ('sync', 'quorum') AS synchronous, s.replay_lag
  FROM report.standbys() AS s;
COMMENT ON VIEW report.standby IS 'PostgreSQL''s standbys: who would take over';
COMMENT ON COLUMN report.standby.synchronous IS 'commits wait for it; null: not known, the schema''s owner is no member of pg_read_all_stats';

CREATE VIEW report.failover AS
SELECT t.standbys, t.synchronous_standbys,
       t.waits AND t.synchronous_standbys > 0 AS safe,
       CASE WHEN t.standbys = 0 THEN 'no standby: PostgreSQL cannot fail over'
            WHEN NOT t.waits THEN 'a failover may lose flags and UIDs: synchronous_commit is '
                                  || current_setting('synchronous_commit')
            WHEN t.synchronous_standbys > 0 THEN 'a failover loses nothing'
            WHEN t.hidden THEN 'not known: grant pg_read_all_stats to the owner of the schema'
            ELSE 'a failover may lose flags and UIDs: no synchronous standby' END AS verdict
  FROM (SELECT count(*) AS standbys, count(*) FILTER (WHERE s.synchronous) AS synchronous_standbys,
               coalesce(bool_or(s.synchronous IS NULL), false) AS hidden,
               current_setting('synchronous_commit') NOT IN ('off', 'local') AS waits
          FROM report.standby s) AS t;
COMMENT ON VIEW report.failover IS 'What a failover of PostgreSQL would lose; one row';
COMMENT ON COLUMN report.failover.safe IS 'each commit waits for a standby';

REVOKE ALL ON FUNCTION report.standbys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report.standbys() TO roundtable_operator, roundtable_report;
GRANT SELECT ON report.standby, report.failover TO roundtable_operator, roundtable_report;
