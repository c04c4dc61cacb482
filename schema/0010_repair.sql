-- Upkeep of copies: repair of what is owed, suspicion and scrub, changes of the mirroring table,
-- storage servers that retire, and what operators ask of the trackers.

ALTER TABLE catalog.segment ADD COLUMN digest bytea CHECK (length(digest) = 32);
COMMENT ON COLUMN catalog.segment.digest IS 'SHA-256 of header and frames, as its seal has it; null until a tracker has read a copy whole';

CREATE INDEX segment_abandoned ON catalog.segment (read_at) WHERE state = 'retired';

-- Existing copies count as read now: their turn comes one scrub interval from here.
ALTER TABLE catalog.segment_replica
    ADD COLUMN scrubbed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN verified_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN bad_since timestamptz,
    ADD COLUMN not_before timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN claimed_by text,
    ADD COLUMN claimed_until timestamptz;
COMMENT ON COLUMN catalog.segment_replica.scrubbed_at IS 'when it was last read whole, or else made';
COMMENT ON COLUMN catalog.segment_replica.verified_at IS 'when its length and seal were last seen; -infinity: nobody has seen them';
COMMENT ON COLUMN catalog.segment_replica.bad_since IS 'when a tracker read bad octets from it; a second time, an attribute-cache lifetime later, makes it lost';
COMMENT ON COLUMN catalog.segment_replica.not_before IS 'trackers leave it alone until then';
COMMENT ON COLUMN catalog.segment_replica.claimed_by IS 'tracker that reads it now; the claim lapses at claimed_until';
CREATE INDEX segment_replica_scrub ON catalog.segment_replica (storage_server_id, scrubbed_at);
CREATE INDEX segment_replica_verify ON catalog.segment_replica (storage_server_id, verified_at);

ALTER TABLE catalog.copy_owed
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN problem text NOT NULL DEFAULT '',
    ADD COLUMN not_before timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN claimed_by text,
    ADD COLUMN claimed_until timestamptz;
COMMENT ON COLUMN catalog.copy_owed.problem IS 'why the last attempt to make it failed';
COMMENT ON COLUMN catalog.copy_owed.not_before IS 'the next attempt is not made before';
COMMENT ON COLUMN catalog.copy_owed.claimed_by IS 'tracker that makes it now; the claim lapses at claimed_until';

CREATE TABLE catalog.upkeep_request (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('scrub', 'verify', 'retire')),
    storage_server_id bigint REFERENCES directory.storage_server ON DELETE CASCADE,
    requested_at      timestamptz NOT NULL DEFAULT now(),
    requested_by      text NOT NULL DEFAULT session_user,
    looked_at         timestamptz NOT NULL DEFAULT '-infinity',
    checked           bigint NOT NULL DEFAULT 0,
    bad               bigint NOT NULL DEFAULT 0,
    finished_at       timestamptz
);
COMMENT ON TABLE catalog.upkeep_request IS 'What operators asked of the trackers: a scrub or a check of copies, a storage server to be emptied';
COMMENT ON COLUMN catalog.upkeep_request.storage_server_id IS 'null: all';
COMMENT ON COLUMN catalog.upkeep_request.looked_at IS 'when a tracker last looked whether it is done';
COMMENT ON COLUMN catalog.upkeep_request.checked IS 'copies that were read or looked at for it';
COMMENT ON COLUMN catalog.upkeep_request.bad IS 'of them, those that were not as they should be';
CREATE INDEX upkeep_request_open ON catalog.upkeep_request (kind) WHERE finished_at IS NULL;

CREATE TABLE catalog.upkeep_pass (
    name          text PRIMARY KEY,
    after_segment uuid,
    fingerprint   text NOT NULL DEFAULT '',
    finished_at   timestamptz NOT NULL DEFAULT '-infinity',
    claimed_by    text,
    claimed_until timestamptz
);
COMMENT ON TABLE catalog.upkeep_pass IS 'How far a walk over all segments has come; one tracker walks at a time, any goes on';
COMMENT ON COLUMN catalog.upkeep_pass.after_segment IS 'the last segment that was looked at; null: none is under way';
COMMENT ON COLUMN catalog.upkeep_pass.fingerprint IS 'of what the directory said when it began';

---------------------------------------------------------------------------- what should be where

