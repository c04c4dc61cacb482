-- Quotas are exact: what an account holds is counted under its row's lock, and the messages of one
-- call count against one another. Accounts without a quota are not locked and not counted.

CREATE FUNCTION catalog.lock_quota(a_mailbox bigint) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT a.id
      FROM catalog.mailbox m JOIN directory.account a ON a.id = m.account_id
     WHERE m.id = a_mailbox AND a.quota_bytes IS NOT NULL
       FOR NO KEY UPDATE OF a
$$;
COMMENT ON FUNCTION catalog.lock_quota(bigint) IS 'Locks the account of a mailbox if it has a quota, before any mailbox is locked';
REVOKE ALL ON FUNCTION catalog.lock_quota(bigint) FROM PUBLIC;

-- Delivers many messages to many recipients in one transaction. README.md has the contract.
--
-- Order of locks, the same in every writer: commit mark of the committer, segments by id, accounts
-- with a quota by id, mailboxes by id, deliveries by key. Two calls can wait for one another, never
-- in a circle.
--
-- The settings keep one plan, by index, for tables of any size: with custom plans a call costs a
-- planning each time, and a generic plan under default settings reads whole tables.
CREATE OR REPLACE FUNCTION catalog.deliver(
    p_committer         text,
    p_seen              bigint,          -- highest commit_sequence that it was told, 0 at its start
    p_segments          jsonb,           -- null, or as catalog.note_segments() takes it
    p_message_ids       uuid[],          -- one entry for each message, in these ten arrays
    p_acknowledged      boolean[],       -- 250 was said: it is stored whatever has become of its account
    p_kinds             smallint[],
    p_segment_ids       uuid[],
    p_frame_offsets     bigint[],
    p_frame_lengths     bigint[],
    p_message_sizes     bigint[],
    p_summary_sizes     integer[],
    p_received_us       bigint[],        -- microseconds since 1970: INTERNALDATE
    p_servers           text[],
    p_senders           text[],
    p_recipient_of      integer[],       -- one entry for each recipient: which message, from 1
    p_recipients        text[],
    p_account_ids       bigint[],        -- 0: look the recipient up
    p_mailboxes         text[],          -- empty: INBOX
    p_flags             smallint[],
    p_keywords          text[],          -- separated by one space
    p_aborted           uuid[],          -- refused earlier; their abort frames are durable
    p_covered_segments  uuid[],          -- stretches of segments whose frames are all dealt with
    p_covered_from      bigint[],        -- once this call has succeeded, in order of segment id
    p_covered_to        bigint[]
) RETURNS TABLE (recipient integer, outcome text, reason text, mailbox_id bigint,
                 uid_validity bigint, uid bigint, modseq bigint, commit_sequence bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_commit bigint;
    v_count integer := coalesce(cardinality(p_recipient_of), 0);
    v_account bigint[];       -- per recipient; null: there is none
    v_had_mailbox bigint[];   -- per recipient: delivered before, as what
    v_had_uid bigint[];
    v_quota bigint[];         -- per recipient: what its account may hold, if that matters here
    v_has_quota boolean;
    v_used bigint[];          -- per recipient with a quota: what its account held before this call
    v_more jsonb := '{}';     -- account: octets that this call has put there so far
    v_aborted boolean[];      -- per recipient: its message is not to be delivered
    v_mailbox bigint[];       -- per recipient: where to
    v_reason text[];          -- per recipient: why the message is refused, or in the dead letters
    v_refused boolean[] := array_fill(false, ARRAY[coalesce(cardinality(p_message_ids), 0)]);
    v_place boolean[];        -- per recipient: gets a UID now
    v_locked bigint[];
    v_wanted bigint;
BEGIN
    v_commit := catalog.next_commit(p_committer, p_seen);
    PERFORM FROM catalog.segment s
      WHERE s.id = ANY (p_covered_segments ||
                        ARRAY(SELECT (e ->> 'id')::uuid FROM jsonb_array_elements(p_segments) AS e))
      ORDER BY s.id FOR NO KEY UPDATE;
    IF p_segments IS NOT NULL THEN
        PERFORM catalog.note_segments(p_segments);
    END IF;
    IF cardinality(p_aborted) > 0 THEN
        INSERT INTO catalog.aborted (message_id)
        SELECT x.id FROM unnest(p_aborted) AS x(id) ORDER BY x.id ON CONFLICT DO NOTHING;
    END IF;

    -- Whose is it, and have they got it already?
    SELECT array_agg(x.account ORDER BY x.i), array_agg(x.mailbox_id ORDER BY x.i),
           array_agg(x.uid ORDER BY x.i), array_agg(x.quota_bytes ORDER BY x.i),
           array_agg(x.aborted ORDER BY x.i), bool_or(x.quota_bytes IS NOT NULL)
      INTO v_account, v_had_mailbox, v_had_uid, v_quota, v_aborted, v_has_quota
      FROM (SELECT r.i, a.id AS account, d.mailbox_id, d.uid,
                   CASE WHEN NOT p_acknowledged[r.m] AND d.uid IS NULL THEN a.quota_bytes END AS quota_bytes,
                   EXISTS (SELECT FROM catalog.aborted n WHERE n.message_id = p_message_ids[r.m]) AS aborted
              FROM unnest(p_recipient_of, p_recipients, p_account_ids) WITH ORDINALITY
                   AS r(m, recipient, account_id, i)
              LEFT JOIN directory.account a
                     ON a.id = CASE r.account_id WHEN 0 THEN directory.account_of(r.recipient)
                                                 ELSE r.account_id END
              LEFT JOIN catalog.delivery d
                     ON d.message_id = p_message_ids[r.m]
                    AND d.account_id = coalesce(a.id, nullif(r.account_id, 0))
            ) AS x;

    -- What counts against a quota is read under the account's lock, in a statement of its own: it
    -- sees what whoever held the lock before has committed.
    IF v_has_quota THEN
        PERFORM FROM directory.account a
          WHERE a.id = ANY (ARRAY(SELECT w.account FROM unnest(v_account, v_quota) AS w(account, quota)
                                   WHERE w.quota IS NOT NULL))
          ORDER BY a.id FOR NO KEY UPDATE;
        SELECT array_agg(CASE WHEN w.quota IS NOT NULL THEN
                             (SELECT coalesce(sum(b.bytes), 0) FROM catalog.mailbox b
                               WHERE b.account_id = w.account) END ORDER BY w.i)
          INTO v_used
          FROM unnest(v_account, v_quota) WITH ORDINALITY AS w(account, quota, i);
    END IF;

    -- Where to? An INBOX is made by the first delivery, another mailbox by its owner.
    INSERT INTO catalog.mailbox (account_id, name)
    SELECT a.id, 'INBOX'
      FROM directory.account a
     WHERE a.id = ANY (v_account)
       AND NOT EXISTS (SELECT FROM catalog.mailbox b WHERE b.account_id = a.id AND b.name = 'INBOX')
     ORDER BY a.id
       FOR KEY SHARE OF a
    ON CONFLICT (account_id, name) DO NOTHING;

    SELECT array_agg(coalesce(b.id, CASE WHEN p_acknowledged[r.m] THEN inbox.id END) ORDER BY r.i)
      INTO v_mailbox
      FROM unnest(v_account, p_mailboxes, p_recipient_of) WITH ORDINALITY AS r(account, name, m, i)
      LEFT JOIN catalog.mailbox b
             ON b.account_id = r.account AND b.name = CASE r.name WHEN '' THEN 'INBOX' ELSE r.name END
      LEFT JOIN catalog.mailbox inbox ON inbox.account_id = r.account AND inbox.name = 'INBOX';

    v_reason := array_fill(NULL::text, ARRAY[v_count]);
    FOR i IN 1 .. v_count LOOP
        IF v_had_mailbox[i] IS NOT NULL OR v_aborted[i] THEN
            NULL;
        ELSIF p_acknowledged[p_recipient_of[i]] THEN
            IF v_mailbox[i] IS NULL THEN
                v_mailbox[i] := catalog.dead_letter_mailbox(p_recipients[i]);
                v_account[i] := coalesce(nullif(p_account_ids[i], 0), -v_mailbox[i]);
                v_reason[i] := 'no_account';
            END IF;
        ELSE
            v_reason[i] := CASE WHEN v_account[i] IS NULL THEN 'no_account'
                                WHEN v_quota[i] < v_used[i] + p_message_sizes[p_recipient_of[i]] +
                                     coalesce((v_more ->> v_account[i]::text)::bigint, 0) THEN 'over_quota'
                                WHEN v_mailbox[i] IS NULL THEN 'no_mailbox' END;
            IF v_reason[i] IS NOT NULL THEN
                v_refused[p_recipient_of[i]] := true;
            END IF;
        END IF;
        -- Recipients come message by message: with the last one it is known whether it is refused.
        IF v_has_quota AND NOT v_refused[p_recipient_of[i]]
           AND p_recipient_of[i] IS DISTINCT FROM p_recipient_of[i + 1] THEN
            SELECT v_more || coalesce(jsonb_object_agg(t.account, t.bytes), '{}') INTO v_more
              FROM (SELECT w.account,
                           coalesce((v_more ->> w.account::text)::bigint, 0) + p_message_sizes[p_recipient_of[i]]
                               AS bytes
                      FROM unnest(v_account, v_quota, p_recipient_of, v_had_mailbox, v_aborted)
                           AS w(account, quota, m, had, aborted)
                     WHERE w.m = p_recipient_of[i] AND w.quota IS NOT NULL
                       AND w.had IS NULL AND NOT w.aborted
                     GROUP BY w.account) AS t;
        END IF;
    END LOOP;

    -- Only over what is contiguous: after a lost commit the mark stays, and a tracker reads on from
    -- there. Never over a frame that is refused here: the answer to this call may get lost, the
    -- agent then says 250, and nobody would look at the frame again. Its abort frame moves the mark.
    FOR i IN 1 .. coalesce(cardinality(p_covered_segments), 0) LOOP
        UPDATE catalog.segment s
           SET catalogued_to = t.until
          FROM (SELECT least(p_covered_to[i], min(m.frame_offset)) AS until
                  FROM unnest(p_segment_ids, p_frame_offsets, v_refused) AS m(segment_id, frame_offset, refused)
                 WHERE m.refused AND m.segment_id = p_covered_segments[i]) AS t
         WHERE s.id = p_covered_segments[i] AND t.until > s.catalogued_to
           AND s.catalogued_to >= p_covered_from[i];
        IF NOT FOUND AND NOT EXISTS (SELECT FROM catalog.segment s WHERE s.id = p_covered_segments[i]) THEN
            RAISE EXCEPTION 'RT001: segment % is not known', p_covered_segments[i] USING ERRCODE = 'RT001';
        END IF;
    END LOOP;

    SELECT array_agg(w.had IS NULL AND NOT w.aborted AND NOT v_refused[w.m] ORDER BY w.i)
      INTO v_place
      FROM unnest(v_had_mailbox, v_aborted, p_recipient_of) WITH ORDINALITY AS w(had, aborted, m, i);
    SELECT count(DISTINCT w.mailbox) INTO v_wanted
      FROM unnest(v_mailbox, v_place) AS w(mailbox, place) WHERE w.place;
    SELECT coalesce(array_agg(l.id), '{}') INTO v_locked
      FROM (SELECT b.id FROM catalog.mailbox b
             WHERE b.id = ANY (ARRAY(SELECT w.mailbox FROM unnest(v_mailbox, v_place) AS w(mailbox, place)
                                      WHERE w.place))
             ORDER BY b.id FOR NO KEY UPDATE) AS l;
    IF cardinality(v_locked) <> v_wanted THEN
        RAISE EXCEPTION 'a mailbox went away during the delivery: deliver again'
            USING ERRCODE = 'serialization_failure';
    END IF;

    INSERT INTO catalog.message
           (id, kind, segment_id, frame_offset, frame_length, message_size, summary_size,
            received_at, server, sender)
    SELECT m.id, m.kind, m.segment_id, m.frame_offset, m.frame_length, m.message_size,
           m.summary_size, timestamptz 'epoch' + m.received_us * interval '1 microsecond',
           m.server, m.sender
      FROM unnest(p_message_ids, p_kinds, p_segment_ids, p_frame_offsets, p_frame_lengths,
                  p_message_sizes, p_summary_sizes, p_received_us, p_servers, p_senders)
           WITH ORDINALITY AS m(id, kind, segment_id, frame_offset, frame_length, message_size,
                                summary_size, received_us, server, sender, i)
     WHERE NOT v_refused[m.i]
       AND NOT EXISTS (SELECT FROM catalog.aborted n WHERE n.message_id = m.id)
     ORDER BY m.id
    ON CONFLICT (id) DO NOTHING;

    RETURN QUERY
    WITH wanted AS (
        -- One row for a message and an account, however many of its addresses were named.
        SELECT DISTINCT ON (r.m, r.account) r.i, r.m, r.account, r.mailbox, r.recipient
          FROM unnest(p_recipient_of, v_account, v_mailbox, p_recipients, v_place)
               WITH ORDINALITY AS r(m, account, mailbox, recipient, place, i)
         WHERE r.place
         ORDER BY r.m, r.account, r.i
    ), numbered AS (
        SELECT w.*, b.uid_validity, b.highest_modseq + 1 AS modseq,
               b.uid_next - 1 + row_number() OVER (PARTITION BY w.mailbox ORDER BY w.m, w.i) AS uid
          FROM wanted w JOIN catalog.mailbox b ON b.id = w.mailbox AND b.id = ANY (v_locked)
    ), placed AS (
        INSERT INTO catalog.delivery AS d (message_id, account_id, recipient, mailbox_id, uid)
        SELECT p_message_ids[n.m], n.account, n.recipient, n.mailbox, n.uid
          FROM numbered n
         ORDER BY 1, 2
        ON CONFLICT (message_id, account_id) DO NOTHING
        RETURNING d.message_id, d.account_id
    ), fresh AS (
        SELECT n.*
          FROM numbered n
          JOIN placed p ON p.message_id = p_message_ids[n.m] AND p.account_id = n.account
    ), shown AS (
        INSERT INTO catalog.mailbox_message
               (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
        SELECT f.mailbox, f.uid, p_message_ids[f.m], f.modseq, p_flags[f.i],
               string_to_array(p_keywords[f.i], ' '),
               timestamptz 'epoch' + p_received_us[f.m] * interval '1 microsecond', p_message_sizes[f.m]
          FROM fresh f
         ORDER BY f.mailbox, f.uid
    ), counted AS (
        UPDATE catalog.mailbox b
           SET uid_next = t.uid_last + 1, highest_modseq = b.highest_modseq + 1,
               messages = b.messages + t.messages, unseen = b.unseen + t.unseen,
               deleted = b.deleted + t.deleted, bytes = b.bytes + t.bytes
          FROM (SELECT f.mailbox, max(f.uid) AS uid_last, count(*) AS messages,
                       count(*) FILTER (WHERE p_flags[f.i] & 1 = 0) AS unseen,
                       count(*) FILTER (WHERE p_flags[f.i] & 8 <> 0) AS deleted,
                       sum(p_message_sizes[f.m]) AS bytes
                  FROM fresh f GROUP BY f.mailbox) AS t
         WHERE b.id = t.mailbox AND b.id = ANY (v_locked)
        RETURNING pg_notify('roundtable_mailbox', b.id::text)
    ), mourned AS (
        INSERT INTO directory.event (severity, kind, server, subject, detail)
        SELECT 'warning', 'dead_letter', p_committer, f.recipient,
               jsonb_build_object('message', p_message_ids[f.m], 'account', f.account,
                                  'mailbox', f.mailbox, 'uid', f.uid)
          FROM fresh f WHERE v_reason[f.i] IS NOT NULL
        RETURNING pg_notify('roundtable_event', kind)
    )
    SELECT r.i::integer,
           CASE WHEN v_refused[r.m] THEN 'refused'
                WHEN r.had IS NOT NULL THEN 'already'
                WHEN r.aborted THEN 'aborted'
                WHEN f.uid IS NULL THEN 'already'
                WHEN v_reason[r.i] IS NOT NULL THEN 'dead_letter'
                ELSE 'delivered' END,
           coalesce(v_reason[r.i], ''),
           coalesce(r.had, f.mailbox, 0), coalesce(f.uid_validity, b.uid_validity, 0),
           coalesce(r.had_uid, f.uid, 0), coalesce(f.modseq, 0), v_commit
      FROM unnest(p_recipient_of, v_account, v_had_mailbox, v_had_uid, v_aborted) WITH ORDINALITY
           AS r(m, account, had, had_uid, aborted, i)
      LEFT JOIN fresh f ON f.m = r.m AND f.account = r.account AND r.had IS NULL
      LEFT JOIN catalog.mailbox b ON b.id = r.had
     ORDER BY r.i;
END
$$;
COMMENT ON FUNCTION catalog.deliver IS 'The one delivery: idempotent by (message, account); many messages in one round trip';

-- COPY (RFC 9051 6.4.7) and MOVE (6.4.8): all of the messages or none. Flags, keywords and internal
-- date go along. Both mailboxes belong to one account. What was moved is not retained (0011).
CREATE OR REPLACE FUNCTION catalog.copy_messages(p_from bigint, p_first bigint[], p_last bigint[], p_to bigint, p_move boolean)
RETURNS TABLE (uid bigint, new_uid bigint, uid_validity bigint, from_modseq bigint, to_modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
    -- In this order: whoever delivers holds the account when it asks for the mailboxes.
    quota_account bigint := CASE WHEN NOT p_move THEN catalog.lock_quota(p_to) END;
    low catalog.mailbox := catalog.lock_mailbox(least(p_from, p_to));
    high catalog.mailbox := catalog.lock_mailbox(greatest(p_from, p_to));
    source catalog.mailbox := CASE WHEN p_from <= p_to THEN low ELSE high END;
    target catalog.mailbox := CASE WHEN p_from <= p_to THEN high ELSE low END;
    v_uids bigint[];
    v_bytes bigint;
BEGIN
    IF source.account_id IS DISTINCT FROM target.account_id THEN
        RAISE EXCEPTION 'RT006: mailboxes of two accounts' USING ERRCODE = 'RT006';
    END IF;
    SELECT array_agg(x.uid ORDER BY x.uid), sum(x.size) INTO v_uids, v_bytes
      FROM unnest(p_first, p_last) AS r(first, last)
      JOIN catalog.mailbox_message x ON x.mailbox_id = p_from AND x.uid BETWEEN r.first AND r.last;
    IF v_uids IS NULL THEN
        RETURN;
    END IF;
    IF NOT p_move THEN
        PERFORM catalog.require_quota(target.account_id, v_bytes);
    END IF;
    WITH copied AS (
        INSERT INTO catalog.mailbox_message AS m
               (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
        SELECT p_to, target.uid_next - 1 + u.n, x.message_id, target.highest_modseq + 1, x.flags,
               x.keywords, x.internal_date, x.size
          FROM unnest(v_uids) WITH ORDINALITY AS u(uid, n)
          JOIN catalog.mailbox_message x ON x.mailbox_id = p_from AND x.uid = u.uid
         ORDER BY u.n
        RETURNING m.uid, m.flags, m.size
    )
    UPDATE catalog.mailbox b
       SET uid_next = b.uid_next + t.messages, highest_modseq = b.highest_modseq + 1,
           messages = b.messages + t.messages, unseen = b.unseen + t.unseen,
           deleted = b.deleted + t.deleted, bytes = b.bytes + t.bytes
      FROM (SELECT count(*) AS messages, count(*) FILTER (WHERE c.flags & 1 = 0) AS unseen,
                   count(*) FILTER (WHERE c.flags & 8 <> 0) AS deleted, sum(c.size) AS bytes
              FROM copied c) AS t
     WHERE b.id = p_to;
    IF p_move THEN
        PERFORM FROM catalog.take_out(p_from, v_uids, v_uids, false, false);
    END IF;
    PERFORM pg_notify('roundtable_mailbox', p_to::text);
    RETURN QUERY
    SELECT u.uid, target.uid_next - 1 + u.n, target.uid_validity,
           (SELECT b.highest_modseq FROM catalog.mailbox b WHERE b.id = p_from),
           target.highest_modseq + 1
      FROM unnest(v_uids) WITH ORDINALITY AS u(uid, n)
     ORDER BY u.n;
END
$$;
COMMENT ON FUNCTION catalog.copy_messages IS 'Copies or moves messages to another mailbox of the account, atomically';
