-- Retention of expunged messages, compaction, and the removal of files that nothing refers to.

-- A segment that a tracker wrote whole: it knows the frames, and tells of them itself.
CREATE FUNCTION catalog.note_whole_segments(p_segments jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.note_segments(p_segments);
    UPDATE catalog.segment s SET catalogued_to = s.length
      FROM jsonb_array_elements(p_segments) AS e
     WHERE s.id = (e ->> 'id')::uuid AND s.boot_epoch = 0 AND s.state = 'sealed';
    -- Discovery may have come upon it while its copies were being written.
    UPDATE catalog.segment_replica r
       SET state = 'active', reason = '', durable_length = (t ->> 'durable_length')::bigint, changed_at = now()
      FROM jsonb_array_elements(p_segments) AS e, jsonb_array_elements(e -> 'replicas') AS t,
           directory.storage_server v
     WHERE r.segment_id = (e ->> 'id')::uuid AND v.store_id = (t ->> 'store')::uuid
       AND r.storage_server_id = v.id AND r.state = 'suspect' AND t ->> 'state' = 'active'
       AND r.reason = 'not seen when the segment was found';
END
$$;
COMMENT ON FUNCTION catalog.note_whole_segments(jsonb) IS 'As note_segments(), of segments whose frames are all dealt with';
REVOKE ALL ON FUNCTION catalog.note_whole_segments(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.note_whole_segments(jsonb) TO roundtable_trackerd;

----------------------------------------------------------------------------------------- retention

CREATE TABLE catalog.retained (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id    bigint,
    message_id    uuid NOT NULL,
    mailbox       text NOT NULL,
    uid           bigint NOT NULL,
    flags         smallint NOT NULL,
    keywords      text[] NOT NULL,
    internal_date timestamptz NOT NULL,
    size          bigint NOT NULL,
    removed_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE catalog.retained IS 'What was expunged, or in a mailbox that was deleted, and can be restored until directory.cluster.expunged_retention has passed';
COMMENT ON COLUMN catalog.retained.account_id IS 'whose it was; the account may be gone. null: a dead-letter mailbox';
COMMENT ON COLUMN catalog.retained.mailbox IS 'name of the mailbox when it was removed';
COMMENT ON COLUMN catalog.retained.uid IS 'that it had there; a restored message gets a new one';
CREATE INDEX retained_by_message ON catalog.retained (message_id);
CREATE INDEX retained_by_account ON catalog.retained (account_id, removed_at);
CREATE INDEX retained_by_age ON catalog.retained (removed_at);

-- EXPUNGE, POP3 DELE, and the end of a MOVE, which retains nothing: the message is where it was moved.
CREATE FUNCTION catalog.take_out(
    a_mailbox bigint, p_first bigint[], p_last bigint[], p_flagged_only boolean, p_retain boolean
) RETURNS TABLE (uid bigint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
    box catalog.mailbox := catalog.lock_mailbox(a_mailbox);
BEGIN
    RETURN QUERY
    WITH gone AS (
        DELETE FROM catalog.mailbox_message m
         USING unnest(p_first, p_last) AS r(first, last)
         WHERE m.mailbox_id = a_mailbox AND m.uid BETWEEN r.first AND r.last
           AND (NOT p_flagged_only OR m.flags & 8 <> 0)
        RETURNING m.uid, m.message_id, m.flags, m.keywords, m.internal_date, m.size
    ), logged AS (
        INSERT INTO catalog.expunged (mailbox_id, uid, modseq, message_id)
        SELECT a_mailbox, g.uid, box.highest_modseq + 1, g.message_id FROM gone g ORDER BY g.uid
    ), kept AS (
        INSERT INTO catalog.retained
               (account_id, message_id, mailbox, uid, flags, keywords, internal_date, size)
        SELECT box.account_id, g.message_id, box.name, g.uid, g.flags, g.keywords, g.internal_date, g.size
          FROM gone g WHERE p_retain ORDER BY g.uid
    ), counted AS (
        UPDATE catalog.mailbox b
           SET highest_modseq = b.highest_modseq + 1, messages = b.messages - t.messages,
               unseen = b.unseen - t.unseen, deleted = b.deleted - t.deleted, bytes = b.bytes - t.bytes
          FROM (SELECT count(*) AS messages, count(*) FILTER (WHERE g.flags & 1 = 0) AS unseen,
                       count(*) FILTER (WHERE g.flags & 8 <> 0) AS deleted,
                       coalesce(sum(g.size), 0) AS bytes
                  FROM gone g) AS t
         WHERE b.id = a_mailbox AND t.messages > 0
        RETURNING pg_notify('roundtable_mailbox', b.id::text)
    )
    SELECT g.uid, box.highest_modseq + 1 FROM gone g ORDER BY g.uid;
END
$$;
COMMENT ON FUNCTION catalog.take_out IS 'Removes messages from a mailbox, logs them, retains them if asked to, returns their UIDs';

CREATE OR REPLACE FUNCTION catalog.expunge(a_mailbox bigint, p_first bigint[], p_last bigint[], p_flagged_only boolean)
RETURNS TABLE (uid bigint, modseq bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT t.uid, t.modseq FROM catalog.take_out(a_mailbox, p_first, p_last, p_flagged_only, true) AS t
$$;
COMMENT ON FUNCTION catalog.expunge IS 'Removes messages from a mailbox, logs and retains them, returns their UIDs';

-- A deleted mailbox, also one that goes with its account: what was in it is retained.
CREATE OR REPLACE FUNCTION catalog.drop_mailbox_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    WITH gone AS (
        DELETE FROM catalog.mailbox_message m WHERE m.mailbox_id = OLD.id
        RETURNING m.message_id, m.uid, m.flags, m.keywords, m.internal_date, m.size)
    INSERT INTO catalog.retained
           (account_id, message_id, mailbox, uid, flags, keywords, internal_date, size)
    SELECT OLD.account_id, g.message_id, OLD.name, g.uid, g.flags, g.keywords, g.internal_date, g.size
      FROM gone g ORDER BY g.uid;
    DELETE FROM catalog.expunged e WHERE e.mailbox_id = OLD.id;
    PERFORM pg_notify('roundtable_mailbox', OLD.id::text);
    RETURN NULL;
END
$$;

-- Puts back what was removed last. Of an account that is gone it can be given to another one.
--
-- Locks, in the one order: the mailbox, then the retained row. Whoever purges has the row or has not.
CREATE FUNCTION catalog.restore_message(p_message uuid, p_account bigint, p_mailbox text)
RETURNS TABLE (account_id bigint, mailbox text, uid bigint, over_quota boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    candidate catalog.retained;
    v_owner bigint;
    box catalog.mailbox;
    v_box bigint;
    v_over boolean := false;
BEGIN
    IF p_account IS NULL AND (SELECT count(DISTINCT r.account_id) FROM catalog.retained r
                                JOIN directory.account a ON a.id = r.account_id
                               WHERE r.message_id = p_message) > 1 THEN
        RAISE EXCEPTION 'RT006: several accounts have removed this message: name one' USING ERRCODE = 'RT006';
    END IF;
    SELECT r.* INTO candidate
      FROM catalog.retained r LEFT JOIN directory.account a ON a.id = r.account_id
     WHERE r.message_id = p_message
       AND CASE WHEN p_account IS NULL THEN a.id IS NOT NULL
                ELSE r.account_id = p_account OR a.id IS NULL END
     ORDER BY r.account_id IS DISTINCT FROM p_account, r.removed_at DESC, r.id DESC
     LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: nothing of this message can be restored' USING ERRCODE = 'RT004';
    END IF;
    v_owner := coalesce(p_account, candidate.account_id);
    SELECT m.id INTO v_box FROM catalog.mailbox m
     WHERE m.account_id = v_owner AND m.name = coalesce(p_mailbox, candidate.mailbox);
    IF v_box IS NULL AND p_mailbox IS NOT NULL AND p_mailbox <> 'INBOX' THEN
        RAISE EXCEPTION 'RT004: there is no such mailbox' USING ERRCODE = 'RT004';
    END IF;
    box := catalog.lock_mailbox(coalesce(v_box, catalog.ensure_inbox(v_owner)));
    DELETE FROM catalog.retained r WHERE r.id = candidate.id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: it was purged or restored a moment ago' USING ERRCODE = 'RT004';
    END IF;
    BEGIN
        PERFORM catalog.require_quota(v_owner, candidate.size);
    EXCEPTION WHEN SQLSTATE 'RT002' THEN
        v_over := true;
    END;
    INSERT INTO catalog.mailbox_message
           (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
    VALUES (box.id, box.uid_next, p_message, box.highest_modseq + 1, candidate.flags & ~8,
            candidate.keywords, candidate.internal_date, candidate.size);
    UPDATE catalog.mailbox b
       SET uid_next = b.uid_next + 1, highest_modseq = b.highest_modseq + 1,
           messages = b.messages + 1, bytes = b.bytes + candidate.size,
           unseen = b.unseen + CASE WHEN candidate.flags & 1 = 0 THEN 1 ELSE 0 END
     WHERE b.id = box.id;
    PERFORM pg_notify('roundtable_mailbox', box.id::text);
    PERFORM directory.raise_event('info', 'message_restored', session_user::text, p_message::text,
        jsonb_build_object('account', v_owner, 'mailbox', box.name, 'uid', box.uid_next));
    RETURN QUERY SELECT v_owner, box.name, box.uid_next, v_over;
END
$$;
COMMENT ON FUNCTION catalog.restore_message(uuid, bigint, text) IS 'Puts an expunged message back, also over quota; account and mailbox null: where it was, INBOX if that is gone';

-------------------------------------------------------------------------------- what files still hold

-- Whether frames may be dropped and files removed: not while the catalog may know less than the files.
CREATE FUNCTION catalog.may_remove_files() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog RETURN true;
COMMENT ON FUNCTION catalog.may_remove_files() IS 'False while the catalog is behind the files: then nothing is compacted and no file is removed';

ALTER TABLE catalog.segment
    ADD COLUMN dead_bytes bigint NOT NULL DEFAULT 0 CHECK (dead_bytes >= 0),
    ADD COLUMN surveyed_at timestamptz,
    ADD COLUMN abort_bytes bigint NOT NULL DEFAULT 0 CHECK (abort_bytes >= 0),
    ADD COLUMN abort_targets uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN compact_asked_at timestamptz,
    ADD COLUMN upkeep_by text,
    ADD COLUMN upkeep_until timestamptz;
COMMENT ON COLUMN catalog.segment.dead_bytes IS 'octets that belong to no mailbox and are not retained; a hint: whoever compacts looks again';
COMMENT ON COLUMN catalog.segment.surveyed_at IS 'when dead_bytes was counted; null: to be counted';
COMMENT ON COLUMN catalog.segment.abort_targets IS 'of a compacted segment: the segments whose frames its abort frames cancel';
COMMENT ON COLUMN catalog.segment.abort_bytes IS 'of its abort frames, which are needed while one of those segments is';
COMMENT ON COLUMN catalog.segment.compact_asked_at IS 'an operator wants it compacted now';
COMMENT ON COLUMN catalog.segment.upkeep_by IS 'tracker that compacts it or removes its files';
COMMENT ON COLUMN catalog.segment.upkeep_until IS 'until then no other tracker takes it; without upkeep_by: it failed, and is tried again then';
CREATE INDEX segment_to_survey ON catalog.segment (id)
    WHERE state = 'sealed' AND surveyed_at IS NULL AND superseded_at IS NULL;
CREATE INDEX segment_dead ON catalog.segment (writer, id) WHERE dead_bytes > 0 AND superseded_at IS NULL;
CREATE INDEX segment_aborts ON catalog.segment (id) WHERE abort_bytes > 0;

CREATE TABLE catalog.compaction_total (
    id       smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    segments bigint NOT NULL DEFAULT 0,
    bytes    bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE catalog.compaction_total IS 'What compaction has done so far: segments superseded, octets that each of their copies gave back';

-- A message that no file holds any more. Until the delivery rows go too it is not delivered again.
CREATE TABLE catalog.forgotten (
    message_id   uuid PRIMARY KEY,
    segment_id   uuid NOT NULL,
    received_at  timestamptz NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE catalog.forgotten IS 'Messages whose last frame is being removed; their delivery rows follow some days later';
CREATE INDEX forgotten_by_segment ON catalog.forgotten (segment_id);
CREATE INDEX forgotten_by_age ON catalog.forgotten (forgotten_at);

-- True in every snapshot from delivery to the end of retention: each change from mailbox to mailbox,
-- from mailbox to retained and back is one transaction.
CREATE FUNCTION catalog.is_live(a_message uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog
RETURN EXISTS (SELECT FROM catalog.mailbox_message x WHERE x.message_id = a_message)
    OR EXISTS (SELECT FROM catalog.retained r WHERE r.message_id = a_message);

-- A frame costs its octets and an entry in the index of the seal.
CREATE FUNCTION catalog.frame_cost(frame_length bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog RETURN frame_length + 32;

-- Drops what is past its retention. Why no live message is lost: this removes nothing but retained
-- rows that have expired, which nobody can restore at the same time (the row is locked); a frame is
-- dropped only by compaction, which asks is_live() itself. What is counted here is a hint.
--
-- Locks: segments by id first, as deliver() does. They also keep two purges of one message apart,
-- so that one of them sees that the other's row is gone, and counts it.
CREATE FUNCTION catalog.purge_retained(p_most integer)
RETURNS TABLE (purged bigint, dead bigint, dead_bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    v_before timestamptz := now() - (SELECT c.expunged_retention FROM directory.cluster c);
    v_rows bigint[];
    v_segments uuid[];
    v_messages uuid[];
    v_purged bigint;
BEGIN
    SELECT array_agg(x.id) INTO v_rows
      FROM (SELECT r.id FROM catalog.retained r WHERE r.removed_at < v_before
             ORDER BY r.removed_at LIMIT p_most) AS x;
    SELECT coalesce(array_agg(l.id), '{}') INTO v_segments
      FROM (SELECT s.id FROM catalog.segment s
             WHERE s.id IN (SELECT m.segment_id FROM catalog.retained r
                              JOIN catalog.message m ON m.id = r.message_id WHERE r.id = ANY (v_rows))
             ORDER BY s.id FOR NO KEY UPDATE) AS l;
    -- A message that was moved to another segment since then is left for the next call.
    WITH gone AS (
        DELETE FROM catalog.retained r
         WHERE r.id IN (SELECT o.id FROM catalog.retained o WHERE o.id = ANY (v_rows) FOR UPDATE SKIP LOCKED)
           AND NOT EXISTS (SELECT FROM catalog.message m JOIN catalog.segment s ON s.id = m.segment_id
                            WHERE m.id = r.message_id AND m.segment_id <> ALL (v_segments))
        RETURNING r.message_id)
    SELECT count(*), array_agg(DISTINCT g.message_id) INTO v_purged, v_messages FROM gone g;
    RETURN QUERY
    WITH died AS (
        SELECT m.segment_id, catalog.frame_cost(m.frame_length) AS cost
          FROM catalog.message m WHERE m.id = ANY (v_messages) AND NOT catalog.is_live(m.id)
    ), counted AS (
        UPDATE catalog.segment s SET dead_bytes = s.dead_bytes + t.cost
          FROM (SELECT d.segment_id, sum(d.cost) AS cost FROM died d GROUP BY 1) AS t
         WHERE s.id = t.segment_id)
    SELECT v_purged, count(*), coalesce(sum(d.cost), 0)::bigint FROM died d;
END
$$;
COMMENT ON FUNCTION catalog.purge_retained(integer) IS 'Ends the retention of what is past it, so many rows at once; counts what is dead now';

-- Counts the dead octets of segments that were not counted yet, or whose count is not sure. Frames
-- that no message row points to are dead too: those of aborted messages, and second copies.
CREATE FUNCTION catalog.survey_segments(p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_ids uuid[];
BEGIN
    SELECT array_agg(l.id) INTO v_ids
      FROM (SELECT s.id FROM catalog.segment s
             WHERE s.state = 'sealed' AND s.surveyed_at IS NULL AND s.superseded_at IS NULL
               AND s.catalogued_to >= s.length AND s.writer NOT LIKE '/%' AND catalog.may_remove_files()
             ORDER BY s.id LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED) AS l;
    -- 168: the seal without its index (SEGMENT.md).
    UPDATE catalog.segment s
       SET surveyed_at = now(), dead_bytes = t.dead,
           compact_asked_at = CASE WHEN t.dead > 0 THEN s.compact_asked_at END
      FROM (SELECT o.id, greatest(0, o.length - o.first_frame - 168
                   - CASE WHEN EXISTS (SELECT FROM catalog.segment k WHERE k.id = ANY (o.abort_targets))
                          THEN o.abort_bytes ELSE 0 END
                   - (SELECT coalesce(sum(catalog.frame_cost(m.frame_length)), 0)
                        FROM catalog.message m
                       WHERE m.segment_id = o.id AND catalog.is_live(m.id)))::bigint AS dead
              FROM catalog.segment o WHERE o.id = ANY (v_ids)) AS t
     WHERE s.id = t.id;
    RETURN coalesce(cardinality(v_ids), 0);
END
$$;
COMMENT ON FUNCTION catalog.survey_segments(integer) IS 'Counts the dead octets of sealed, catalogued segments; returns how many it counted';

---------------------------------------------------------------------------------------- compaction

-- Segments of one writer that are worth it, the deadest first, so that small ones become one.
CREATE FUNCTION catalog.claim_compaction(p_tracker text, p_most integer, p_seconds integer)
RETURNS TABLE (id uuid, writer text, length bigint, first_frame bigint, dead_bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    v_share real := (SELECT c.compact_dead_share FROM directory.cluster c);
    v_writer text;
BEGIN
    IF NOT catalog.may_remove_files() THEN
        RETURN;
    END IF;
    SELECT s.writer INTO v_writer
      FROM catalog.segment s
     WHERE s.dead_bytes > 0 AND s.superseded_at IS NULL AND s.surveyed_at IS NOT NULL
       AND (s.upkeep_until IS NULL OR s.upkeep_until < now())
       AND (s.compact_asked_at IS NOT NULL OR s.dead_bytes >= v_share * (s.length - s.first_frame - 168))
     ORDER BY s.dead_bytes DESC, s.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    RETURN QUERY
    UPDATE catalog.segment s
       SET upkeep_by = p_tracker, upkeep_until = now() + make_interval(secs => p_seconds)
      FROM (SELECT d.id FROM catalog.segment d
             WHERE d.writer = v_writer AND d.dead_bytes > 0 AND d.superseded_at IS NULL
               AND d.surveyed_at IS NOT NULL AND (d.upkeep_until IS NULL OR d.upkeep_until < now())
               AND (d.compact_asked_at IS NOT NULL
                    OR d.dead_bytes >= v_share * (d.length - d.first_frame - 168))
             ORDER BY d.dead_bytes DESC, d.id LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED) AS due
     WHERE s.id = due.id
    RETURNING s.id, s.writer, s.length, s.first_frame, s.dead_bytes;
END
$$;
COMMENT ON FUNCTION catalog.claim_compaction(text, integer, integer) IS 'Segments of one writer that are due for compaction, claimed for so many seconds';

CREATE FUNCTION catalog.live_frames(p_segment uuid, p_after bigint, p_most integer)
RETURNS TABLE (message_id uuid, frame_offset bigint, frame_length bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT m.id, m.frame_offset, m.frame_length
      FROM catalog.message m
     WHERE m.segment_id = p_segment AND m.frame_offset > p_after AND catalog.is_live(m.id)
     ORDER BY m.frame_offset LIMIT p_most
$$;
COMMENT ON FUNCTION catalog.live_frames(uuid, bigint, integer) IS 'Frames of a segment that some mailbox shows or that can be restored';

-- The one step by which frames change their segment. `p_new` (null: none) was written whole and is
-- durable; the messages move to it, each only if it still is where it was read; then those of
-- `p_done` that no live message points to are superseded. Returns them.
--
-- A message that was delivered to a further account in this moment, and not seen here, keeps its old
-- place: the file is there until superseded_grace has passed, and begin_removal() looks again. What
-- the tracker still claims it claims for p_seconds more.
CREATE FUNCTION catalog.finish_compaction(
    p_tracker text, p_seconds integer, p_new jsonb, p_messages uuid[], p_old_segments uuid[], p_old_offsets bigint[],
    p_new_offsets bigint[], p_new_lengths bigint[], p_abort_bytes bigint, p_abort_targets uuid[], p_done uuid[]
) RETURNS TABLE (segment_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    v_new uuid := (p_new -> 0 ->> 'id')::uuid;
    v_held bigint;
    v_done uuid[];
BEGIN
    IF NOT catalog.may_remove_files() THEN
        RAISE EXCEPTION 'RT006: the catalog is being rebuilt' USING ERRCODE = 'RT006';
    END IF;
    -- In the order of ids; that of the new segment is above them.
    SELECT count(*) INTO v_held
      FROM (SELECT FROM catalog.segment s
             WHERE s.id = ANY (p_old_segments || p_done) AND s.upkeep_by = p_tracker AND s.superseded_at IS NULL
             ORDER BY s.id FOR NO KEY UPDATE) AS l;
    IF v_held <> (SELECT count(DISTINCT x) FROM unnest(p_old_segments || p_done) AS x) THEN
        RAISE EXCEPTION 'RT006: another tracker has taken the segments over' USING ERRCODE = 'RT006';
    END IF;
    IF v_new IS NOT NULL THEN
        PERFORM catalog.note_whole_segments(p_new);
        -- Discovery may have been quicker than this call, and somebody may have found it useless.
        UPDATE catalog.segment s
           SET surveyed_at = NULL, dead_bytes = 0, abort_bytes = p_abort_bytes, abort_targets = p_abort_targets
         WHERE s.id = v_new AND s.superseded_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'RT006: the new segment was superseded' USING ERRCODE = 'RT006';
        END IF;
        UPDATE catalog.message m
           SET segment_id = v_new, frame_offset = f.new_offset, frame_length = f.new_length
          FROM unnest(p_messages, p_old_segments, p_old_offsets, p_new_offsets, p_new_lengths)
               AS f(id, old_segment, old_offset, new_offset, new_length)
         WHERE m.id = f.id AND m.segment_id = f.old_segment AND m.frame_offset = f.old_offset;
    END IF;
    SELECT coalesce(array_agg(d.id), '{}') INTO v_done
      FROM unnest(p_done) AS d(id)
     WHERE NOT EXISTS (SELECT FROM catalog.message m WHERE m.segment_id = d.id AND catalog.is_live(m.id));
    DELETE FROM catalog.copy_owed o WHERE o.segment_id = ANY (v_done);
    INSERT INTO catalog.compaction_total AS t (segments, bytes)
    SELECT count(*), coalesce(sum(s.length), 0) - coalesce((p_new -> 0 ->> 'length')::bigint, 0)
      FROM catalog.segment s WHERE s.id = ANY (v_done)
    ON CONFLICT (id) DO UPDATE SET segments = t.segments + excluded.segments, bytes = t.bytes + excluded.bytes;
    UPDATE catalog.segment s
       SET superseded_at = now(), upkeep_by = NULL, upkeep_until = NULL
     WHERE s.id = ANY (v_done);
    UPDATE catalog.segment s SET upkeep_until = now() + make_interval(secs => p_seconds)
     WHERE s.upkeep_by = p_tracker AND s.superseded_at IS NULL;
    RETURN QUERY SELECT x FROM unnest(v_done) AS x;
END
$$;
COMMENT ON FUNCTION catalog.finish_compaction IS 'Moves messages to a new segment and supersedes old ones that nothing points to any more, in one transaction';

CREATE FUNCTION catalog.request_compaction() RETURNS TABLE (segments bigint, bytes bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH asked AS (
        UPDATE catalog.segment s
           SET compact_asked_at = now(),
               upkeep_until = CASE WHEN s.upkeep_by IS NOT NULL THEN s.upkeep_until END
         WHERE s.state = 'sealed' AND s.superseded_at IS NULL AND s.writer NOT LIKE '/%'
           AND (s.surveyed_at IS NULL OR s.dead_bytes > 0)
        RETURNING s.dead_bytes)
    SELECT count(*), coalesce(sum(a.dead_bytes), 0)::bigint FROM asked a
$$;
COMMENT ON FUNCTION catalog.request_compaction() IS 'Makes each segment with dead octets, however few, due now; those that are being compacted go on';

---------------------------------------------------------------------------- files of dead segments

CREATE FUNCTION catalog.claim_removal(p_tracker text, p_most integer, p_seconds integer) RETURNS TABLE (id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE catalog.segment s
       SET upkeep_by = p_tracker, upkeep_until = now() + make_interval(secs => p_seconds)
      FROM (SELECT d.id FROM catalog.segment d
             WHERE d.superseded_at <= now() - (SELECT c.superseded_grace FROM directory.cluster c)
               AND (d.upkeep_until IS NULL OR d.upkeep_until < now()) AND catalog.may_remove_files()
             ORDER BY d.superseded_at LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED) AS due
     WHERE s.id = due.id
    RETURNING s.id
$$;
COMMENT ON FUNCTION catalog.claim_removal(text, integer, integer) IS 'Superseded segments whose grace has passed, claimed for so many seconds';

-- Takes the places of dead messages in this segment out of the catalog, some at a time: 'more' until
-- none is left, then 'clear': its files may be removed. 'live': a message in it came to be needed
-- again (delivered late to a further account); then the segment is not superseded any more.
--
-- deliver() locks no message row that exists already, so that a delivery under way could go on to
-- show a message whose row is deleted here. The table's lock waits for those and keeps others out
-- for this moment; who comes later finds no row, and makes one with the place that it has itself.
CREATE FUNCTION catalog.begin_removal(p_segment uuid, p_most integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '2s' AS $$
DECLARE
    v_found integer;
BEGIN
    PERFORM FROM catalog.segment s WHERE s.id = p_segment AND s.superseded_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT catalog.may_remove_files() THEN
        RETURN 'live';
    END IF;
    IF NOT EXISTS (SELECT FROM catalog.message m WHERE m.segment_id = p_segment) THEN
        RETURN 'clear';
    END IF;
    LOCK TABLE catalog.message IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM catalog.message m WHERE m.segment_id = p_segment AND catalog.is_live(m.id)) THEN
        UPDATE catalog.segment s
           SET superseded_at = NULL, surveyed_at = NULL, upkeep_by = NULL, upkeep_until = NULL
         WHERE s.id = p_segment;
        RETURN 'live';
    END IF;
    WITH gone AS (
        DELETE FROM catalog.message m
         WHERE m.id IN (SELECT o.id FROM catalog.message o WHERE o.segment_id = p_segment LIMIT p_most)
        RETURNING m.id, m.received_at
    ), noted AS (
        INSERT INTO catalog.forgotten (message_id, segment_id, received_at)
        SELECT g.id, p_segment, g.received_at FROM gone g
        ON CONFLICT (message_id) DO UPDATE SET segment_id = excluded.segment_id, forgotten_at = now())
    SELECT count(*) INTO v_found FROM gone;
    RETURN CASE WHEN v_found < p_most THEN 'clear' ELSE 'more' END;
END
$$;
COMMENT ON FUNCTION catalog.begin_removal(uuid, integer) IS 'Clears the way for removing the files of a superseded segment: live, more or clear';

-- `p_stores`: the storage servers that have no file of it, by their own answer. All that are not
-- retired must be among them: one that comes back later must not show a segment that was forgotten.
CREATE FUNCTION catalog.finish_removal(p_segment uuid, p_stores uuid[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM FROM catalog.segment s WHERE s.id = p_segment AND s.superseded_at IS NOT NULL FOR UPDATE;
    IF NOT FOUND
       OR EXISTS (SELECT FROM catalog.message m WHERE m.segment_id = p_segment)
       OR EXISTS (SELECT FROM directory.storage_server v WHERE v.state <> 'retired' AND v.store_id <> ALL (p_stores)) THEN
        RETURN false;
    END IF;
    DELETE FROM catalog.segment s WHERE s.id = p_segment;
    UPDATE catalog.segment s SET surveyed_at = NULL WHERE s.abort_bytes > 0 AND p_segment = ANY (s.abort_targets);
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.finish_removal(uuid, uuid[]) IS 'Forgets a superseded segment of which no storage server has a file any more';

-- Delivery rows of messages that no file holds. They stay for a week, and while some segment of that
-- time is not catalogued whole: a second frame of the message may be there, and would be new mail.
CREATE FUNCTION catalog.purge_forgotten(p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_open timestamptz := (SELECT min(s.opened_at) FROM catalog.segment s
                            WHERE s.state = 'open' OR s.catalogued_to < s.length);
    v_ids uuid[];
BEGIN
    WITH due AS (
        DELETE FROM catalog.forgotten f
         WHERE f.message_id IN (
               SELECT o.message_id FROM catalog.forgotten o
                WHERE o.forgotten_at < now() - interval '7 days' AND catalog.may_remove_files()
                  AND (v_open IS NULL OR o.received_at < v_open - interval '1 hour')
                  AND NOT EXISTS (SELECT FROM catalog.segment s WHERE s.id = o.segment_id)
                ORDER BY o.forgotten_at LIMIT p_most FOR UPDATE SKIP LOCKED)
        RETURNING f.message_id)
    SELECT array_agg(d.message_id) INTO v_ids FROM due d;
    -- One that was delivered again from elsewhere has a row again, and keeps its deliveries.
    DELETE FROM catalog.delivery d
     WHERE d.message_id = ANY (v_ids) AND NOT EXISTS (SELECT FROM catalog.message m WHERE m.id = d.message_id);
    -- Frame and abort frame of a refused message are in segments that an agent had opened by then.
    DELETE FROM catalog.aborted a
     WHERE a.message_id IN (
           SELECT o.message_id FROM catalog.aborted o
            WHERE o.at < now() - interval '7 days' AND catalog.may_remove_files()
              AND NOT EXISTS (SELECT FROM catalog.segment s WHERE s.boot_epoch > 0 AND s.opened_at <= o.at)
            LIMIT p_most FOR UPDATE SKIP LOCKED);
    RETURN coalesce(cardinality(v_ids), 0);
END
$$;
COMMENT ON FUNCTION catalog.purge_forgotten(integer) IS 'Deletes the delivery rows of messages that no file has held for a week';

-- What the catalog says of files that were listed on one storage server: one row a known segment.
CREATE FUNCTION catalog.judge_files(p_store uuid, p_segments uuid[])
RETURNS TABLE (id uuid, state text, length bigint, generation integer, is_active boolean, is_old boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.id, s.state, s.length, coalesce(r.generation, 0), coalesce(r.state = 'active', false),
           coalesce(r.changed_at < now() - (SELECT c.superseded_grace FROM directory.cluster c), false)
      FROM catalog.segment s
      LEFT JOIN (catalog.segment_replica r JOIN directory.storage_server v
                 ON v.id = r.storage_server_id AND v.store_id = p_store) ON r.segment_id = s.id
     WHERE s.id = ANY (p_segments)
$$;
COMMENT ON FUNCTION catalog.judge_files(uuid, uuid[]) IS 'State of segments, and of their copy on one storage server; is_old: unchanged for superseded_grace';

CREATE FUNCTION catalog.upkeep_state()
RETURNS TABLE (retained bigint, dead_bytes bigint, superseded bigint, may_remove boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT (SELECT count(*) FROM catalog.retained),
           (SELECT coalesce(sum(s.dead_bytes), 0)::bigint FROM catalog.segment s
             WHERE s.dead_bytes > 0 AND s.superseded_at IS NULL),
           (SELECT count(*) FROM catalog.segment s WHERE s.superseded_at IS NOT NULL),
           catalog.may_remove_files()
$$;
COMMENT ON FUNCTION catalog.upkeep_state() IS 'Numbers for metrics';

CREATE VIEW report.removed_message AS
SELECT r.message_id, a.login, r.account_id, r.mailbox, m.sender, r.size, m.received_at, r.removed_at,
       r.removed_at + (SELECT c.expunged_retention FROM directory.cluster c) AS kept_until
  FROM catalog.retained r
  LEFT JOIN catalog.message m ON m.id = r.message_id
  LEFT JOIN directory.account a ON a.id = r.account_id;
COMMENT ON VIEW report.removed_message IS 'What was expunged, or went with its mailbox, and can be restored: roundtable message restore';
COMMENT ON COLUMN report.removed_message.login IS 'whose it was; null: that account is gone, or it was a dead letter';

--------------------------------------------------------------------------------------------- rights

REVOKE ALL ON FUNCTION catalog.take_out, catalog.restore_message(uuid, bigint, text),
    catalog.may_remove_files(), catalog.is_live(uuid), catalog.frame_cost(bigint),
    catalog.purge_retained(integer), catalog.survey_segments(integer),
    catalog.claim_compaction(text, integer, integer), catalog.live_frames(uuid, bigint, integer),
    catalog.finish_compaction, catalog.request_compaction(), catalog.claim_removal(text, integer, integer),
    catalog.begin_removal(uuid, integer), catalog.finish_removal(uuid, uuid[]),
    catalog.purge_forgotten(integer), catalog.judge_files(uuid, uuid[]), catalog.upkeep_state() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.may_remove_files(), catalog.purge_retained(integer),
    catalog.survey_segments(integer), catalog.claim_compaction(text, integer, integer),
    catalog.live_frames(uuid, bigint, integer), catalog.finish_compaction,
    catalog.claim_removal(text, integer, integer), catalog.begin_removal(uuid, integer),
    catalog.finish_removal(uuid, uuid[]), catalog.purge_forgotten(integer),
    catalog.judge_files(uuid, uuid[]), catalog.upkeep_state() TO roundtable_trackerd;
GRANT UPDATE (upkeep_by, upkeep_until) ON catalog.segment TO roundtable_trackerd;
GRANT EXECUTE ON FUNCTION catalog.restore_message(uuid, bigint, text), catalog.request_compaction(),
    catalog.may_remove_files() TO roundtable_operator;
GRANT SELECT ON catalog.retained, catalog.compaction_total, catalog.forgotten TO roundtable_operator;
GRANT SELECT ON report.removed_message TO roundtable_operator, roundtable_report;