-- The rule of placement: an access server, which has no row in the table, takes over that of a mail
-- server by its place in the order.
CREATE VIEW catalog.wanted_copy AS
WITH live AS (
    SELECT m.id, row_number() OVER (ORDER BY m.id) - 1 AS n, count(*) OVER () AS many
      FROM directory.mail_server m WHERE m.retired_at IS NULL),
access AS (
    SELECT a.name, row_number() OVER (ORDER BY a.id) - 1 AS n FROM directory.access_server a),
owner AS (
    SELECT m.name::text AS writer, m.id AS mail_id FROM directory.mail_server m
    UNION ALL
    SELECT a.name::text, l.id FROM access a JOIN live l ON l.n = a.n % l.many
     WHERE NOT EXISTS (SELECT FROM directory.mail_server m WHERE m.name = a.name)),
wanted AS (
    SELECT o.writer, m.storage_server_id, m.storage_server_id AS own_id
      FROM owner o JOIN directory.mail_server m ON m.id = o.mail_id
    UNION
    SELECT o.writer, p.storage_server_id, m.storage_server_id
      FROM owner o
      JOIN directory.mail_server m ON m.id = o.mail_id
      JOIN directory.mirroring x ON x.mail_server_id = o.mail_id
      JOIN directory.mail_server p ON p.id = x.peer_id)
SELECT w.writer, w.storage_server_id, w.own_id
  FROM wanted w JOIN directory.storage_server v ON v.id = w.storage_server_id AND v.state = 'active';
COMMENT ON VIEW catalog.wanted_copy IS 'By writer: the active storage servers that the mirroring table asks for';

-- Everything that decides where copies belong. Accounts and the like change far more often.
CREATE FUNCTION catalog.placement_fingerprint() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT md5(concat_ws('|',
        (SELECT min_copies FROM directory.cluster),
        (SELECT string_agg(concat_ws(',', v.id, v.state, v.failure_domain), ';' ORDER BY v.id)
           FROM directory.storage_server v),
        (SELECT string_agg(concat_ws(',', m.id, m.name, m.storage_server_id, m.retired_at), ';' ORDER BY m.id)
           FROM directory.mail_server m),
        (SELECT string_agg(concat_ws(',', x.mail_server_id, x.peer_id), ';' ORDER BY x.mail_server_id, x.peer_id)
           FROM directory.mirroring x),
        (SELECT string_agg(concat_ws(',', a.id, a.name), ';' ORDER BY a.id) FROM directory.access_server a)))
$$;

-- Failure domains of active storage servers that hold a copy of a segment. A suspect copy counts: it
-- is being read again, and is good or lost in a minute.
CREATE FUNCTION catalog.copy_domains(a_segment uuid) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT coalesce(array_agg(DISTINCT v.failure_domain), '{}')
      FROM catalog.segment_replica r
      JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state = 'active'
     WHERE r.segment_id = a_segment AND r.state IN ('active', 'suspect')
$$;

-- Takes or keeps the walk if it is due: its fingerprint is old, it was long ago, or it is under way.
CREATE FUNCTION catalog.claim_pass(p_name text, p_tracker text, p_interval_s double precision,
                                   p_lease_s double precision) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    pass catalog.upkeep_pass;
    now_is text := catalog.placement_fingerprint();
