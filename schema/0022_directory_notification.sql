-- Notification: who wishes to be told of what, and how; the queue of what is to be told, which is
-- the log of what was told. Both are in this schema, not in catalog: they outlive a rebuild, and so
-- does the memory of what was told already.

CREATE TABLE directory.notification_gateway (
    id                     smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    smarthost              text CHECK (smarthost ~ '^smtps?://[^/@[:space:]]+$'),
    smarthost_tls          text NOT NULL DEFAULT 'required' CHECK (smarthost_tls IN ('required', 'offered', 'never')),
    smarthost_user         text CHECK (smarthost_user !~ '[[:cntrl:]]' AND smarthost_user <> ''),
    smarthost_password_file text CHECK (smarthost_password_file ~ '^/'),
    mail_from              text CHECK (mail_from ~ '^[^@[:space:][:cntrl:]<>]+@[^@[:space:][:cntrl:]<>]+$'),
    sms_gateway            text CHECK (sms_gateway ~ '^mailto:[^[:space:][:cntrl:]]*[{]number[}][^[:space:][:cntrl:]]*$'
                                       OR sms_gateway ~ '^https?://[^[:space:][:cntrl:]]+$'),
    sms_token_file         text CHECK (sms_token_file ~ '^/'),
    vapid_subject          text CHECK (vapid_subject ~ '^(mailto:|https://)[^[:space:][:cntrl:]"\\]+$'),
    vapid_private          bytea CHECK (octet_length(vapid_private) = 32),
    vapid_public           text CHECK (vapid_public ~ '^[A-Za-z0-9_-]{87}$'),
    allowed_networks       cidr[] NOT NULL DEFAULT '{}' CHECK (cardinality(allowed_networks) <= 64),
    ca_file                text CHECK (ca_file ~ '^/'),
    imap_host              text CHECK (imap_host ~ '^[a-z0-9.-]+$'),
    per_hour               integer NOT NULL DEFAULT 60 CHECK (per_hour BETWEEN 1 AND 10000),
    retry_first            interval NOT NULL DEFAULT '5 s' CHECK (retry_first BETWEEN '10 ms' AND '1 h'),
    retry_most             interval NOT NULL DEFAULT '1 h' CHECK (retry_most BETWEEN '10 ms' AND '1 d'),
    give_up                interval NOT NULL DEFAULT '1 d' CHECK (give_up BETWEEN '1 s' AND '7 d'),
    CHECK (smarthost IS NULL OR mail_from IS NOT NULL),
    CHECK ((smarthost_user IS NULL) = (smarthost_password_file IS NULL)),
    CHECK ((vapid_private IS NULL) = (vapid_public IS NULL)),
    CHECK (sms_gateway NOT LIKE 'mailto:%' OR smarthost IS NOT NULL)
);
COMMENT ON TABLE directory.notification_gateway IS 'How notifications leave the cluster; one row';
COMMENT ON COLUMN directory.notification_gateway.smarthost IS 'smtp://host:port or smtps://host:port that takes our mail; null: no notification by e-mail';
COMMENT ON COLUMN directory.notification_gateway.smarthost_tls IS 'required: STARTTLS or nothing; offered: if the host offers it; never';
COMMENT ON COLUMN directory.notification_gateway.smarthost_password_file IS 'on each mail server, readable by its agent alone';
COMMENT ON COLUMN directory.notification_gateway.mail_from IS 'From: of notifications; their reverse-path is null';
COMMENT ON COLUMN directory.notification_gateway.sms_gateway IS 'mailto: with {number} in it, or a URL that takes JSON with id, to and text by POST';
COMMENT ON COLUMN directory.notification_gateway.sms_token_file IS 'bearer token for an HTTP gateway, on each mail server';
COMMENT ON COLUMN directory.notification_gateway.vapid_subject IS 'whom a push service may write to (RFC 8292 2.1)';
COMMENT ON COLUMN directory.notification_gateway.vapid_public IS 'applicationServerKey of subscriptions; a new key ends them all';
COMMENT ON COLUMN directory.notification_gateway.allowed_networks IS 'private networks in which targets of accounts may be; others are refused, and plain http with them';
COMMENT ON COLUMN directory.notification_gateway.ca_file IS 'certificates that are trusted, instead of the system''s, on each mail server';
COMMENT ON COLUMN directory.notification_gateway.imap_host IS 'host in the IMAP URLs of events; null: the domain of the account';
COMMENT ON COLUMN directory.notification_gateway.per_hour IS 'notifications an hour for an account without a limit of its own';
INSERT INTO directory.notification_gateway DEFAULT VALUES;

------------------------------------------------------------------------------------------- rules

