-- The catalog: where each message is and who got it. All of it can be rebuilt from the segments.

CREATE SCHEMA catalog;
COMMENT ON SCHEMA catalog IS 'Where each message is stored and which mailboxes show it; can be rebuilt from the segments';

CREATE DOMAIN catalog.kind AS smallint CHECK (VALUE BETWEEN 1 AND 3);
COMMENT ON DOMAIN catalog.kind IS '1 e-mail, 2 fax, 3 voicemail';

CREATE FUNCTION catalog.kind_name(kind smallint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE kind WHEN 1 THEN 'email' WHEN 2 THEN 'fax' WHEN 3 THEN 'voicemail' END;

------------------------------------------------------------------------------------------ segments

CREATE TABLE catalog.segment (
    id            uuid PRIMARY KEY,
    writer        text NOT NULL,
    boot_epoch    bigint NOT NULL,
    generation    integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sealed', 'retired')),
    length        bigint NOT NULL DEFAULT 0 CHECK (length >= 0),
    first_frame   bigint NOT NULL CHECK (first_frame >= 0),
    catalogued_to bigint NOT NULL CHECK (catalogued_to >= first_frame),
    min_copies    smallint NOT NULL,
    opened_at     timestamptz NOT NULL,
    sealed_at     timestamptz,
    claimed_by    text,
    claimed_until timestamptz,
    read_at       timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE catalog.segment IS 'An append-only file of frames with one writer in its life';
COMMENT ON COLUMN catalog.segment.writer IS 'name of the server whose agent writes it';
COMMENT ON COLUMN catalog.segment.generation IS 'rises when the segment is written anew by repair or compaction';
COMMENT ON COLUMN catalog.segment.length IS 'octets, the footer included, once sealed; before: the end of what was known, never trusted';
COMMENT ON COLUMN catalog.segment.first_frame IS 'offset of the first frame';
COMMENT ON COLUMN catalog.segment.catalogued_to IS 'every frame that starts before this offset is in the catalog';
COMMENT ON COLUMN catalog.segment.claimed_by IS 'tracker that reads it now; the claim lapses at claimed_until';
COMMENT ON COLUMN catalog.segment.read_at IS 'when a tracker last read it for frames that are not catalogued';
CREATE INDEX segment_unsealed ON catalog.segment (writer, boot_epoch) WHERE state = 'open';
CREATE INDEX segment_behind ON catalog.segment (id) WHERE state = 'open' OR catalogued_to < length;

CREATE TABLE catalog.segment_replica (
    segment_id        uuid NOT NULL REFERENCES catalog.segment ON DELETE CASCADE,
    storage_server_id bigint NOT NULL REFERENCES directory.storage_server,
    generation        integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    state             text NOT NULL DEFAULT 'active'
        CHECK (state IN ('active', 'behind', 'suspect', 'lost')),
    durable_length    bigint NOT NULL DEFAULT 0 CHECK (durable_length >= 0),
    reason            text NOT NULL DEFAULT '',
    changed_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (segment_id, storage_server_id)
);
COMMENT ON TABLE catalog.segment_replica IS 'One copy of a segment on one storage server';
COMMENT ON COLUMN catalog.segment_replica.state IS 'active: complete; behind: ends at durable_length; suspect: a reader found it bad; lost';
COMMENT ON COLUMN catalog.segment_replica.durable_length IS 'octets known to be durable there; of an open, active replica: 0';
CREATE INDEX segment_replica_by_server ON catalog.segment_replica (storage_server_id);
CREATE INDEX segment_replica_bad ON catalog.segment_replica (state) WHERE state <> 'active';

CREATE TABLE catalog.copy_owed (
    segment_id        uuid NOT NULL REFERENCES catalog.segment ON DELETE CASCADE,
    storage_server_id bigint NOT NULL REFERENCES directory.storage_server,
    reason            text NOT NULL CHECK (reason <> ''),
    since             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (segment_id, storage_server_id)
);
COMMENT ON TABLE catalog.copy_owed IS 'Copies that the mirroring table asks for and that are not there yet';

------------------------------------------------------------------------------- messages, deliveries

CREATE TABLE catalog.message (
    id           uuid PRIMARY KEY,
    kind         catalog.kind NOT NULL,
    segment_id   uuid NOT NULL,
    frame_offset bigint NOT NULL CHECK (frame_offset >= 0),
    frame_length bigint NOT NULL CHECK (frame_length > 0),
    message_size bigint NOT NULL CHECK (message_size >= 0),
    summary_size integer NOT NULL CHECK (summary_size >= 0),
    received_at  timestamptz NOT NULL,
    server       text NOT NULL,
    sender       text NOT NULL
) PARTITION BY RANGE (id);
COMMENT ON TABLE catalog.message IS 'The catalog table: one row for each message, with the segment that holds its frame';
COMMENT ON COLUMN catalog.message.id IS 'version 7 UUID: sorts by time';
COMMENT ON COLUMN catalog.message.message_size IS 'octets of the message, without envelope and summary';
COMMENT ON COLUMN catalog.message.server IS 'server that accepted it';
COMMENT ON COLUMN catalog.message.sender IS 'reverse-path; empty: the null path';
CREATE INDEX message_by_segment ON catalog.message (segment_id, frame_offset);
CREATE TABLE catalog.message_default PARTITION OF catalog.message DEFAULT;

-- The key that makes delivery happen once. It outlives expunge until no file holds the frame.
CREATE TABLE catalog.delivery (
    message_id   uuid NOT NULL,
    account_id   bigint NOT NULL,
    recipient    text NOT NULL,
    mailbox_id   bigint NOT NULL,
    uid          bigint NOT NULL,
    delivered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, account_id)
) PARTITION BY RANGE (message_id);
COMMENT ON TABLE catalog.delivery IS 'Who got a message, and as what: exactly one row for a message and an account';
COMMENT ON COLUMN catalog.delivery.account_id IS 'negative: no account of ours, the dead-letter mailbox of that number took it';
COMMENT ON COLUMN catalog.delivery.recipient IS 'address as given by the sender; empty for an append by a client';
COMMENT ON COLUMN catalog.delivery.mailbox_id IS 'mailbox at delivery; the message may have been copied, moved or expunged since';
CREATE TABLE catalog.delivery_default PARTITION OF catalog.delivery DEFAULT;

CREATE TABLE catalog.aborted (
    message_id uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE catalog.aborted IS 'Messages that were refused after their frame was written, with a durable abort frame; they are not delivered';

CREATE FUNCTION catalog.first_id_of(t timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN (lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
COMMENT ON FUNCTION catalog.first_id_of(timestamptz) IS 'The smallest message id of that millisecond: a border of a partition or of a range of time';

-- A month that has rows in the default partition already gets them back.
CREATE FUNCTION catalog.ensure_partition(parent text, key text, month timestamp) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    child text := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
    low uuid := catalog.first_id_of(month AT TIME ZONE 'UTC');
    high uuid := catalog.first_id_of((month + interval '1 month') AT TIME ZONE 'UTC');
BEGIN
    IF to_regclass('catalog.' || child) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE catalog.%I (LIKE catalog.%I INCLUDING ALL)', child, parent);
    EXECUTE format('LOCK TABLE catalog.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
    EXECUTE format('WITH moved AS (DELETE FROM catalog.%1$I WHERE %2$I >= %4$L AND %2$I < %5$L RETURNING *)
                    INSERT INTO catalog.%3$I SELECT * FROM moved',
                   parent || '_default', key, child, low, high);
    EXECUTE format('ALTER TABLE catalog.%I ATTACH PARTITION catalog.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, child, low, high);
    RETURN true;
END
$$;

CREATE FUNCTION catalog.ensure_partitions(months_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '2s' AS $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    made integer := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 36 THEN
        RAISE EXCEPTION 'months_ahead % is not between 0 and 36', months_ahead;
    END IF;
    -- One at a time: two trackers may come together.
    PERFORM pg_advisory_xact_lock(hashtext('roundtable partitions'));
    FOR n IN -1 .. months_ahead LOOP
        IF catalog.ensure_partition('message', 'id', month + n * interval '1 month') THEN
            made := made + 1;
        END IF;
        IF catalog.ensure_partition('delivery', 'message_id', month + n * interval '1 month') THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION catalog.ensure_partitions(integer) IS 'Makes the monthly partitions of message and delivery, from last month on; returns how many were made';
SELECT catalog.ensure_partitions();

----------------------------------------------------------------------------------------- mailboxes

-- Never hands out a value twice, so that a mailbox deleted and made again differs (RFC 9051 2.3.1.1).
-- It starts at the seconds since 1970, so that a rebuilt catalog starts above an older one.
CREATE SEQUENCE catalog.uid_validity AS bigint MAXVALUE 4294967295;
SELECT setval('catalog.uid_validity', extract(epoch FROM now())::bigint);

CREATE TABLE catalog.mailbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     bigint REFERENCES directory.account ON DELETE CASCADE,
    dead_letter_of text,
    name           text NOT NULL CHECK (name <> '' AND octet_length(name) <= 1000
                                        AND (upper(name) <> 'INBOX' OR name = 'INBOX')),
    uid_validity   bigint NOT NULL DEFAULT nextval('catalog.uid_validity')
        CHECK (uid_validity BETWEEN 1 AND 4294967295),
    uid_next       bigint NOT NULL DEFAULT 1 CHECK (uid_next BETWEEN 1 AND 4294967296),
    highest_modseq bigint NOT NULL DEFAULT 1 CHECK (highest_modseq > 0),
    recent_from    bigint NOT NULL DEFAULT 1,
    messages       bigint NOT NULL DEFAULT 0 CHECK (messages >= 0),
    unseen         bigint NOT NULL DEFAULT 0 CHECK (unseen >= 0),
    deleted        bigint NOT NULL DEFAULT 0 CHECK (deleted >= 0),
    bytes          bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    special_use    text CHECK (special_use ~ '^\\[A-Za-z]+$'),
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((account_id IS NULL) <> (dead_letter_of IS NULL)),
    UNIQUE (account_id, name),
    UNIQUE (dead_letter_of)
) WITH (fillfactor = 50);
COMMENT ON TABLE catalog.mailbox IS 'An IMAP mailbox of an account, or the dead-letter mailbox of a domain';
COMMENT ON COLUMN catalog.mailbox.dead_letter_of IS 'domain whose mail for vanished accounts is kept here; such a mailbox has no account';
COMMENT ON COLUMN catalog.mailbox.name IS 'UTF-8, levels separated by /; INBOX in capitals';
COMMENT ON COLUMN catalog.mailbox.recent_from IS 'messages from this UID on are \Recent for the next session that selects the mailbox';
COMMENT ON COLUMN catalog.mailbox.unseen IS 'messages without \Seen';
COMMENT ON COLUMN catalog.mailbox.deleted IS 'messages with \Deleted';

CREATE TABLE catalog.subscription (
    account_id bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    name       text NOT NULL CHECK (name <> '' AND octet_length(name) <= 1000
                                    AND (upper(name) <> 'INBOX' OR name = 'INBOX')),
    PRIMARY KEY (account_id, name)
);
COMMENT ON TABLE catalog.subscription IS 'Names that a client asked LSUB to list; the mailbox need not exist (RFC 3501 6.3.6)';

-- No foreign keys from here on: every writer holds the row lock of the mailbox, and a check for
-- each row would double the cost of delivery. The trigger below deletes what a mailbox had.
CREATE TABLE catalog.mailbox_message (
    mailbox_id    bigint NOT NULL,
    uid           bigint NOT NULL CHECK (uid BETWEEN 1 AND 4294967295),
    message_id    uuid NOT NULL,
    modseq        bigint NOT NULL,
    flags         smallint NOT NULL DEFAULT 0 CHECK (flags BETWEEN 0 AND 31),
    keywords      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(keywords) <= 64),
    internal_date timestamptz NOT NULL,
    size          bigint NOT NULL CHECK (size >= 0),
    PRIMARY KEY (mailbox_id, uid)
);
COMMENT ON TABLE catalog.mailbox_message IS 'A message in a mailbox; the same message may be in a mailbox twice';
COMMENT ON COLUMN catalog.mailbox_message.flags IS 'bits: 1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft';
COMMENT ON COLUMN catalog.mailbox_message.size IS 'RFC822.SIZE';
CREATE INDEX mailbox_message_by_modseq ON catalog.mailbox_message (mailbox_id, modseq);

CREATE TABLE catalog.expunged (
    mailbox_id bigint NOT NULL,
    uid        bigint NOT NULL,
    modseq     bigint NOT NULL,
    message_id uuid NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (mailbox_id, uid)
);
COMMENT ON TABLE catalog.expunged IS 'What was expunged, for QRESYNC (RFC 7162 3.2) and for a rebuild';
CREATE INDEX expunged_by_modseq ON catalog.expunged (mailbox_id, modseq);

CREATE FUNCTION catalog.drop_mailbox_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM catalog.mailbox_message m WHERE m.mailbox_id = OLD.id;
    DELETE FROM catalog.expunged e WHERE e.mailbox_id = OLD.id;
    PERFORM pg_notify('roundtable_mailbox', OLD.id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER mailbox_drop_rows AFTER DELETE ON catalog.mailbox
    FOR EACH ROW EXECUTE FUNCTION catalog.drop_mailbox_rows();

CREATE TABLE catalog.maildrop_lease (
    account_id bigint PRIMARY KEY REFERENCES directory.account ON DELETE CASCADE,
    token      uuid NOT NULL,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE catalog.maildrop_lease IS 'The POP3 lock of a maildrop (RFC 1939 4), for all access servers; it lapses';

------------------------------------------------------------------------- commits, lost ones included

-- What each committer last committed. A daemon remembers the highest sequence it was told; if its
-- mark here is lower, this primary has lost commits that were acknowledged, and UIDs that clients
-- may have seen are about to be used again.
CREATE SEQUENCE catalog.commit_sequence AS bigint;
CREATE TABLE catalog.commit_mark (
    committer text PRIMARY KEY,
    sequence  bigint NOT NULL,
    at        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
COMMENT ON TABLE catalog.commit_mark IS 'The last committed sequence of each committer (a server''s agent)';

CREATE TABLE catalog.lineage (
    id       smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    timeline text NOT NULL,
    jumps    integer NOT NULL DEFAULT 0,
    at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE catalog.lineage IS 'The timeline of the primary that the UIDs were last allotted on; each failover begins a new one';

CREATE FUNCTION catalog.timeline() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog
RETURN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
INSERT INTO catalog.lineage (timeline) VALUES (catalog.timeline());

CREATE FUNCTION catalog.require_lineage() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM catalog.lineage l WHERE l.timeline = catalog.timeline()) THEN
        RAISE EXCEPTION 'RT003: this primary may lack commits of an earlier one: call catalog.jump() first'
            USING ERRCODE = 'RT003';
    END IF;
END
$$;
COMMENT ON FUNCTION catalog.require_lineage() IS 'Refuses (SQLSTATE RT003) to allot UIDs or MODSEQs on a primary that has not jumped since its promotion';

CREATE FUNCTION catalog.renumber(a_mailbox bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    fresh_modseq bigint;
BEGIN
    UPDATE catalog.mailbox m
       SET uid_validity = nextval('catalog.uid_validity'), highest_modseq = m.highest_modseq + 1,
           uid_next = m.messages + 1, recent_from = 1
     WHERE m.id = a_mailbox RETURNING m.highest_modseq INTO fresh_modseq;
    DELETE FROM catalog.expunged e WHERE e.mailbox_id = a_mailbox;
    -- Old and new numbers overlap. The sort takes out every row before the first is put back.
    WITH old AS (DELETE FROM catalog.mailbox_message x WHERE x.mailbox_id = a_mailbox RETURNING x.*)
    INSERT INTO catalog.mailbox_message
           (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
    SELECT a_mailbox, row_number() OVER (ORDER BY old.uid), old.message_id, fresh_modseq,
           old.flags, old.keywords, old.internal_date, old.size
      FROM old;
END
$$;

-- 2^16 UIDs and 2^32 MODSEQs: more than any lost stretch of commits can have allotted.
CREATE FUNCTION catalog.jump(a_committer text, seen bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    now_on text := catalog.timeline();
    known catalog.lineage;
    mark bigint;
    full_mailboxes bigint[];
BEGIN
    SELECT * INTO known FROM catalog.lineage l FOR UPDATE;
    SELECT m.sequence INTO mark FROM catalog.commit_mark m WHERE m.committer = a_committer;
    IF known.timeline = now_on AND coalesce(mark, 0) >= seen THEN
        RETURN false;
    END IF;
    PERFORM setval('catalog.commit_sequence',
                   greatest((SELECT s.last_value FROM catalog.commit_sequence s), seen) + 1);
    INSERT INTO catalog.commit_mark AS m (committer, sequence) VALUES (a_committer, seen)
    ON CONFLICT (committer) DO UPDATE SET sequence = greatest(m.sequence, excluded.sequence), at = now();
    -- Lock all, in the one order that every writer uses.
    SELECT array_agg(locked.id) FILTER (WHERE locked.uid_next > 4294967295 - 65536) INTO full_mailboxes
      FROM (SELECT m.id, m.uid_next FROM catalog.mailbox m ORDER BY m.id FOR NO KEY UPDATE) AS locked;
    UPDATE catalog.mailbox m
       SET uid_next = m.uid_next + 65536, highest_modseq = m.highest_modseq + 4294967296
     WHERE m.id <> ALL (coalesce(full_mailboxes, '{}'));
    -- No room for the jump: only here UIDVALIDITY changes.
    PERFORM catalog.renumber(f.id) FROM unnest(full_mailboxes) AS f(id);
    UPDATE catalog.lineage SET timeline = now_on, jumps = jumps + 1, at = now();
    PERFORM directory.raise_event('alarm', 'uid_jump', a_committer, now_on,
        jsonb_build_object('seen', seen, 'found', mark, 'timeline_before', known.timeline));
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.jump(text, bigint) IS 'After a failover or a lost commit: moves UIDNEXT by 2^16 and HIGHESTMODSEQ by 2^32 in every mailbox, once; true if it did';