BEGIN
    INSERT INTO catalog.upkeep_pass (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO pass FROM catalog.upkeep_pass p
     WHERE p.name = p_name
       AND (p.claimed_until IS NULL OR p.claimed_until < now() OR p.claimed_by = p_tracker)
       FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR (pass.after_segment IS NULL AND pass.fingerprint = now_is
                     AND pass.finished_at > now() - make_interval(secs => p_interval_s)) THEN
        RETURN NULL;
    END IF;
    UPDATE catalog.upkeep_pass p
       SET claimed_by = p_tracker, claimed_until = now() + make_interval(secs => p_lease_s),
           fingerprint = CASE WHEN pass.after_segment IS NULL THEN now_is ELSE p.fingerprint END,
           after_segment = coalesce(pass.after_segment, '00000000-0000-0000-0000-000000000000')
     WHERE p.name = p_name
    RETURNING p.after_segment INTO pass.after_segment;
    RETURN pass.after_segment;
END
$$;
COMMENT ON FUNCTION catalog.claim_pass(text, text, double precision, double precision) IS 'Where a walk over all segments goes on, if it is due and nobody else walks';

-- A page of that walk. Owes what the mirroring table asks for, and then stand-ins for segments with
-- too few copies: in ring order from the writer's own storage server, each in a failure domain more.
-- p_stores: those that answer; only they can stand in. Returns what was examined: less than p_most
-- ends the walk.
CREATE FUNCTION catalog.plan_copies(p_name text, p_tracker text, p_most integer, p_stores uuid[])
RETURNS TABLE (examined bigint, owed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_after uuid;
    v_ids uuid[];
    v_min integer := (SELECT c.min_copies FROM directory.cluster c);
    v_count bigint;
    short record;
BEGIN
    SELECT p.after_segment INTO v_after FROM catalog.upkeep_pass p
     WHERE p.name = p_name AND p.claimed_by = p_tracker FOR UPDATE;
    IF v_after IS NULL THEN
        RETURN QUERY SELECT 0::bigint, 0::bigint;
        RETURN;
    END IF;
    v_ids := ARRAY(SELECT s.id FROM catalog.segment s
                    WHERE s.id > v_after AND s.state = 'sealed' AND s.superseded_at IS NULL
                    ORDER BY s.id LIMIT p_most);
    -- What is called active and was never seen at its full length is looked at.
    UPDATE catalog.segment_replica r SET verified_at = '-infinity'
      FROM catalog.segment s
     WHERE s.id = r.segment_id AND r.segment_id = ANY (v_ids) AND r.state = 'active'
       AND r.durable_length <> s.length AND r.verified_at > '-infinity';
    INSERT INTO catalog.copy_owed (segment_id, storage_server_id, reason)
    SELECT s.id, w.storage_server_id, 'mirroring table'
      FROM catalog.segment s JOIN catalog.wanted_copy w ON w.writer = s.writer
     WHERE s.id = ANY (v_ids)
       AND NOT EXISTS (SELECT FROM catalog.segment_replica r
                        WHERE r.segment_id = s.id AND r.storage_server_id = w.storage_server_id
                          AND r.state IN ('active', 'suspect'))
     ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS owed = ROW_COUNT;
    FOR short IN
        SELECT s.id, h.domains,
               coalesce((SELECT min(w.own_id) FROM catalog.wanted_copy w WHERE w.writer = s.writer), 0) AS own_id
          FROM catalog.segment s
          CROSS JOIN LATERAL (
               SELECT array_agg(DISTINCT d.name) AS domains
                 FROM (SELECT unnest(catalog.copy_domains(s.id)) AS name
                       UNION ALL
                       SELECT v.failure_domain FROM catalog.copy_owed o
                         JOIN directory.storage_server v ON v.id = o.storage_server_id
                        WHERE o.segment_id = s.id AND v.state = 'active' AND v.store_id = ANY (p_stores)) AS d) AS h
         WHERE s.id = ANY (v_ids) AND coalesce(cardinality(h.domains), 0) < v_min
         ORDER BY s.id
    LOOP
        INSERT INTO catalog.copy_owed (segment_id, storage_server_id, reason)
        SELECT short.id, x.id, 'too few copies'
          FROM (SELECT DISTINCT ON (v.failure_domain) v.id
                  FROM directory.storage_server v
                 WHERE v.state = 'active' AND v.store_id = ANY (p_stores)
                   AND v.failure_domain <> ALL (coalesce(short.domains, '{}'))
                 ORDER BY v.failure_domain, v.id <= short.own_id, v.id) AS x
         ORDER BY x.id <= short.own_id, x.id
         LIMIT v_min - coalesce(cardinality(short.domains), 0)
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        owed := owed + v_count;
    END LOOP;
    examined := cardinality(v_ids);
    IF examined < p_most THEN
        UPDATE catalog.upkeep_pass p
           SET after_segment = NULL, finished_at = now(), claimed_by = NULL, claimed_until = NULL
         WHERE p.name = p_name;
    ELSE
        UPDATE catalog.upkeep_pass p SET after_segment = v_ids[cardinality(v_ids)] WHERE p.name = p_name;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION catalog.plan_copies(text, text, integer, uuid[]) IS 'A page of the walk that owes what the mirroring table and min_copies ask for';

-- What needs no walk: owed copies that are there or not wanted any more, copies known to be bad of
-- which nobody owes a new one, rows of storage servers that are gone.
CREATE FUNCTION catalog.tidy_copies(p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_count bigint;
    v_all bigint := 0;
BEGIN
    DELETE FROM catalog.copy_owed o
     USING directory.storage_server v, catalog.segment s
     WHERE v.id = o.storage_server_id AND s.id = o.segment_id
       AND (v.state <> 'active' OR s.superseded_at IS NOT NULL
            OR (s.state = 'sealed' AND EXISTS (
                SELECT FROM catalog.segment_replica r
                 WHERE r.segment_id = o.segment_id AND r.storage_server_id = o.storage_server_id
                   AND r.state = 'active' AND r.durable_length = s.length)));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_all := v_all + v_count;
    INSERT INTO catalog.copy_owed (segment_id, storage_server_id, reason)
    SELECT r.segment_id, r.storage_server_id,
           r.state || CASE r.reason WHEN '' THEN '' ELSE ': ' || r.reason END
      FROM catalog.segment_replica r
      JOIN catalog.segment s ON s.id = r.segment_id AND s.state = 'sealed' AND s.superseded_at IS NULL
      JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state = 'active'
     WHERE r.state IN ('behind', 'lost')
       AND NOT EXISTS (SELECT FROM catalog.copy_owed o
                        WHERE o.segment_id = r.segment_id AND o.storage_server_id = r.storage_server_id)
     ORDER BY 1, 2 LIMIT p_most
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_all := v_all + v_count;
    DELETE FROM catalog.segment_replica r
     WHERE (r.segment_id, r.storage_server_id) IN (
           SELECT x.segment_id, x.storage_server_id
             FROM directory.storage_server v JOIN catalog.segment_replica x ON x.storage_server_id = v.id
            WHERE v.state = 'retired'
              AND NOT EXISTS (SELECT FROM catalog.upkeep_request q
                               WHERE q.storage_server_id = v.id AND q.kind = 'retire' AND q.finished_at IS NULL)
            LIMIT p_most);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_all + v_count;
END
$$;
COMMENT ON FUNCTION catalog.tidy_copies(integer) IS 'Brings copies owed and states of replicas in line, a bounded step; returns how many rows changed';

----------------------------------------------------------------------------- outcomes of trackers

-- A tracker wrote a whole copy, of a generation that the storage server has no file of. False: the
-- segment is not wanted any more, or somebody wrote a newer copy.
CREATE FUNCTION catalog.note_copy(a_segment uuid, a_store uuid, a_generation integer, a_length bigint,
                                  a_digest bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_server bigint := (SELECT v.id FROM directory.storage_server v
                         WHERE v.store_id = a_store AND v.state <> 'retired');
BEGIN
    PERFORM FROM catalog.segment s
      WHERE s.id = a_segment AND s.superseded_at IS NULL AND s.length = a_length FOR KEY SHARE;
    IF NOT FOUND OR v_server IS NULL THEN
        RETURN false;
    END IF;
    UPDATE catalog.segment s SET digest = a_digest WHERE s.id = a_segment AND s.digest IS NULL;
    INSERT INTO catalog.segment_replica AS old
           (segment_id, storage_server_id, generation, state, durable_length)
    VALUES (a_segment, v_server, a_generation, 'active', a_length)
    ON CONFLICT (segment_id, storage_server_id) DO UPDATE
       SET generation = excluded.generation, state = 'active', durable_length = excluded.durable_length,
           reason = '', changed_at = now(), scrubbed_at = now(), verified_at = now(), bad_since = NULL,
           not_before = '-infinity', claimed_by = NULL, claimed_until = NULL
     WHERE excluded.generation > old.generation;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM catalog.copy_owed o WHERE o.segment_id = a_segment AND o.storage_server_id = v_server;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.note_copy(uuid, uuid, integer, bigint, bytea) IS 'Records a copy that a tracker wrote whole, and that it is owed no more';

-- A tracker sealed what a retired mail server had left open, and has told of it by note_segments().
CREATE FUNCTION catalog.conclude_abandoned(a_segment uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE catalog.segment s SET state = 'sealed'
     WHERE s.id = a_segment AND s.state = 'retired' AND s.sealed_at IS NOT NULL
$$;
COMMENT ON FUNCTION catalog.conclude_abandoned(uuid) IS 'A segment of a retired mail server has its seal: it is like any other from here on';

-- Discovered between its creation and the failure that made its writer give it up: every storage
-- server has answered, and none has a file. Nothing was ever acknowledged in it.
CREATE FUNCTION catalog.forget_void(a_segment uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM catalog.segment s
     WHERE s.id = a_segment AND s.state = 'open' AND s.catalogued_to = s.first_frame
       AND s.opened_at < now() - interval '2 minutes'
       AND NOT EXISTS (SELECT FROM catalog.message m WHERE m.segment_id = s.id);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION catalog.forget_void(uuid) IS 'Forgets an open segment of which no storage server has a file and nothing is catalogued';

CREATE FUNCTION catalog.count_for_requests(a_kind text, a_server bigint, is_bad boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE catalog.upkeep_request q
       SET checked = q.checked + 1, bad = q.bad + CASE WHEN is_bad THEN 1 ELSE 0 END
     WHERE q.kind = a_kind AND q.finished_at IS NULL
       AND (q.storage_server_id IS NULL OR q.storage_server_id = a_server)
$$;

-- A tracker read a copy whole. Outcomes:
--   'good': a_generation is the file that was good, of the length and digest that the segment has;
--   'bad':  a_generation is the file that was bad or missing;
--   'unknown': the storage server did not answer, which decides nothing.
-- Bad once makes it suspect; bad again, a_cache_s later, lost and owed. Returns the state after it,
-- or 'changed' if it is another copy by now, or gone.
CREATE FUNCTION catalog.note_scrub(a_segment uuid, a_store uuid, claimed_generation integer, outcome text,
                                   a_generation integer, a_digest bytea, why text,
                                   a_cache_s double precision, a_retry_s double precision) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    r catalog.segment_replica;
    s catalog.segment;
    v directory.storage_server;
    after_that text;
BEGIN
    SELECT * INTO v FROM directory.storage_server x WHERE x.store_id = a_store;
    SELECT * INTO s FROM catalog.segment x WHERE x.id = a_segment FOR KEY SHARE;
    SELECT * INTO r FROM catalog.segment_replica x
     WHERE x.segment_id = a_segment AND x.storage_server_id = v.id FOR UPDATE;
    IF NOT FOUND OR r.generation <> claimed_generation OR r.state NOT IN ('active', 'suspect') THEN
        RETURN 'changed';
    END IF;
    IF outcome = 'unknown' THEN
        UPDATE catalog.segment_replica x
           SET claimed_by = NULL, claimed_until = NULL, not_before = now() + make_interval(secs => a_retry_s)
         WHERE x.segment_id = a_segment AND x.storage_server_id = v.id;
        RETURN r.state;
    END IF;
    -- A suspicion is followed up in any case; for a request it counts once.
    PERFORM catalog.count_for_requests('scrub', v.id, outcome = 'bad')
      FROM catalog.upkeep_request q
     WHERE q.kind = 'scrub' AND q.finished_at IS NULL AND r.scrubbed_at < q.requested_at
       AND (q.storage_server_id IS NULL OR q.storage_server_id = v.id)
     LIMIT 1;
    IF outcome = 'good' THEN
        UPDATE catalog.segment x SET digest = a_digest WHERE x.id = a_segment AND x.digest IS NULL;
        after_that := 'active';
    ELSIF r.bad_since IS NULL OR r.bad_since > now() - make_interval(secs => a_cache_s) THEN
        after_that := 'suspect';
    ELSE
        after_that := 'lost';
        INSERT INTO catalog.copy_owed AS o (segment_id, storage_server_id, reason)
        SELECT a_segment, v.id, 'corrupt: ' || why
         WHERE v.state = 'active' AND s.superseded_at IS NULL
        ON CONFLICT (segment_id, storage_server_id) DO UPDATE SET reason = excluded.reason;
        PERFORM directory.raise_event('warning', 'copy_corrupt', v.name, a_segment::text,
                                      jsonb_build_object('reason', why, 'generation', a_generation));
    END IF;
    UPDATE catalog.segment_replica x
       SET state = after_that, generation = a_generation,
           durable_length = CASE after_that WHEN 'active' THEN s.length ELSE x.durable_length END,
           reason = CASE after_that WHEN 'active' THEN '' ELSE why END,
           changed_at = CASE x.state WHEN after_that THEN x.changed_at ELSE now() END,
           scrubbed_at = now(),
           verified_at = CASE after_that WHEN 'active' THEN now() ELSE x.verified_at END,
           bad_since = CASE after_that WHEN 'suspect' THEN coalesce(x.bad_since, now()) END,
           not_before = CASE after_that
               WHEN 'suspect' THEN coalesce(x.bad_since, now()) + make_interval(secs => a_cache_s)
               ELSE '-infinity' END,
           claimed_by = NULL, claimed_until = NULL
     WHERE x.segment_id = a_segment AND x.storage_server_id = v.id;
    RETURN after_that;
END
$$;
COMMENT ON FUNCTION catalog.note_scrub(uuid, uuid, integer, text, integer, bytea, text, double precision, double precision) IS 'What a tracker found when it read a copy whole: good, bad or unknown';

-- A tracker looked at length and seal of a copy. Wrong ones become suspect: that they are read whole.
CREATE FUNCTION catalog.note_verified(a_segment uuid, a_store uuid, claimed_generation integer,
                                      outcome text, why text, a_retry_s double precision) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_server bigint := (SELECT v.id FROM directory.storage_server v WHERE v.store_id = a_store);
    r catalog.segment_replica;
BEGIN
    SELECT * INTO r FROM catalog.segment_replica x
     WHERE x.segment_id = a_segment AND x.storage_server_id = v_server FOR UPDATE;
    IF NOT FOUND OR r.generation <> claimed_generation OR r.state <> 'active' THEN
        RETURN;
    END IF;
    IF outcome <> 'unknown' THEN
        PERFORM catalog.count_for_requests('verify', v_server, outcome = 'bad')
          FROM catalog.upkeep_request q
         WHERE q.kind = 'verify' AND q.finished_at IS NULL AND r.verified_at < q.requested_at
           AND (q.storage_server_id IS NULL OR q.storage_server_id = v_server)
         LIMIT 1;
    END IF;
    UPDATE catalog.segment_replica x
       SET state = CASE outcome WHEN 'bad' THEN 'suspect' ELSE x.state END,
           reason = CASE outcome WHEN 'bad' THEN why ELSE x.reason END,
           changed_at = CASE outcome WHEN 'bad' THEN now() ELSE x.changed_at END,
           verified_at = CASE outcome WHEN 'unknown' THEN x.verified_at ELSE now() END,
           durable_length = CASE outcome
               WHEN 'good' THEN (SELECT s.length FROM catalog.segment s WHERE s.id = a_segment)
               ELSE x.durable_length END,
           not_before = CASE outcome
               WHEN 'unknown' THEN now() + make_interval(secs => a_retry_s) ELSE '-infinity' END,
           claimed_by = NULL, claimed_until = NULL
     WHERE x.segment_id = a_segment AND x.storage_server_id = v_server;
END
$$;
COMMENT ON FUNCTION catalog.note_verified(uuid, uuid, integer, text, text, double precision) IS 'What a tracker found when it looked at length and seal of a copy';

------------------------------------------------------------------------------- operators' requests

-- What a request still has to do: copies to read or to look at; of a storage server that retires,
-- segments that have too few copies without it, and those that are still being written there.
CREATE FUNCTION catalog.request_left(a_request bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT CASE q.kind
        WHEN 'retire' THEN (
            SELECT count(*)
              FROM catalog.segment_replica r
              JOIN catalog.segment s ON s.id = r.segment_id AND s.superseded_at IS NULL
              JOIN directory.storage_server v ON v.id = r.storage_server_id
             WHERE r.storage_server_id = q.storage_server_id
               AND CASE v.state
                   WHEN 'draining' THEN s.state = 'open'
                        OR cardinality(catalog.copy_domains(s.id)) < c.min_copies
                   -- Declared lost: of what had no other copy none can be made.
                   WHEN 'retired' THEN s.state = 'sealed'
                        AND cardinality(catalog.copy_domains(s.id)) BETWEEN 1 AND c.min_copies - 1
                   ELSE false END)
        ELSE (
            SELECT count(*)
              FROM catalog.segment_replica r
              JOIN catalog.segment s ON s.id = r.segment_id AND s.state = 'sealed' AND s.superseded_at IS NULL
              JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired'
             WHERE (q.storage_server_id IS NULL OR r.storage_server_id = q.storage_server_id)
               AND CASE q.kind WHEN 'scrub'
                   THEN r.state IN ('active', 'suspect') AND r.scrubbed_at < q.requested_at
                   ELSE r.state = 'active' AND r.verified_at < q.requested_at END)
        END
      FROM catalog.upkeep_request q, directory.cluster c
     WHERE q.id = a_request
$$;
COMMENT ON FUNCTION catalog.request_left(bigint) IS 'How much a request still has to do; 0: it is about to be finished';

-- Ends requests that are done; a storage server that was emptied is retired here. p_settle_s: agents
-- get that long to hear that it drains. Returns the names of storage servers that were retired.
CREATE FUNCTION catalog.finish_requests(p_pause_s double precision, p_settle_s double precision)
RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    q record;
BEGIN
    DELETE FROM catalog.upkeep_request x WHERE x.finished_at < now() - interval '30 days';
    FOR q IN
        SELECT x.id, x.kind, x.requested_at, v.id AS server_id, v.name, v.state
          FROM catalog.upkeep_request x LEFT JOIN directory.storage_server v ON v.id = x.storage_server_id
         WHERE x.finished_at IS NULL AND x.looked_at < now() - make_interval(secs => p_pause_s)
         ORDER BY x.id FOR UPDATE OF x SKIP LOCKED
    LOOP
        UPDATE catalog.upkeep_request x SET looked_at = now() WHERE x.id = q.id;
        CONTINUE WHEN q.kind = 'retire' AND q.state = 'draining'
                      AND q.requested_at > now() - make_interval(secs => p_settle_s);
        CONTINUE WHEN catalog.request_left(q.id) > 0;
        IF q.kind = 'retire' AND q.state = 'draining' THEN
            CONTINUE WHEN EXISTS (SELECT FROM directory.mail_server m
                                   WHERE m.storage_server_id = q.server_id AND m.retired_at IS NULL);
            UPDATE directory.storage_server v SET state = 'retired' WHERE v.id = q.server_id;
            PERFORM directory.raise_event('info', 'storage_retired', q.name, '', NULL);
            RETURN NEXT q.name;
        END IF;
        UPDATE catalog.upkeep_request x SET finished_at = now() WHERE x.id = q.id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION catalog.finish_requests(double precision, double precision) IS 'Ends requests that are done, and retires storage servers that were emptied';

CREATE FUNCTION catalog.request_upkeep(p_kind text, p_store text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_server bigint;
    v_id bigint;
BEGIN
    IF p_store IS NOT NULL THEN
        SELECT v.id INTO v_server FROM directory.storage_server v WHERE v.name = p_store;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no storage server %', p_store USING ERRCODE = 'foreign_key_violation';
        END IF;
    ELSIF p_kind = 'retire' THEN
        RAISE EXCEPTION 'which storage server?' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO catalog.upkeep_request (kind, storage_server_id) VALUES (p_kind, v_server)
    RETURNING id INTO v_id;
    RETURN v_id;
END
$$;
COMMENT ON FUNCTION catalog.request_upkeep(text, text) IS 'Asks the trackers for a scrub or a check of one storage server''s copies (null: all), or to empty one';

CREATE FUNCTION catalog.repair_now() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_count bigint;
BEGIN
    UPDATE catalog.copy_owed o SET not_before = '-infinity' WHERE o.not_before > now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION catalog.repair_now() IS 'Copies that are owed and wait after a failure become due at once; returns how many';

------------------------------------------------------------------------------------------- reports

CREATE OR REPLACE VIEW report.copy_owed AS
SELECT o.segment_id, s.writer, s.state AS segment_state, s.length AS segment_length,
       v.name AS storage_server, o.reason, o.since,
       (SELECT count(*) FROM catalog.message m WHERE m.segment_id = o.segment_id) AS messages,
       (SELECT count(DISTINCT w.failure_domain)
          FROM catalog.segment_replica r
          JOIN directory.storage_server w ON w.id = r.storage_server_id AND w.state <> 'retired'
         WHERE r.segment_id = o.segment_id AND r.state = 'active') AS good_copies,
       o.attempts, o.problem
  FROM catalog.copy_owed o
  JOIN catalog.segment s ON s.id = o.segment_id
  JOIN directory.storage_server v ON v.id = o.storage_server_id;
COMMENT ON COLUMN report.copy_owed.problem IS 'why the last attempt to make it failed';

CREATE VIEW report.mirror_gap AS
SELECT s.id AS segment_id, s.writer, s.state AS segment_state, v.name AS storage_server,
       coalesce(r.state, 'missing') AS copy_state, coalesce(o.reason, r.reason, '') AS reason,
       o.since AS owed_since,
       (SELECT count(*) FROM catalog.message m WHERE m.segment_id = s.id) AS messages
  FROM catalog.segment s
  JOIN catalog.wanted_copy w ON w.writer = s.writer
  JOIN directory.storage_server v ON v.id = w.storage_server_id
  LEFT JOIN catalog.segment_replica r ON r.segment_id = s.id AND r.storage_server_id = v.id
  LEFT JOIN catalog.copy_owed o ON o.segment_id = s.id AND o.storage_server_id = v.id
 WHERE s.superseded_at IS NULL AND r.state IS DISTINCT FROM 'active';
COMMENT ON VIEW report.mirror_gap IS 'Copies that the mirroring table asks for and that are not there: one row for a segment and a storage server';
COMMENT ON COLUMN report.mirror_gap.copy_state IS 'missing, behind, suspect or lost';

CREATE VIEW report.storage_status AS
SELECT v.name AS storage_server, v.state, v.failure_domain,
       count(r.segment_id) FILTER (WHERE r.state = 'active') AS segments,
       (SELECT count(*) FROM catalog.segment_replica x JOIN catalog.message m ON m.segment_id = x.segment_id
         WHERE x.storage_server_id = v.id AND x.state = 'active') AS messages,
       coalesce(sum(greatest(s.length, r.durable_length)) FILTER (WHERE r.state = 'active'), 0)::bigint AS bytes,
       (SELECT count(*) FROM catalog.copy_owed o WHERE o.storage_server_id = v.id) AS copies_owed,
       count(r.segment_id) FILTER (WHERE r.state = 'behind') AS behind,
       count(r.segment_id) FILTER (WHERE r.state = 'suspect') AS suspect,
       count(r.segment_id) FILTER (WHERE r.state = 'lost') AS lost,
       min(r.scrubbed_at) FILTER (WHERE r.state = 'active' AND s.state = 'sealed') AS oldest_scrub
  FROM directory.storage_server v
  LEFT JOIN (catalog.segment_replica r JOIN catalog.segment s ON s.id = r.segment_id AND s.superseded_at IS NULL)
         ON r.storage_server_id = v.id
 GROUP BY v.id;
COMMENT ON VIEW report.storage_status IS 'Storage servers: what they hold, what is owed to them, what is not good';
COMMENT ON COLUMN report.storage_status.segments IS 'segments with a good copy there';
COMMENT ON COLUMN report.storage_status.messages IS 'messages with a good copy there';
COMMENT ON COLUMN report.storage_status.bytes IS 'octets of the good copies';
COMMENT ON COLUMN report.storage_status.oldest_scrub IS 'when the copy whose turn to be read is next was last read whole, or made';

CREATE VIEW report.upkeep_request AS
SELECT q.id, q.kind, v.name AS storage_server, q.requested_at, q.requested_by, q.checked, q.bad,
       q.finished_at
  FROM catalog.upkeep_request q LEFT JOIN directory.storage_server v ON v.id = q.storage_server_id;
COMMENT ON VIEW report.upkeep_request IS 'What operators asked of the trackers, and what was found';

-------------------------------------------------------------------------------------------- rights

REVOKE ALL ON FUNCTION catalog.conclude_abandoned(uuid), catalog.forget_void(uuid), catalog.placement_fingerprint(), catalog.copy_domains(uuid),
    catalog.claim_pass(text, text, double precision, double precision),
    catalog.plan_copies(text, text, integer, uuid[]), catalog.tidy_copies(integer),
    catalog.note_copy(uuid, uuid, integer, bigint, bytea),
    catalog.count_for_requests(text, bigint, boolean), catalog.note_scrub, catalog.note_verified,
    catalog.request_left(bigint), catalog.finish_requests(double precision, double precision),
    catalog.request_upkeep(text, text), catalog.repair_now() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.claim_pass(text, text, double precision, double precision),
    catalog.plan_copies(text, text, integer, uuid[]), catalog.tidy_copies(integer),
    catalog.note_copy(uuid, uuid, integer, bigint, bytea), catalog.note_scrub, catalog.note_verified,
    catalog.finish_requests(double precision, double precision), catalog.conclude_abandoned(uuid),
    catalog.forget_void(uuid) TO roundtable_trackerd;
GRANT SELECT ON catalog.upkeep_request TO roundtable_trackerd;
GRANT UPDATE (claimed_by, claimed_until) ON catalog.segment_replica TO roundtable_trackerd;
GRANT EXECUTE ON FUNCTION catalog.request_upkeep(text, text), catalog.repair_now(),
    catalog.request_left(bigint), catalog.copy_domains(uuid) TO roundtable_operator;
GRANT SELECT ON catalog.upkeep_request, catalog.upkeep_pass, catalog.wanted_copy TO roundtable_operator;
GRANT SELECT ON report.mirror_gap, report.storage_status, report.upkeep_request
    TO roundtable_operator, roundtable_report;