CREATE TABLE directory.notification (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    channel     text NOT NULL CHECK (channel IN ('email', 'sms', 'webhook', 'webpush')),
    target      text NOT NULL CHECK (octet_length(target) <= 2000 AND target !~ '[[:space:][:cntrl:]]'
                                     AND CASE channel
                                         WHEN 'email' THEN target ~ '^[^@<>]+@[^@<>]+$' AND octet_length(target) <= 254
                                         WHEN 'sms' THEN target ~ '^[+][0-9]{5,15}$'
                                         ELSE target ~ '^https?://[^/@]+(/.*)?$' END),
    shown       text NOT NULL GENERATED ALWAYS AS (
                    CASE WHEN channel IN ('webhook', 'webpush') THEN substring(target FROM '^https?://[^/?#\\]+')
                         ELSE target END) STORED,
    events      text[] NOT NULL DEFAULT '{MessageNew}'
        CHECK (cardinality(events) > 0 AND events <@ ARRAY['MessageAppend', 'MessageNew', 'MessageExpunge',
               'MessageRead', 'MessageTrash', 'FlagsSet', 'FlagsClear', 'QuotaExceed', 'QuotaWithin',
               'QuotaChange', 'MailboxCreate', 'MailboxDelete', 'MailboxRename', 'MailboxSubscribe', 'MailboxUnSubscribe',
               'Login', 'Logout']),
    kinds       smallint[] CHECK (cardinality(kinds) > 0 AND kinds <@ ARRAY[1, 2, 3]::smallint[]),
    sender      text CHECK (sender = lower(sender) AND octet_length(sender) BETWEEN 1 AND 320),
    folder      text CHECK (folder <> '' AND octet_length(folder) <= 1000),
    size_min    bigint CHECK (size_min >= 0),
    size_max    bigint CHECK (size_max >= 0),
    quiet_from  time,
    quiet_to    time CHECK (quiet_to <> quiet_from),
    quiet_zone  text,
    quiet_does  text NOT NULL DEFAULT 'digest' CHECK (quiet_does IN ('digest', 'drop')),
    content     text NOT NULL DEFAULT 'none' CHECK (content IN ('none', 'summary')),
    per_hour    integer CHECK (per_hour BETWEEN 1 AND 10000),
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'ended')),
    reason      text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    active_from timestamptz NOT NULL DEFAULT now(),
    CHECK (size_min <= size_max),
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL) AND (quiet_from IS NULL) = (quiet_zone IS NULL))
);
COMMENT ON TABLE directory.notification IS 'What an account wishes to be told of, and how; all of the conditions must hold, null: any';
COMMENT ON COLUMN directory.notification.target IS 'e-mail address, number as +4930..., or URL; the URL of a push subscription is a secret, that of a webhook may be';
COMMENT ON COLUMN directory.notification.shown IS 'the target without what may be secret in it';
COMMENT ON COLUMN directory.notification.events IS 'names of RFC 5423 4';
COMMENT ON COLUMN directory.notification.kinds IS '1 e-mail, 2 fax, 3 voicemail; of MessageNew and MessageAppend';
COMMENT ON COLUMN directory.notification.sender IS 'reverse-path, * for anything; "*@example.org"';
COMMENT ON COLUMN directory.notification.folder IS 'mailbox; "Work/*": all below Work';
COMMENT ON COLUMN directory.notification.quiet_does IS 'digest: one notification of all when the quiet hours end; drop: none';
COMMENT ON COLUMN directory.notification.content IS 'summary: sender and subject of messages are told; none: only that there is one';
COMMENT ON COLUMN directory.notification.per_hour IS 'the smallest of an account''s rules is its limit; null: the gateway''s';
COMMENT ON COLUMN directory.notification.state IS 'paused: by an operator; ended: the receiver said that it is gone (410)';
COMMENT ON COLUMN directory.notification.active_from IS 'what happened before is not told';
CREATE INDEX notification_by_account ON directory.notification (account_id);

CREATE TABLE directory.notification_secret (
    notification_id bigint PRIMARY KEY REFERENCES directory.notification ON DELETE CASCADE,
    hmac_key        bytea CHECK (octet_length(hmac_key) BETWEEN 16 AND 128),
    push_key        bytea CHECK (octet_length(push_key) = 65),
    push_auth       bytea CHECK (octet_length(push_auth) = 16),
    CHECK ((push_key IS NULL) = (push_auth IS NULL))
);
COMMENT ON TABLE directory.notification_secret IS 'Keys of webhooks and of push subscriptions; read by claim_notifications() alone';

