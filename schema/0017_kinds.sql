-- Kinds of messages: what is known of a fax, a voicemail, a scanned message, in tables of its own;
-- keys by which a message that is handed in twice is delivered once; folders and keywords by kind.

CREATE TABLE catalog.fax (
    message_id    uuid PRIMARY KEY,
    called        text,
    caller        text,
    subaddress    text,
    sender_id     text,
    pages         integer CHECK (pages >= 0),
    damaged_pages integer CHECK (damaged_pages >= 0),
    duration_s    integer CHECK (duration_s >= 0),
    device        text
);
COMMENT ON TABLE catalog.fax IS 'One row for each message of kind fax; null: it is not known';
COMMENT ON COLUMN catalog.fax.called IS 'number that was called';
COMMENT ON COLUMN catalog.fax.caller IS 'number that called, by the telephone network';
COMMENT ON COLUMN catalog.fax.subaddress IS 'T.30 subaddress (SUB), or the extension of the called number';
COMMENT ON COLUMN catalog.fax.sender_id IS 'what the sending machine calls itself (T.30 TSI)';
COMMENT ON COLUMN catalog.fax.damaged_pages IS 'pages with lines that did not arrive whole';
COMMENT ON COLUMN catalog.fax.device IS 'modem or channel that received it';

CREATE TABLE catalog.voicemail (
    message_id  uuid PRIMARY KEY,
    called      text,
    caller      text,
    caller_name text,
    duration_s  integer CHECK (duration_s >= 0),
    urgent      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE catalog.voicemail IS 'One row for each message of kind voicemail; null: it is not known';
COMMENT ON COLUMN catalog.voicemail.called IS 'number or address that was called';
COMMENT ON COLUMN catalog.voicemail.caller IS 'number that called; null: not known, or withheld';

CREATE TABLE catalog.scan (
    message_id uuid PRIMARY KEY,
    verdict    text CHECK (verdict IN ('clean', 'infected', 'unscanned')),
    signature  text,
    scanner    text
);
COMMENT ON TABLE catalog.scan IS 'What a virus scanner said of a message when it was accepted; no row: nothing was asked';
COMMENT ON COLUMN catalog.scan.verdict IS 'unscanned: accepted without, the scanner did not answer';
COMMENT ON COLUMN catalog.scan.signature IS 'what was found in it';

CREATE TABLE catalog.ingest_key (
    key        text PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE,
    at         timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    is_durable boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE catalog.ingest_key IS 'Keys of messages that were handed in with one: a second message with the key is never delivered';
COMMENT ON COLUMN catalog.ingest_key.is_durable IS 'who wrote the message into its segment has said that its copies were durable there; what a tracker finds in an open segment may have one copy';
COMMENT ON COLUMN catalog.ingest_key.removed_at IS 'when the message went for good, or (after a rebuild) its frame was still to be found, or the key was last asked for since; the key stays for directory.cluster.ingest_key_retention more';
CREATE INDEX ingest_key_by_age ON catalog.ingest_key (removed_at) WHERE removed_at IS NOT NULL;

-------------------------------------------------------------------------------- attributes as columns

-- Acknowledged mail is never refused: what is absurd is null, never an error.
CREATE FUNCTION catalog.attribute_number(attributes jsonb, name text, most integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
RETURN CASE WHEN attributes ->> name ~ '^[0-9]{1,9}$' AND (attributes ->> name)::integer <= most
            THEN (attributes ->> name)::integer END;

CREATE FUNCTION catalog.attribute_text(attributes jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
RETURN nullif(left(attributes ->> name, 255), '');

-- The rows by kind of the messages that are neither refused nor aborted, and their keys. Said twice,
-- it changes nothing.
CREATE FUNCTION catalog.note_kinds(p_ids uuid[], p_kinds smallint[], p_refused boolean[], p_attributes jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    message record;
BEGIN
    FOR message IN
        SELECT m.id, m.kind, coalesce(p_attributes -> m.i::text, '{}') AS a
          FROM unnest(p_ids, p_kinds, p_refused) WITH ORDINALITY AS m(id, kind, refused, i)
         WHERE NOT m.refused AND (m.kind <> 1 OR p_attributes ? m.i::text)
           AND NOT EXISTS (SELECT FROM catalog.aborted n WHERE n.message_id = m.id)
         ORDER BY m.id
    LOOP
        IF message.kind = 2 THEN
            INSERT INTO catalog.fax
                   (message_id, called, caller, subaddress, sender_id, pages, damaged_pages, duration_s, device)
            VALUES (message.id, catalog.attribute_text(message.a, 'called'),
                    catalog.attribute_text(message.a, 'caller'), catalog.attribute_text(message.a, 'subaddress'),
                    catalog.attribute_text(message.a, 'sender-id'),
                    catalog.attribute_number(message.a, 'pages', 100000),
                    catalog.attribute_number(message.a, 'damaged-pages', 100000),
                    catalog.attribute_number(message.a, 'duration', 604800),
                    catalog.attribute_text(message.a, 'device'))
            ON CONFLICT DO NOTHING;
        ELSIF message.kind = 3 THEN
            INSERT INTO catalog.voicemail (message_id, called, caller, caller_name, duration_s, urgent)
            VALUES (message.id, catalog.attribute_text(message.a, 'called'),
                    catalog.attribute_text(message.a, 'caller'), catalog.attribute_text(message.a, 'caller-name'),
                    catalog.attribute_number(message.a, 'duration', 604800),
                    coalesce(message.a ->> 'urgent' = '1', false))
            ON CONFLICT DO NOTHING;
        END IF;
        IF message.a ?| '{verdict,signature,scanner}' THEN
            INSERT INTO catalog.scan (message_id, verdict, signature, scanner)
            VALUES (message.id,
                    CASE WHEN message.a ->> 'verdict' IN ('clean', 'infected', 'unscanned')
                         THEN message.a ->> 'verdict' END,
                    catalog.attribute_text(message.a, 'signature'), catalog.attribute_text(message.a, 'scanner'))
            ON CONFLICT DO NOTHING;
        END IF;
        IF message.a ->> 'key' <> '' THEN
            INSERT INTO catalog.ingest_key (key, message_id) VALUES (message.a ->> 'key', message.id)
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION catalog.note_kinds IS 'What deliver() knows of messages beside their place: rows of fax, voicemail, scan, ingest_key';

-- Which messages of a delivery have the key of another message? {"2": id}: the second has the key of
-- that one, which is delivered or will be by this call. {"2": null}: it has the key of one of this
-- call that may still be refused. Null: none has. A message that was delivered keeps its deliveries,
-- whatever its key.
--
-- The locks last to the end of the transaction; what their holders before have committed is seen by
-- the statements behind.
CREATE FUNCTION catalog.lock_keys(p_ids uuid[], p_acknowledged boolean[], p_attributes jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    v_keys text[] := ARRAY(SELECT nullif(p_attributes -> m.i::text ->> 'key', '')
                             FROM unnest(p_ids) WITH ORDINALITY AS m(id, i) ORDER BY m.i);
    v_other jsonb;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(v_keys) AS k(key) WHERE k.key IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(h.hash)
       FROM (SELECT DISTINCT hashtextextended(k.key, 20260) AS hash FROM unnest(v_keys) AS k(key)
              WHERE k.key IS NOT NULL ORDER BY 1) AS h;
    UPDATE catalog.ingest_key k SET removed_at = NULL
      FROM unnest(p_ids, v_keys) AS m(id, key)
     WHERE k.key = m.key AND k.message_id = m.id AND k.removed_at IS NOT NULL;
    SELECT jsonb_object_agg(w.i::text, coalesce(w.owner, CASE WHEN w.is_sure THEN w.first END))
      INTO v_other
      FROM (SELECT x.i, x.id, x.delivered, x.owner,
                   first_value(x.id) OVER same AS first,
                   first_value(x.delivered OR x.acknowledged) OVER same AS is_sure
              FROM (SELECT m.i, m.id, m.key, m.acknowledged, k.message_id AS owner,
                           EXISTS (SELECT FROM catalog.delivery d WHERE d.message_id = m.id) AS delivered
                      FROM unnest(p_ids, v_keys, p_acknowledged) WITH ORDINALITY
                           AS m(id, key, acknowledged, i)
                      LEFT JOIN catalog.ingest_key k ON k.key = m.key
                     WHERE m.key IS NOT NULL
                       AND NOT EXISTS (SELECT FROM catalog.aborted n WHERE n.message_id = m.id)) AS x
            WINDOW same AS (PARTITION BY x.key ORDER BY x.delivered DESC, x.acknowledged DESC, x.i)) AS w
     WHERE NOT w.delivered AND coalesce(w.owner, w.first) <> w.id;
    -- Was it found to be another's before? Then it is aborted, and the answer is the same.
    RETURN nullif(coalesce(v_other, '{}') || coalesce(
        (SELECT jsonb_object_agg(m.i::text, k.message_id)
           FROM unnest(p_ids, v_keys) WITH ORDINALITY AS m(id, key, i)
           JOIN catalog.ingest_key k ON k.key = m.key AND k.message_id <> m.id
           JOIN catalog.aborted n ON n.message_id = m.id), '{}'), '{}');
END
$$;
COMMENT ON FUNCTION catalog.lock_keys IS 'Locks the keys of messages that are to be delivered, in the order of their hashes, and says which belong to other messages';

CREATE FUNCTION catalog.with_kind_keyword(p_kind smallint, p_keywords text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
RETURN CASE WHEN p_kind NOT IN (2, 3)
                 OR lower(CASE p_kind WHEN 2 THEN '$Fax' ELSE '$Voicemail' END)
                    = ANY (string_to_array(lower(p_keywords), ' '))
                 OR cardinality(string_to_array(p_keywords, ' ')) >= 64
            THEN string_to_array(p_keywords, ' ')
            ELSE string_to_array(p_keywords, ' ') || CASE p_kind WHEN 2 THEN '$Fax' ELSE '$Voicemail' END END;

-- Mailboxes that accounts have chosen for a kind, with the levels above them; new ones are subscribed
-- to, since many clients show no others.
CREATE FUNCTION catalog.ensure_folders(p_accounts bigint[], p_names text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    wanted record;
    levels text[];
BEGIN
    FOR wanted IN
        SELECT DISTINCT w.account, w.name
          FROM unnest(p_accounts, p_names) AS w(account, name)
         WHERE NOT EXISTS (SELECT FROM catalog.mailbox b WHERE b.account_id = w.account AND b.name = w.name)
         ORDER BY w.account, w.name
    LOOP
        levels := string_to_array(wanted.name, '/');
        FOR n IN 1 .. cardinality(levels) LOOP
            INSERT INTO catalog.mailbox (account_id, name)
            SELECT a.id, array_to_string(levels[1:n], '/')
              FROM directory.account a WHERE a.id = wanted.account FOR KEY SHARE OF a
            ON CONFLICT (account_id, name) DO NOTHING;
        END LOOP;
        INSERT INTO catalog.subscription (account_id, name)
        SELECT a.id, wanted.name FROM directory.account a WHERE a.id = wanted.account
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;
COMMENT ON FUNCTION catalog.ensure_folders IS 'Makes the mailboxes that faxes and voicemails go to, if they are not there';

------------------------------------------------------------------------------------------ delivery

DROP FUNCTION catalog.deliver(text, bigint, jsonb, uuid[], boolean[], smallint[], uuid[], bigint[], bigint[],
    bigint[], integer[], bigint[], text[], text[], integer[], text[], bigint[], text[], smallint[], text[],
    uuid[], uuid[], bigint[], bigint[]);

-- Delivers many messages to many recipients in one transaction. README.md has the contract.
--
-- Order of locks, the same in every writer: commit mark of the committer, segments by id, keys by
-- their hash, accounts with a quota by id, mailboxes by id, deliveries by key. Two calls can wait for
-- one another, never in a circle.
--
-- The settings keep one plan, by index, for tables of any size: with custom plans a call costs a
-- planning each time, and a generic plan under default settings reads whole tables.
CREATE FUNCTION catalog.deliver(
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
    p_covered_to        bigint[],
    p_attributes        jsonb DEFAULT NULL  -- {"3": {"key": ...}}: of the third message; null: none has any
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
    v_special boolean := coalesce(p_kinds && '{2,3}'::smallint[], false);  -- one is no e-mail
    v_folder text[];          -- per recipient: where its account wants this kind
    v_other jsonb;            -- as catalog.lock_keys() says; null: no message has the key of another
    v_first uuid[];           -- per recipient: the other message that has the key of this one,
    v_first_mailbox bigint[]; -- and where that is
    v_first_uid bigint[];
    v_same_key boolean[];     -- per recipient: another message of this call has it, and may be refused
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
    IF p_attributes IS NOT NULL THEN
        v_other := catalog.lock_keys(p_message_ids, p_acknowledged, p_attributes);
        INSERT INTO catalog.aborted (message_id)
        SELECT p_message_ids[o.m::integer] FROM jsonb_each_text(v_other) AS o(m, first)
         WHERE o.first IS NOT NULL ORDER BY 1 ON CONFLICT DO NOTHING;
    END IF;

    -- Whose is it, and have they got it already?
    SELECT array_agg(x.account ORDER BY x.i), array_agg(x.mailbox_id ORDER BY x.i),
           array_agg(x.uid ORDER BY x.i), array_agg(x.quota_bytes ORDER BY x.i),
           array_agg(x.aborted ORDER BY x.i), bool_or(x.quota_bytes IS NOT NULL),
           array_agg(x.folder ORDER BY x.i)
      INTO v_account, v_had_mailbox, v_had_uid, v_quota, v_aborted, v_has_quota, v_folder
      FROM (SELECT r.i, a.id AS account, d.mailbox_id, d.uid,
                   CASE p_kinds[r.m] WHEN 2 THEN a.fax_folder WHEN 3 THEN a.voicemail_folder END AS folder,
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
    IF v_other IS NOT NULL THEN
        SELECT array_agg(w.first ORDER BY w.i), array_agg(o.mailbox_id ORDER BY w.i),
               array_agg(o.uid ORDER BY w.i), array_agg(w.busy ORDER BY w.i)
          INTO v_first, v_first_mailbox, v_first_uid, v_same_key
          FROM (SELECT r.i, r.account, (v_other ->> r.m::text)::uuid AS first,
                       v_other ? r.m::text AND v_other ->> r.m::text IS NULL AS busy
                  FROM unnest(p_recipient_of, v_account) WITH ORDINALITY AS r(m, account, i)) AS w
          LEFT JOIN catalog.delivery o ON o.message_id = w.first AND o.account_id = w.account;
    END IF;

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

    -- So is the folder that an account has chosen for this kind: it counts where none is named.
    IF v_special THEN
        SELECT array_agg(CASE WHEN w.name <> '' OR w.aborted OR w.had IS NOT NULL THEN w.name
                              ELSE coalesce(w.folder, '') END ORDER BY w.i)
          INTO p_mailboxes
          FROM unnest(p_mailboxes, v_folder, v_aborted, v_had_mailbox) WITH ORDINALITY
               AS w(name, folder, aborted, had, i);
        PERFORM catalog.ensure_folders(
            ARRAY(SELECT w.account FROM unnest(v_account, v_folder, p_mailboxes) AS w(account, folder, name)
                   WHERE w.folder = w.name),
            ARRAY(SELECT w.name FROM unnest(v_account, v_folder, p_mailboxes) AS w(account, folder, name)
                   WHERE w.folder = w.name));
    END IF;

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
            v_reason[i] := CASE WHEN v_same_key[i] THEN 'same_key'
                                WHEN v_account[i] IS NULL THEN 'no_account'
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

    IF v_special OR p_attributes IS NOT NULL THEN
        PERFORM catalog.note_kinds(p_message_ids, p_kinds, v_refused, p_attributes);
    END IF;
    -- Agents deliver what is durable; a tracker delivers what it finds.
    IF p_attributes IS NOT NULL THEN
        UPDATE catalog.ingest_key k SET is_durable = true
          FROM unnest(p_message_ids, p_segment_ids) AS x(id, segment_id)
          JOIN catalog.segment s ON s.id = x.segment_id
          JOIN catalog.message m ON m.id = x.id AND m.segment_id = s.id
         WHERE k.message_id = x.id AND NOT k.is_durable
           AND p_committer IN ('mail ' || s.writer, 'access ' || s.writer);
    END IF;

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
               CASE WHEN v_special THEN catalog.with_kind_keyword(p_kinds[f.m], p_keywords[f.i])
                    ELSE string_to_array(p_keywords[f.i], ' ') END,
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
                WHEN r.first IS NOT NULL THEN 'already'
                WHEN r.aborted THEN 'aborted'
                WHEN f.uid IS NULL THEN 'already'
                WHEN v_reason[r.i] IS NOT NULL THEN 'dead_letter'
                ELSE 'delivered' END,
           coalesce(v_reason[r.i], r.first::text, ''),
           coalesce(r.had, f.mailbox, v_first_mailbox[r.i], 0),
           coalesce(f.uid_validity, b.uid_validity, 0),
           coalesce(r.had_uid, f.uid, v_first_uid[r.i], 0), coalesce(f.modseq, 0), v_commit
      FROM unnest(p_recipient_of, v_account, v_had_mailbox, v_had_uid, v_aborted, v_first) WITH ORDINALITY
           AS r(m, account, had, had_uid, aborted, first, i)
      LEFT JOIN fresh f ON f.m = r.m AND f.account = r.account AND r.had IS NULL
      LEFT JOIN catalog.mailbox b ON b.id = coalesce(r.had, v_first_mailbox[r.i])
     ORDER BY r.i;
END
$$;
COMMENT ON FUNCTION catalog.deliver IS 'The one delivery: idempotent by (message, account) and by key; many messages in one round trip';
REVOKE ALL ON FUNCTION catalog.deliver, catalog.note_kinds, catalog.lock_keys, catalog.ensure_folders,
    catalog.attribute_number, catalog.attribute_text, catalog.with_kind_keyword FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.deliver TO roundtable_mtad, roundtable_accessd, roundtable_trackerd;

-- Failure domains where a message is known to be durable now. Of an open segment nobody but its writer
-- knows how far its copies go; a copy that is called active and was never seen at its full length is
-- no copy yet.
CREATE FUNCTION catalog.durable_domains(a_message uuid, is_durable boolean) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT count(DISTINCT v.failure_domain)
      FROM catalog.message m
      JOIN catalog.segment s ON s.id = m.segment_id
      JOIN catalog.segment_replica r ON r.segment_id = s.id
      JOIN directory.storage_server v ON v.id = r.storage_server_id AND v.state <> 'retired'
     WHERE m.id = a_message
       AND ((r.state IN ('active', 'behind') AND r.durable_length >= m.frame_offset + m.frame_length)
            OR (is_durable AND r.state = 'active' AND s.state <> 'sealed'))
$$;

-- Before a message is stored: is its key known? A hint; deliver() decides. Whoever asks still has the
-- message, and would bring it again: so a key that is asked for is kept, however long its message has
-- been gone. It is safe if the promise of 250 holds for it now; one that was removed for good was, and
-- whoever removed it wanted that.
CREATE FUNCTION catalog.message_of_key(a_key text) RETURNS TABLE (id uuid, is_safe boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
BEGIN
    PERFORM catalog.require_open();
    UPDATE catalog.ingest_key k SET removed_at = now()
     WHERE k.key = a_key
       AND k.removed_at < now() - (SELECT least(interval '1 day', c.ingest_key_retention / 10)
                                     FROM directory.cluster c);
    RETURN QUERY
    SELECT k.message_id,
           CASE WHEN EXISTS (SELECT FROM catalog.message m WHERE m.id = k.message_id)
                THEN catalog.durable_domains(k.message_id, k.is_durable) >=
                     (SELECT least(c.min_copies, s.min_copies)
                        FROM directory.cluster c, catalog.message m
                        JOIN catalog.segment s ON s.id = m.segment_id WHERE m.id = k.message_id)
                ELSE k.removed_at IS NOT NULL
                     AND NOT EXISTS (SELECT FROM catalog.rebuild r WHERE r.phase <> 'done') END
      FROM catalog.ingest_key k WHERE k.key = a_key;
END
$$;
COMMENT ON FUNCTION catalog.message_of_key(text) IS 'The message that was delivered with this key, and whether the promise of 250 holds for it now; no row: none was, as far as is known here. The key is kept from now on as if the message had gone now';
REVOKE ALL ON FUNCTION catalog.message_of_key(text), catalog.durable_domains(uuid, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.message_of_key(text) TO roundtable_mtad, roundtable_operator;

-------------------------------------------------------------------------------- the end of a message

-- As in 0011; the rows by kind go with the message.
CREATE OR REPLACE FUNCTION catalog.begin_removal(p_segment uuid, p_most integer) RETURNS text
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
        ON CONFLICT (message_id) DO UPDATE SET segment_id = excluded.segment_id, forgotten_at = now()
    ), no_fax AS (DELETE FROM catalog.fax x USING gone g WHERE x.message_id = g.id
    ), no_voicemail AS (DELETE FROM catalog.voicemail x USING gone g WHERE x.message_id = g.id
    ), no_scan AS (DELETE FROM catalog.scan x USING gone g WHERE x.message_id = g.id
    ), key_left AS (
        UPDATE catalog.ingest_key k SET removed_at = now() FROM gone g WHERE k.message_id = g.id)
    SELECT count(*) INTO v_found FROM gone;
    RETURN CASE WHEN v_found < p_most THEN 'clear' ELSE 'more' END;
END
$$;

-- As in 0011; keys stay for directory.cluster.ingest_key_retention, with the deliveries that bear them.
CREATE OR REPLACE FUNCTION catalog.purge_forgotten(p_most integer) RETURNS bigint
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
     WHERE d.message_id = ANY (v_ids) AND NOT EXISTS (SELECT FROM catalog.message m WHERE m.id = d.message_id)
       AND NOT EXISTS (SELECT FROM catalog.ingest_key k WHERE k.message_id = d.message_id);
    -- A key outlives its message, and the deliveries of that with it: they bear it in the journal.
    WITH gone AS (
        DELETE FROM catalog.ingest_key k
         WHERE k.key IN (
               SELECT o.key FROM catalog.ingest_key o
                WHERE o.removed_at < now() - (SELECT c.ingest_key_retention FROM directory.cluster c)
                  AND catalog.may_remove_files()
                  AND NOT EXISTS (SELECT FROM catalog.message m WHERE m.id = o.message_id)
                  AND NOT EXISTS (SELECT FROM catalog.forgotten f WHERE f.message_id = o.message_id)
                ORDER BY o.removed_at LIMIT p_most FOR UPDATE SKIP LOCKED)
        RETURNING k.message_id)
    DELETE FROM catalog.delivery d USING gone g WHERE d.message_id = g.message_id;
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

---------------------------------------------------------------------- keys in the mailbox journal

-- As in 0012, with one more column in rows that are a delivery: the key of the message. Replayed, it
-- is known before any frame is read that a key is somebody's. storage/JOURNAL.md has the format.
CREATE OR REPLACE FUNCTION catalog.journal_rows(p_all boolean, p_expunged boolean, p_mailbox bigint, p_modseq bigint, p_uid bigint)
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
                                    d.account_id, d.recipient, catalog.journal_micros(d.delivered_at), k.key)::text AS text
              FROM (SELECT * FROM catalog.mailbox_message m
                     WHERE NOT p_expunged AND m.mailbox_id = box.id AND m.modseq >= from_modseq
                       AND (m.modseq > from_modseq OR m.uid > from_uid)
                     ORDER BY m.modseq, m.uid LIMIT c_rows) AS x
              LEFT JOIN catalog.delivery d
                     ON x.uid >= box.new_from AND d.message_id = x.message_id AND d.mailbox_id = box.id
                    AND (d.uid = x.uid OR box.renumbered)
              LEFT JOIN catalog.ingest_key k ON k.message_id = d.message_id
            UNION ALL
            SELECT x.uid, x.modseq,
                   json_build_array(box.id, box.uid_validity, x.uid, x.message_id, x.modseq, catalog.journal_micros(x.at),
                                    d.account_id, d.recipient, catalog.journal_micros(d.delivered_at), k.key)::text
              FROM (SELECT * FROM catalog.expunged m
                     WHERE p_expunged AND m.mailbox_id = box.id AND m.modseq >= from_modseq
                       AND (m.modseq > from_modseq OR m.uid > from_uid)
                     ORDER BY m.modseq, m.uid LIMIT c_rows) AS x
              LEFT JOIN catalog.delivery d
                     ON x.uid >= box.new_from AND d.message_id = x.message_id AND d.mailbox_id = box.id
                    AND (d.uid = x.uid OR box.renumbered)
              LEFT JOIN catalog.ingest_key k ON k.message_id = d.message_id
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

CREATE OR REPLACE FUNCTION catalog.journal_deliveries(p_message uuid, p_account bigint)
RETURNS TABLE (sequence bigint, part text, at_message uuid, at_account bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $$
    SELECT nextval('catalog.journal_sequence'),
           '{"d":[' || string_agg(json_build_array(d.message_id, d.account_id, d.recipient, d.mailbox_id, d.uid,
                                                   catalog.journal_micros(d.delivered_at), k.key)::text, E',\n'
                                  ORDER BY d.message_id, d.account_id) || ']}',
           (array_agg(d.message_id ORDER BY d.message_id DESC, d.account_id DESC))[1],
           (array_agg(d.account_id ORDER BY d.message_id DESC, d.account_id DESC))[1]
      FROM (SELECT * FROM catalog.delivery x
             WHERE (x.message_id, x.account_id) > (p_message, p_account)
             ORDER BY x.message_id, x.account_id LIMIT 10000) AS d
      LEFT JOIN catalog.ingest_key k ON k.message_id = d.message_id
    HAVING count(*) > 0
$$;

CREATE OR REPLACE FUNCTION catalog.journal_gone_rows(p_after bigint)
RETURNS TABLE (sequence bigint, part text, ids bigint[])
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT nextval('catalog.journal_sequence'),
           '{"d":[' || string_agg(json_build_array(g.message_id, g.account_id, g.recipient, g.mailbox_id, g.uid,
                                                   catalog.journal_micros(g.delivered_at), k.key)::text, E',\n'
                                  ORDER BY g.id) || ']}',
           array_agg(g.id ORDER BY g.id)
      FROM (SELECT * FROM catalog.journal_gone x WHERE x.id > p_after ORDER BY x.id LIMIT 10000) AS g
      LEFT JOIN catalog.ingest_key k ON k.message_id = g.message_id
    HAVING count(*) > 0
$$;

CREATE OR REPLACE FUNCTION catalog.replay_journal(p_tracker text, p_sequence bigint, p_at_us bigint, p_part jsonb) RETURNS void
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
    -- Keys, so that no second message of a key is delivered while the first is still to be read. They
    -- are in the last column of rows that are a delivery; journals of earlier versions have none.
    INSERT INTO catalog.ingest_key (key, message_id, removed_at)
    SELECT DISTINCT ON (w.key) w.key, w.message_id, now()
      FROM (SELECT e ->> 12 AS key, (e ->> 3)::uuid AS message_id FROM jsonb_array_elements(p_part -> 'm') AS e
             UNION ALL
            SELECT e ->> 9, (e ->> 3)::uuid FROM jsonb_array_elements(p_part -> 'x') AS e
             UNION ALL
            SELECT e ->> 6, (e ->> 0)::uuid FROM jsonb_array_elements(p_part -> 'd') AS e) AS w
     WHERE w.key IS NOT NULL
     ORDER BY w.key, w.message_id
    ON CONFLICT DO NOTHING;
    UPDATE catalog.rebuild r
       SET frames = r.frames + 1, last_sequence = greatest(r.last_sequence, p_sequence),
           journal_until = greatest(r.journal_until, catalog.journal_time(p_at_us));
END
$$;

CREATE OR REPLACE FUNCTION catalog.rebuild_begin(p_tracker text, p_journal_segments bigint, p_checkpoint bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month timestamp;
BEGIN
    PERFORM catalog.require_rebuilder(p_tracker);
    TRUNCATE catalog.rebuild_mailbox, catalog.rebuild_account, catalog.rebuild_directory, catalog.rebuild_open,
        catalog.mailbox_message, catalog.expunged, catalog.delivery, catalog.journal_segment, catalog.ingest_key;
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

--------------------------------------------------------------------------------------------- report

CREATE VIEW report.fax AS
SELECT f.message_id, m.received_at, m.server AS accepted_by, m.sender, f.caller, f.called, f.subaddress,
       f.sender_id, f.pages, f.damaged_pages, f.duration_s, f.device, m.message_size,
       (SELECT string_agg(coalesce(nullif(d.recipient, ''), a.login), ', ' ORDER BY d.account_id)
          FROM catalog.delivery d LEFT JOIN directory.account a ON a.id = d.account_id
         WHERE d.message_id = f.message_id) AS recipients
  FROM catalog.fax f JOIN catalog.message m ON m.id = f.message_id;
COMMENT ON VIEW report.fax IS 'Faxes, who sent them and who got them';
COMMENT ON COLUMN report.fax.caller IS 'number that called, by the telephone network; null: not known';
COMMENT ON COLUMN report.fax.sender_id IS 'what the sending machine calls itself';
COMMENT ON COLUMN report.fax.duration_s IS 'of the call, seconds';

CREATE VIEW report.voicemail AS
SELECT v.message_id, m.received_at, m.server AS accepted_by, m.sender, v.caller, v.caller_name, v.called,
       v.duration_s, v.urgent, m.message_size,
       (SELECT string_agg(coalesce(nullif(d.recipient, ''), a.login), ', ' ORDER BY d.account_id)
          FROM catalog.delivery d LEFT JOIN directory.account a ON a.id = d.account_id
         WHERE d.message_id = v.message_id) AS recipients
  FROM catalog.voicemail v JOIN catalog.message m ON m.id = v.message_id;
COMMENT ON VIEW report.voicemail IS 'Voicemails, who called and who got them';
COMMENT ON COLUMN report.voicemail.duration_s IS 'of the recording, seconds';

CREATE VIEW report.messages_by_kind AS
SELECT catalog.kind_name(m.kind) AS kind, coalesce(a.login, '(no account)') AS login, count(*) AS messages,
       sum(m.message_size) AS octets, min(m.received_at) AS first_at, max(m.received_at) AS last_at
  FROM catalog.delivery d
  JOIN catalog.message m ON m.id = d.message_id
  LEFT JOIN directory.account a ON a.id = d.account_id
 GROUP BY 1, 2;
COMMENT ON VIEW report.messages_by_kind IS 'Messages and octets delivered, by kind and account; expunged ones count until they are removed for good';
COMMENT ON COLUMN report.messages_by_kind.login IS '(no account): dead letters, and accounts that are gone';

GRANT SELECT ON catalog.fax, catalog.voicemail, catalog.scan, catalog.ingest_key,
    report.fax, report.voicemail, report.messages_by_kind TO roundtable_operator;
GRANT SELECT ON report.fax, report.voicemail, report.messages_by_kind TO roundtable_report;