CREATE FUNCTION directory.check_notification() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.quiet_zone IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = NEW.quiet_zone) THEN
        RAISE EXCEPTION 'there is no time zone %; give one such as Europe/Berlin', NEW.quiet_zone
            USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' AND (SELECT count(*) FROM directory.notification n
                              WHERE n.account_id = NEW.account_id) >= 20 THEN
        RAISE EXCEPTION 'the account has 20 notifications: remove one first' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER notification_check BEFORE INSERT OR UPDATE ON directory.notification
    FOR EACH ROW EXECUTE FUNCTION directory.check_notification();

-- The end of the quiet hours that last at that moment; null: none do. From and to are times of the
-- day there, so that a day on which the clocks change has its quiet hours, too.
CREATE FUNCTION directory.quiet_end(p_from time, p_to time, p_zone text, p_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN p_from < p_to AND t.clock >= p_from AND t.clock < p_to
                     OR p_from > p_to AND t.clock < p_to
                THEN (t.day + p_to) AT TIME ZONE p_zone
                WHEN p_from > p_to AND t.clock >= p_from
                THEN (t.day + 1 + p_to) AT TIME ZONE p_zone END
      FROM (SELECT (p_at AT TIME ZONE p_zone)::time AS clock, (p_at AT TIME ZONE p_zone)::date AS day) AS t
$$;
COMMENT ON FUNCTION directory.quiet_end(time, time, text, timestamptz) IS 'When the quiet hours end that last at that moment; null: they do not';

CREATE FUNCTION directory.wild_match(p_pattern text, p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
RETURN p_text LIKE replace(replace(replace(replace(p_pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%');

-- UIDs in ascending order as a set of RFC 9051 (sequence-set).
CREATE FUNCTION directory.uid_set(p_uids bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT string_agg(CASE WHEN r.first = r.last THEN r.first::text ELSE r.first || ':' || r.last END, ',' ORDER BY r.first)
      FROM (SELECT min(u.uid) AS first, max(u.uid) AS last
              FROM (SELECT x.uid, x.uid - row_number() OVER (ORDER BY x.uid) AS run FROM unnest(p_uids) AS x(uid)) AS u
             GROUP BY u.run) AS r
$$;

------------------------------------------------------------------------------- the queue and the log

CREATE TYPE directory.store_event AS (
    event        text,
    key          text,
    account_id   bigint,
    at           timestamptz,
    kind         smallint,
    sender       text,
    mailbox      text,
    old_mailbox  text,
    uid_validity bigint,
    uids         text,
    modseq       bigint,
    size         bigint,
    message_id   uuid,
    flags        text[],
    disk_quota   bigint,
    disk_used    bigint,
    service      text,
    client_ip    inet,
    client_port  integer,
    server_ip    inet,
    server_port  integer
);
COMMENT ON TYPE directory.store_event IS 'An event of RFC 5423; key is the same whenever the same event is met again';

-- No foreign keys: whoever delivers a message must not wait for an operator who edits a rule.
CREATE TABLE directory.notification_job (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token           uuid NOT NULL DEFAULT gen_random_uuid(),
    notification_id bigint NOT NULL,
    account_id      bigint NOT NULL,
    key             text NOT NULL,
    happened        directory.store_event,
    state           text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sent', 'merged', 'dropped', 'failed')),
    digest          boolean NOT NULL DEFAULT false,
    merged_into     bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    not_before      timestamptz NOT NULL DEFAULT now(),
    tried_at        timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    claimed_by      text,
    claim           uuid,
    claimed_until   timestamptz,
    finished_at     timestamptz,
    outcome         text NOT NULL DEFAULT '' CHECK (length(outcome) <= 500),
    more            bigint NOT NULL DEFAULT 0,
    UNIQUE (notification_id, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE directory.notification_job IS 'What is to be told, and for a week what was: an event is queued once for a rule';
COMMENT ON COLUMN directory.notification_job.token IS 'the id that a receiver sees; the same at each attempt';
COMMENT ON COLUMN directory.notification_job.happened IS 'null: a test. Of a row type IS NOT NULL asks for every field: write NOT (... IS NULL)';
COMMENT ON COLUMN directory.notification_job.digest IS 'was held back by quiet hours or the limit: it is told with others';
COMMENT ON COLUMN directory.notification_job.more IS 'events beside this one that are told by their number only: too many waited';
COMMENT ON COLUMN directory.notification_job.merged_into IS 'the job with which it is told';
CREATE INDEX notification_job_due ON directory.notification_job (not_before) WHERE state = 'waiting';
CREATE INDEX notification_job_waiting ON directory.notification_job (notification_id, id) WHERE state = 'waiting';
CREATE INDEX notification_job_claimed ON directory.notification_job (claimed_until)
    WHERE state = 'waiting' AND claimed_until IS NOT NULL;
CREATE INDEX notification_job_by_account ON directory.notification_job (account_id, finished_at);
CREATE INDEX notification_job_merged ON directory.notification_job (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX notification_job_finished ON directory.notification_job (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE directory.notification_hold (
    notification_id bigint PRIMARY KEY,
    until           timestamptz NOT NULL,
    failures        integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE directory.notification_hold IS 'Rules whose receiver failed: nothing else is sent to it before; gone when it has taken something';
COMMENT ON COLUMN directory.notification_hold.failures IS 'one after the other; attempts at the same time are one';

CREATE FUNCTION directory.wishes_notification(p_accounts bigint[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM directory.notification n
                    WHERE n.account_id = ANY (p_accounts) AND n.state = 'active')
$$;

-- Events that a rule asks for and has no room for: one event for operators says so.
CREATE FUNCTION directory.count_notifications(p_rule bigint, p_events bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    v_job directory.notification_job;
BEGIN
    SELECT * INTO v_job FROM directory.notification_job j
     WHERE j.notification_id = p_rule AND j.state = 'waiting' AND j.attempts = 0 AND NOT (j.happened IS NULL)
     ORDER BY j.id DESC LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;  -- all are being told, or are known to the receiver as they are
    END IF;
    UPDATE directory.notification_job j SET more = j.more + p_events WHERE j.id = v_job.id;
    IF v_job.more = 0 THEN
        PERFORM directory.raise_event('warning', 'notification_overflow', '',
            coalesce((SELECT a.login FROM directory.account a WHERE a.id = v_job.account_id), ''),
            jsonb_build_object('notification', p_rule, 'job', v_job.id));
    END IF;
END
$$;
COMMENT ON FUNCTION directory.count_notifications(bigint, bigint) IS 'Counts events on the last job of a rule that has too many';

-- Queues what the rules of the accounts ask for. An event that was queued for a rule is not queued
-- again; what is older than a day or than the rule is nobody's news (a catalog that is rebuilt, mail
-- that waited for PostgreSQL). Clocks may differ by 5 s. E-mail without a sender, ours among it, is
-- not told by mail: two servers would tell each other of their telling. Faxes and voicemails have
-- no sender, and nobody answers one by another.
--
-- A rule has 1,000 jobs that wait; beyond these events are counted on the last of them. One that
-- somebody else has locked is passed over: a delivery waits for no other here.
CREATE FUNCTION directory.queue_notifications(p_events directory.store_event[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    v_full bigint[] := ARRAY(
        SELECT n.id FROM directory.notification n
         WHERE n.account_id = ANY (ARRAY(SELECT (e).account_id FROM unnest(p_events) AS e)) AND n.state = 'active'
           AND EXISTS (SELECT FROM directory.notification_job j
                        WHERE j.notification_id = n.id AND j.state = 'waiting' ORDER BY j.id OFFSET 999 LIMIT 1));
    v_queued bigint;
    v_rest jsonb;
    v_rule record;
BEGIN
    WITH wanted AS (
        SELECT n.id, n.account_id, (e).key, e AS happened
          FROM unnest(p_events) AS e
          JOIN directory.notification n ON n.account_id = (e).account_id
         WHERE n.state = 'active' AND (e).event = ANY (n.events)
           AND (e).at > now() - interval '1 day' AND (e).at > n.active_from - interval '5 s'
           AND ((e).kind IS NULL OR n.kinds IS NULL OR (e).kind = ANY (n.kinds))
           AND (n.sender IS NULL OR (e).event IN ('MessageNew', 'MessageAppend')
                                    AND directory.wild_match(n.sender, lower((e).sender)))
           AND (n.folder IS NULL OR directory.wild_match(n.folder, (e).mailbox))
           AND (n.size_min IS NULL OR (e).size >= n.size_min)
           AND (n.size_max IS NULL OR (e).size <= n.size_max)
           AND NOT ((e).event = 'MessageNew' AND (e).kind = 1 AND (e).sender = '' AND n.channel IN ('email', 'sms'))
    ), queued AS (
        INSERT INTO directory.notification_job (notification_id, account_id, key, happened)
        SELECT w.id, w.account_id, w.key, w.happened FROM wanted w
         WHERE w.id <> ALL (v_full) ORDER BY w.id, w.key
        ON CONFLICT (notification_id, key) DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM queued),
           (SELECT jsonb_object_agg(r.id, r.events)
              FROM (SELECT w.id, count(*) AS events FROM wanted w WHERE w.id = ANY (v_full) GROUP BY w.id) AS r)
      INTO v_queued, v_rest;
    IF v_queued > 0 THEN
        PERFORM pg_notify('roundtable_notification', '');
    END IF;
    FOR v_rule IN SELECT r.key::bigint AS id, r.value::bigint AS events FROM jsonb_each_text(v_rest) AS r LOOP
        PERFORM directory.count_notifications(v_rule.id, v_rule.events);
    END LOOP;
END
$$;
COMMENT ON FUNCTION directory.queue_notifications(directory.store_event[]) IS 'Queues what the rules of the accounts ask for; once for an event and a rule';

-- What the transaction that asks has queued, and thought better of.
CREATE FUNCTION directory.forget_notification(p_account bigint, p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM directory.notification_job j
     USING directory.notification n
     WHERE n.account_id = p_account AND j.notification_id = n.id AND j.key = p_key AND j.created_at = now()
$$;

CREATE FUNCTION directory.test_notification(p_id bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO directory.notification_job (notification_id, account_id, key)
    SELECT n.id, n.account_id, 'test:' || gen_random_uuid()
      FROM directory.notification n WHERE n.id = p_id
    RETURNING (SELECT id FROM pg_notify('roundtable_notification', ''))
$$;
COMMENT ON FUNCTION directory.test_notification(bigint) IS 'Queues a test of a rule; returns the job';

CREATE FUNCTION directory.fail_notification(p_job bigint, p_outcome text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    q directory.notification_job;
BEGIN
    UPDATE directory.notification_job j
       SET state = 'failed', claimed_until = NULL, finished_at = now(), outcome = left(p_outcome, 500)
     WHERE j.id = p_job RETURNING j.* INTO q;
    PERFORM directory.raise_event('warning', 'notification_failed', coalesce(q.claimed_by, ''),
        coalesce((SELECT a.login FROM directory.account a WHERE a.id = q.account_id), ''),
        jsonb_build_object('notification', q.notification_id, 'job', q.id, 'attempts', q.attempts,
                           'outcome', q.outcome));
END
$$;
COMMENT ON FUNCTION directory.fail_notification(bigint, text) IS 'A notification that is never told, and an event that says so';

-- Claims what is due, at most p_most jobs, two at a time for an account, for p_seconds. What must
-- not be sent now is put off or dropped here. One row for each event: a digest has several (100 at
-- the most), `more` says how many it has beside these.
--
-- An account has two attempts at once, and the rules whose last attempt failed have two of an agent
-- together: receivers that hang leave workers for those that do not.
--
-- One claim at a time, so that the limit of an account is exact: whoever comes meanwhile gets none.
CREATE FUNCTION directory.claim_notifications(p_server text, p_most integer, p_seconds integer)
RETURNS TABLE (job bigint, claim uuid, token uuid, rule bigint, login text, channel text, target text, content text,
               hmac_key bytea, push_key bytea, push_auth bytea, attempts integer, more bigint, event text,
               at_us bigint, kind smallint, sender text, mailbox text, old_mailbox text, uid_validity bigint,
               uids text, modseq bigint, size bigint, message_id uuid, flags text[], disk_quota bigint,
               disk_used bigint, service text, client_ip text, client_port integer, server_ip text,
               server_port integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
#variable_conflict use_column
DECLARE
    q directory.notification_job;
    n directory.notification;
    v_limit bigint;
    v_sent bigint;
    v_until timestamptz;
    v_claimed bigint[] := '{}';
    v_give_up interval := coalesce((SELECT g.give_up FROM directory.notification_gateway g), '1 d');
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('roundtable notifications')) THEN
        RETURN;
    END IF;
    FOR q IN
        WITH busy AS (
            SELECT b.account_id, b.claimed_by, h.notification_id IS NOT NULL AS failed
              FROM directory.notification_job b
              LEFT JOIN directory.notification_hold h ON h.notification_id = b.notification_id
             WHERE b.state = 'waiting' AND b.claimed_until > now()
        ), open AS (
            SELECT d.id, d.account_id, d.not_before, h.notification_id IS NOT NULL AS failed
              FROM directory.notification_job d
              LEFT JOIN directory.notification_hold h ON h.notification_id = d.notification_id
             WHERE d.state = 'waiting' AND d.not_before <= now()
               AND (d.claimed_until IS NULL OR d.claimed_until <= now())
               AND (h.until IS NULL OR h.until <= now() OR d.happened IS NULL)
        ), allotted AS (
            SELECT o.*, row_number() OVER (PARTITION BY o.failed ORDER BY o.not_before, o.id) AS share FROM open o
        ), due AS (
            SELECT x.id, (SELECT count(*) FROM busy b WHERE b.account_id = x.account_id)
                         + row_number() OVER (PARTITION BY x.account_id ORDER BY x.not_before, x.id) AS place
              FROM allotted x
             WHERE NOT x.failed
                OR x.share + (SELECT count(*) FROM busy b WHERE b.failed AND b.claimed_by = p_server) <= 2
        )
        SELECT j.* FROM due JOIN directory.notification_job j ON j.id = due.id
         WHERE due.place <= 2 ORDER BY j.not_before, j.id LIMIT p_most
           FOR UPDATE OF j SKIP LOCKED
    LOOP
        -- A digest may have taken it along since.
        CONTINUE WHEN (SELECT j.state FROM directory.notification_job j WHERE j.id = q.id) <> 'waiting';
        SELECT * INTO n FROM directory.notification x WHERE x.id = q.notification_id;
        IF NOT FOUND OR n.state <> 'active' THEN
            UPDATE directory.notification_job j
               SET state = 'dropped', finished_at = now(), outcome = coalesce('the rule is ' || n.state, 'the rule is gone')
             WHERE j.id = q.id;
            CONTINUE;
        END IF;
        IF coalesce(q.tried_at, q.created_at + interval '1 day') + v_give_up < now() THEN
            PERFORM directory.fail_notification(q.id, CASE q.attempts WHEN 0 THEN 'given up before it could be tried'
                ELSE concat_ws(': ', 'given up', coalesce(nullif(q.outcome, ''), 'no attempt ended')) END);
            CONTINUE;
        END IF;
        IF NOT (q.happened IS NULL) THEN
            v_until := directory.quiet_end(n.quiet_from, n.quiet_to, n.quiet_zone, now());
            IF v_until IS NOT NULL AND n.quiet_does = 'drop' AND q.attempts = 0 THEN
                UPDATE directory.notification_job j
                   SET state = 'dropped', finished_at = now(), outcome = 'quiet hours' WHERE j.id = q.id;
                CONTINUE;
            END IF;
            IF v_until IS NULL THEN
                SELECT coalesce(min(x.per_hour), (SELECT g.per_hour FROM directory.notification_gateway g), 60)
                  INTO v_limit
                  FROM directory.notification x WHERE x.account_id = n.account_id AND x.state = 'active';
                SELECT count(*), min(s.finished_at) + interval '1 hour' INTO v_sent, v_until
                  FROM directory.notification_job s
                 WHERE s.account_id = n.account_id AND s.state = 'sent' AND s.finished_at > now() - interval '1 hour'
                   AND NOT (s.happened IS NULL);
                v_sent := v_sent + (SELECT count(*) FROM directory.notification_job s
                                     WHERE s.account_id = n.account_id AND s.state = 'waiting'
                                       AND s.claimed_until > now() AND NOT (s.happened IS NULL));
                v_until := CASE WHEN v_sent >= v_limit THEN coalesce(v_until, now() + interval '1 minute') END;
            END IF;
            IF v_until IS NOT NULL THEN
                UPDATE directory.notification_job j SET not_before = v_until, digest = j.digest OR j.attempts = 0
                 WHERE j.notification_id = n.id AND j.state = 'waiting'
                   AND j.not_before < v_until AND NOT (j.happened IS NULL)
                   AND (j.claimed_until IS NULL OR j.claimed_until <= now());
                CONTINUE;
            END IF;
            -- What was tried is told as it was, also alone: the receiver may know its token.
            IF q.digest AND q.attempts = 0 THEN
                UPDATE directory.notification_job j
                   SET state = 'merged', merged_into = q.id, finished_at = now()
                 WHERE j.notification_id = n.id AND j.state = 'waiting' AND j.id <> q.id AND j.attempts = 0
                   AND NOT (j.happened IS NULL) AND (j.claimed_until IS NULL OR j.claimed_until <= now());
            END IF;
        END IF;
        UPDATE directory.notification_job j
           SET claimed_by = p_server, claim = gen_random_uuid(), attempts = j.attempts + 1,
               claimed_until = now() + make_interval(secs => p_seconds), tried_at = coalesce(j.tried_at, now())
         WHERE j.id = q.id;
        v_claimed := v_claimed || q.id;
    END LOOP;
    RETURN QUERY
    SELECT j.id, j.claim, j.token, x.id, a.login, x.channel, x.target, x.content, s.hmac_key, s.push_key, s.push_auth,
           j.attempts, (greatest(t.events - 100, 0) + t.more)::bigint, (t.happened).event,
           (extract(epoch FROM (t.happened).at) * 1000000)::bigint, (t.happened).kind, (t.happened).sender,
           (t.happened).mailbox, (t.happened).old_mailbox, (t.happened).uid_validity, (t.happened).uids,
           (t.happened).modseq, (t.happened).size, (t.happened).message_id, (t.happened).flags,
           (t.happened).disk_quota, (t.happened).disk_used, (t.happened).service,
           host((t.happened).client_ip), (t.happened).client_port, host((t.happened).server_ip),
           (t.happened).server_port
      FROM unnest(v_claimed) AS c(id)
      JOIN directory.notification_job j ON j.id = c.id
      JOIN directory.notification x ON x.id = j.notification_id
      JOIN directory.account a ON a.id = x.account_id
      LEFT JOIN directory.notification_secret s ON s.notification_id = x.id
     CROSS JOIN LATERAL (
            SELECT m.happened, m.id, row_number() OVER (ORDER BY m.id) AS place, count(*) OVER () AS events,
                   sum(m.more) OVER () AS more
              FROM directory.notification_job m
             WHERE m.id = j.id OR m.merged_into = j.id) AS t
     WHERE t.place <= 100
     ORDER BY j.id, t.id;
END
$$;
COMMENT ON FUNCTION directory.claim_notifications(text, integer, integer) IS 'Claims what is due, one row for each event; quiet hours, limits and digests are made here';

-- A claim that led to no attempt.
CREATE FUNCTION directory.return_notification(p_job bigint, p_claim uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE directory.notification_job j
       SET claimed_by = NULL, claim = NULL, claimed_until = NULL, attempts = j.attempts - 1,
           tried_at = CASE WHEN j.attempts > 1 THEN j.tried_at END
     WHERE j.id = p_job AND j.claim = p_claim AND j.state = 'waiting'
$$;
COMMENT ON FUNCTION directory.return_notification(bigint, uuid) IS 'Takes a claim back as if it had not been';

-- The back-off after so many failures, a quarter more or less.
CREATE FUNCTION directory.retry_wait(p_failures integer) RETURNS interval
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT least(coalesce(max(g.retry_most), '1 h'),
                 coalesce(max(g.retry_first), '5 s') * power(2, least(p_failures - 1, 20))) * (0.75 + random() * 0.5)
      FROM directory.notification_gateway g
$$;

-- The receiver of a rule failed: how long it is left alone. Longer each time; an attempt that had
-- begun when the last one failed does not count again, but what its receiver asks for does.
CREATE FUNCTION directory.hold_notifications(p_rule bigint, p_retry interval) RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO directory.notification_hold AS h (notification_id, until)
    SELECT p_rule, now() + greatest(p_retry, directory.retry_wait(1))
    ON CONFLICT (notification_id) DO UPDATE
       SET failures = h.failures + CASE WHEN h.until <= now() THEN 1 ELSE 0 END,
           until = greatest(h.until, now() + p_retry,
                            CASE WHEN h.until <= now() THEN now() + directory.retry_wait(h.failures + 1) END)
    RETURNING h.until
$$;

-- How an attempt ended: sent, retry, failed (never again), ended (and the rule with it), dropped
-- (there was nothing to tell). A claim that has lapsed and was taken by another agent says nothing.
CREATE FUNCTION directory.finish_notification(p_job bigint, p_claim uuid, p_result text, p_outcome text, p_retry_s integer)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    q directory.notification_job;
    v_retry interval := make_interval(secs => least(greatest(p_retry_s, 0), 86400));
    v_until timestamptz;
BEGIN
    SELECT * INTO q FROM directory.notification_job j WHERE j.id = p_job AND j.claim = p_claim FOR UPDATE;
    IF NOT FOUND OR q.state <> 'waiting' THEN
        RETURN 'lapsed';
    END IF;
    IF p_result = 'retry' AND NOT (q.happened IS NULL) THEN
        v_until := greatest(directory.hold_notifications(q.notification_id, v_retry),
                            now() + directory.retry_wait(q.attempts));
        IF v_until <= q.tried_at + coalesce((SELECT g.give_up FROM directory.notification_gateway g), '1 d') THEN
            UPDATE directory.notification_job j
               SET claimed_by = NULL, claim = NULL, claimed_until = NULL, not_before = v_until,
                   outcome = left(p_outcome, 500)
             WHERE j.id = p_job;
            RETURN 'retry';
        END IF;
    END IF;
    IF p_result IN ('sent', 'dropped') THEN
        UPDATE directory.notification_job j
           SET state = p_result, claimed_until = NULL, finished_at = now(), outcome = left(p_outcome, 500)
         WHERE j.id = p_job;
        DELETE FROM directory.notification_hold h
         WHERE h.notification_id = q.notification_id AND p_result = 'sent';
        RETURN p_result;
    END IF;
    IF p_result = 'ended' THEN
        UPDATE directory.notification x SET state = 'ended', reason = left(p_outcome, 500)
         WHERE x.id = q.notification_id;
    END IF;
    PERFORM directory.fail_notification(p_job, p_outcome);
    RETURN CASE p_result WHEN 'ended' THEN 'ended' ELSE 'failed' END;
END
$$;
COMMENT ON FUNCTION directory.finish_notification(bigint, uuid, text, text, integer) IS 'How an attempt ended: sent, retry, failed, ended, dropped; returns what became of it, lapsed: another agent has it';

CREATE FUNCTION directory.notification_settings() RETURNS SETOF directory.notification_gateway
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT * FROM directory.notification_gateway
$$;
COMMENT ON FUNCTION directory.notification_settings() IS 'The gateway with its private key: for mail agents';

CREATE FUNCTION directory.notification_queue(OUT waiting bigint, OUT oldest_s bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT count(*), coalesce(greatest(extract(epoch FROM now() - min(j.created_at)), 0), 0)::bigint
      FROM directory.notification_job j WHERE j.state = 'waiting'
$$;

-- The memory of what was told is a week; what is queued is never older than a day.
CREATE FUNCTION directory.purge_notifications(p_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH old AS (
        SELECT j.id FROM directory.notification_job j
         WHERE j.finished_at < now() - interval '7 days' ORDER BY j.finished_at LIMIT p_most
           FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM directory.notification_job j USING old WHERE j.id = old.id RETURNING 1
    ), holds AS (
        DELETE FROM directory.notification_hold h
         WHERE NOT EXISTS (SELECT FROM directory.notification n WHERE n.id = h.notification_id))
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION directory.purge_notifications(integer) IS 'Forgets what was told more than a week ago';

-- QuotaChange. Without a catalog, while it is made anew, nobody is told.
CREATE FUNCTION directory.notify_quota_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF to_regprocedure('catalog.note_quota_changed(bigint)') IS NOT NULL THEN
        PERFORM catalog.note_quota_changed(NEW.id);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    PERFORM directory.raise_event('warning', 'notification_lost', '', 'quota change',
                                  jsonb_build_object('problem', SQLERRM));
    RETURN NULL;
END
$$;
CREATE TRIGGER account_quota_notify AFTER UPDATE OF quota_bytes ON directory.account FOR EACH ROW
    WHEN (NEW.quota_bytes IS DISTINCT FROM OLD.quota_bytes) EXECUTE FUNCTION directory.notify_quota_change();

------------------------------------------------------------------------------ announcing the changes

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['notification', 'notification_secret', 'notification_gateway'] LOOP
        EXECUTE format('CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
                        ON directory.%I FOR EACH STATEMENT EXECUTE FUNCTION directory.announce()', t);
    END LOOP;
END
$$;

------------------------------------------------------------------------------------------- rights

REVOKE ALL ON FUNCTION directory.check_notification(), directory.notify_quota_change(), directory.quiet_end(time, time, text, timestamptz),
    directory.wild_match(text, text), directory.uid_set(bigint[]), directory.wishes_notification(bigint[]),
    directory.queue_notifications(directory.store_event[]), directory.count_notifications(bigint, bigint),
    directory.return_notification(bigint, uuid), directory.fail_notification(bigint, text),
    directory.hold_notifications(bigint, interval), directory.retry_wait(integer), directory.forget_notification(bigint, text),
    directory.test_notification(bigint),
    directory.claim_notifications(text, integer, integer),
    directory.finish_notification(bigint, uuid, text, text, integer), directory.notification_settings(),
    directory.notification_queue(), directory.purge_notifications(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.claim_notifications(text, integer, integer),
    directory.return_notification(bigint, uuid),
    directory.finish_notification(bigint, uuid, text, text, integer), directory.notification_settings(),
    directory.notification_queue(), directory.purge_notifications(integer) TO roundtable_mtad;

-- Operators write secrets and do not read them.
GRANT SELECT (id, account_id, channel, shown, events, kinds, sender, folder, size_min, size_max, quiet_from, quiet_to,
              quiet_zone, quiet_does, content, per_hour, state, reason, created_at, active_from),
    INSERT, UPDATE, DELETE ON directory.notification TO roundtable_operator;
GRANT INSERT, DELETE, SELECT (notification_id) ON directory.notification_secret TO roundtable_operator;
GRANT SELECT (id, smarthost, smarthost_tls, smarthost_user, smarthost_password_file, mail_from, sms_gateway,
              sms_token_file, vapid_subject, vapid_public, allowed_networks, ca_file, imap_host, per_hour,
              retry_first, retry_most, give_up),
    INSERT, UPDATE ON directory.notification_gateway TO roundtable_operator;
GRANT SELECT ON directory.notification_job, directory.notification_hold TO roundtable_operator;
-- Access servers see at sign-in whether anybody wishes to hear of it.
GRANT SELECT (account_id, state, events) ON directory.notification TO roundtable_accessd;
GRANT EXECUTE ON FUNCTION directory.test_notification(bigint), directory.quiet_end(time, time, text, timestamptz),
    directory.notification_queue(), directory.wild_match(text, text) TO roundtable_operator;
GRANT DELETE ON directory.notification_hold TO roundtable_operator;
