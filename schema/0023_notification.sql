-- Where events of the message store (RFC 5423) become notifications: triggers beside what changes
-- mailboxes. An account without a rule costs a look at an index. Whatever goes wrong here never
-- fails the change itself: it is an event for operators.
--
-- The triggers run under the settings of deliver() and its like: there a sequential scan has a price
-- at which PostgreSQL compiles the query, which takes a quarter of a second. Hence jit = off.

-- During a rebuild mailboxes are filled with what was there before. Messages that are found again
-- after it are known to the queue, or older than it tells of (queue_notifications()).
CREATE FUNCTION catalog.is_rebuilding() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM catalog.rebuild r WHERE r.id = 1 AND r.phase <> 'done')
$$;

CREATE FUNCTION catalog.lose_notifications(p_what text, p_why text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT directory.raise_event('warning', 'notification_lost', '', p_what, jsonb_build_object('problem', p_why))
$$;

CREATE FUNCTION catalog.flag_names(flags integer, keywords text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT array_remove(ARRAY[CASE WHEN flags & 1 <> 0 THEN '\Seen' END, CASE WHEN flags & 2 <> 0 THEN '\Answered' END,
                              CASE WHEN flags & 4 <> 0 THEN '\Flagged' END, CASE WHEN flags & 8 <> 0 THEN '\Deleted' END,
                              CASE WHEN flags & 16 <> 0 THEN '\Draft' END], NULL) || keywords
$$;

-- MessageNew, MessageAppend. The time is the one in the message's id: an append may claim any date.
-- Mail that was in quarantine is new when it is released.
CREATE FUNCTION catalog.notify_delivered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh f JOIN directory.notification n ON n.account_id = f.account_id
                    WHERE n.state = 'active') THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM catalog.rebuild r WHERE r.id = 1 AND r.phase IN ('requested', 'replaying')) THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM directory.queue_notifications(ARRAY(
            SELECT ROW(t.event, t.event || ':' || f.message_id, f.account_id,
                       CASE WHEN EXISTS (SELECT FROM catalog.quarantined q
                                          WHERE q.message_id = f.message_id AND q.recipient = f.recipient)
                            THEN now()
                            ELSE timestamptz 'epoch' + ('x' || left(replace(f.message_id::text, '-', ''), 12))::bit(48)::bigint
                                                       * interval '1 millisecond' END,
                       m.kind::smallint, m.sender, b.name, NULL, b.uid_validity, f.uid::text, x.modseq,
                       m.message_size, f.message_id, catalog.flag_names(x.flags, x.keywords), NULL, NULL,
                       NULL, NULL, NULL, NULL, NULL
                   )::directory.store_event
              FROM fresh f
             CROSS JOIN LATERAL (SELECT CASE f.recipient WHEN '' THEN 'MessageAppend' ELSE 'MessageNew' END AS event) AS t
              JOIN catalog.message m ON m.id = f.message_id
              JOIN catalog.mailbox b ON b.id = f.mailbox_id
              LEFT JOIN catalog.mailbox_message x ON x.mailbox_id = f.mailbox_id AND x.uid = f.uid
             WHERE directory.wishes_notification(ARRAY[f.account_id])
             ORDER BY f.message_id));
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('deliver', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER delivery_notify AFTER INSERT ON catalog.delivery
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION catalog.notify_delivered();

-- FlagsSet, FlagsClear, and with them MessageRead (\Seen set) and MessageTrash (\Deleted set): one
-- event for messages of a mailbox that changed alike, at most 500 of them.
CREATE FUNCTION catalog.notify_flags() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM (SELECT DISTINCT c.mailbox_id FROM changed c) AS c
                     JOIN catalog.mailbox b ON b.id = c.mailbox_id
                     JOIN directory.notification n ON n.account_id = b.account_id
                    WHERE n.state = 'active') OR catalog.is_rebuilding() THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM directory.queue_notifications(ARRAY(
            WITH change AS (
                SELECT c.mailbox_id, c.uid, c.modseq, catalog.flag_names(c.flags, c.keywords) AS now,
                       catalog.flag_names(w.flags, w.keywords) AS before
                  FROM changed c JOIN was w ON w.mailbox_id = c.mailbox_id AND w.uid = c.uid
            ), part AS (
                SELECT c.mailbox_id, c.uid, c.modseq, t.event, t.names
                  FROM (SELECT y.*, ARRAY(SELECT f FROM unnest(y.now) AS f WHERE f <> ALL (y.before)) AS added,
                               ARRAY(SELECT f FROM unnest(y.before) AS f WHERE f <> ALL (y.now)) AS gone
                          FROM change y) AS c
                 CROSS JOIN LATERAL (VALUES
                       ('FlagsSet', c.added), ('FlagsClear', c.gone),
                       ('MessageRead', CASE WHEN '\Seen' = ANY (c.added) THEN ARRAY['\Seen'] END),
                       ('MessageTrash', CASE WHEN '\Deleted' = ANY (c.added) THEN ARRAY['\Deleted'] END)
                       ) AS t(event, names)
                 WHERE cardinality(t.names) > 0
            ), numbered AS (
                SELECT p.*, (row_number() OVER (PARTITION BY p.mailbox_id, p.modseq, p.event, p.names
                                                ORDER BY p.uid) - 1) / 500 AS page FROM part p
            )
            SELECT ROW(g.event, concat_ws(':', g.event, g.mailbox_id, b.uid_validity, g.modseq, min(g.uid),
                                          array_to_string(g.names, ' ')),
                       b.account_id, now(), NULL, NULL, b.name, NULL, b.uid_validity,
                       directory.uid_set(array_agg(g.uid)), g.modseq, NULL, NULL,
                       CASE WHEN g.event LIKE 'Flags%' THEN g.names END, NULL, NULL,
                       NULL, NULL, NULL, NULL, NULL)::directory.store_event
              FROM numbered g JOIN catalog.mailbox b ON b.id = g.mailbox_id
             WHERE b.account_id IS NOT NULL
             GROUP BY g.event, g.mailbox_id, g.modseq, g.names, g.page, b.account_id, b.name, b.uid_validity));
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('flags', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER mailbox_message_notify AFTER UPDATE ON catalog.mailbox_message
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog.notify_flags();

-- MessageExpunge: EXPUNGE, CLOSE, POP3 QUIT, and what a MOVE takes away.
CREATE FUNCTION catalog.notify_expunged() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM (SELECT DISTINCT g.mailbox_id FROM gone g) AS g
                     JOIN catalog.mailbox b ON b.id = g.mailbox_id
                     JOIN directory.notification n ON n.account_id = b.account_id
                    WHERE n.state = 'active') OR catalog.is_rebuilding() THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM directory.queue_notifications(ARRAY(
            SELECT ROW('MessageExpunge', concat_ws(':', 'MessageExpunge', g.mailbox_id, b.uid_validity, min(g.uid)),
                       b.account_id, now(), NULL, NULL, b.name, NULL, b.uid_validity,
                       directory.uid_set(array_agg(g.uid)), g.modseq, NULL, NULL, NULL, NULL, NULL,
                       NULL, NULL, NULL, NULL, NULL
                   )::directory.store_event
              FROM (SELECT x.*, (row_number() OVER (PARTITION BY x.mailbox_id, x.modseq ORDER BY x.uid) - 1) / 500 AS page
                      FROM gone x) AS g
              JOIN catalog.mailbox b ON b.id = g.mailbox_id
             WHERE b.account_id IS NOT NULL
             GROUP BY g.mailbox_id, g.modseq, g.page, b.account_id, b.name, b.uid_validity));
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('expunge', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER expunged_notify AFTER INSERT ON catalog.expunged
    REFERENCING NEW TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION catalog.notify_expunged();

-- MailboxCreate, MailboxDelete, MailboxRename, one by one. RENAME makes the new name first, to see
-- whether it can, and takes it away again: what was made in this transaction is not told.
CREATE FUNCTION catalog.notify_mailbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    box catalog.mailbox := coalesce(NEW, OLD);
    v_event text := CASE TG_OP WHEN 'INSERT' THEN 'MailboxCreate' WHEN 'DELETE' THEN 'MailboxDelete'
                               ELSE 'MailboxRename' END;
BEGIN
    IF box.account_id IS NULL OR NOT directory.wishes_notification(ARRAY[box.account_id])
       OR catalog.is_rebuilding() THEN
        RETURN NULL;
    END IF;
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.created_at = now() THEN
            PERFORM directory.forget_notification(OLD.account_id, 'MailboxCreate:' || OLD.id || ':' || OLD.uid_validity);
            RETURN NULL;
        END IF;
        PERFORM directory.queue_notifications(ARRAY[ROW(
            v_event, v_event || ':' || box.id || ':' || box.uid_validity
                     || CASE TG_OP WHEN 'UPDATE' THEN ':' || txid_current() ELSE '' END,
            box.account_id, now(), NULL, NULL, box.name, CASE TG_OP WHEN 'UPDATE' THEN OLD.name END,
            box.uid_validity, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL)::directory.store_event]);
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('mailbox', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER mailbox_notify AFTER INSERT OR DELETE OR UPDATE OF name ON catalog.mailbox
    FOR EACH ROW EXECUTE FUNCTION catalog.notify_mailbox();

-- MailboxSubscribe, MailboxUnSubscribe.
CREATE FUNCTION catalog.notify_subscription() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    row catalog.subscription := coalesce(NEW, OLD);
    v_event text := CASE TG_OP WHEN 'INSERT' THEN 'MailboxSubscribe' ELSE 'MailboxUnSubscribe' END;
BEGIN
    IF NOT directory.wishes_notification(ARRAY[row.account_id]) OR catalog.is_rebuilding() THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM directory.queue_notifications(ARRAY[ROW(
            v_event, v_event || ':' || row.name || ':' || txid_current(), row.account_id, now(), NULL, NULL, row.name,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL)::directory.store_event]);
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('subscription', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER subscription_notify AFTER INSERT OR DELETE ON catalog.subscription
    FOR EACH ROW EXECUTE FUNCTION catalog.notify_subscription();

-- QuotaExceed: something had no room: mail, APPEND, COPY. Once an hour for an account. What it was
-- is kept, so that QuotaWithin tells when it would have room again. Only for accounts with a rule.
CREATE TABLE catalog.over_quota (
    account_id bigint PRIMARY KEY,
    needed     bigint NOT NULL
);
COMMENT ON TABLE catalog.over_quota IS 'Accounts that were told, or wished to be, that something had no room; until it would have';
COMMENT ON COLUMN catalog.over_quota.needed IS 'octets of the last that had none';

CREATE FUNCTION catalog.notify_quota(p_event text, p_account bigint, p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT directory.queue_notifications(ARRAY[ROW(
               p_event, p_event || ':' || p_key, a.id, now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               a.quota_bytes / 1024,
               (SELECT coalesce(sum(b.bytes), 0)::bigint / 1024 FROM catalog.mailbox b WHERE b.account_id = a.id),
               NULL, NULL, NULL, NULL, NULL
           )::directory.store_event])
      FROM directory.account a WHERE a.id = p_account
$$;

CREATE FUNCTION catalog.note_quota_exceeded(p_accounts bigint[], p_sizes bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
DECLARE
    v record;
BEGIN
    FOR v IN SELECT w.account, max(w.size) AS size FROM unnest(p_accounts, p_sizes) AS w(account, size)
              WHERE directory.wishes_notification(ARRAY[w.account]) GROUP BY w.account ORDER BY w.account
    LOOP
        PERFORM catalog.notify_quota('QuotaExceed', v.account, to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24'));
        INSERT INTO catalog.over_quota (account_id, needed) VALUES (v.account, v.size)
        ON CONFLICT (account_id) DO UPDATE SET needed = excluded.needed;
    END LOOP;
EXCEPTION WHEN OTHERS THEN
    PERFORM catalog.lose_notifications('quota', SQLERRM);
END
$$;
COMMENT ON FUNCTION catalog.note_quota_exceeded(bigint[], bigint[]) IS 'Messages of that size had no room in these accounts';

-- For a COPY that failed: its transaction is gone with its error.
CREATE FUNCTION catalog.note_copy_exceeded(p_from bigint, p_first bigint[], p_last bigint[], p_to bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT catalog.note_quota_exceeded(ARRAY[b.account_id], ARRAY[
               (SELECT coalesce(sum(x.size), 0)::bigint FROM unnest(p_first, p_last) AS r(first, last)
                  JOIN catalog.mailbox_message x ON x.mailbox_id = p_from AND x.uid BETWEEN r.first AND r.last)])
      FROM catalog.mailbox b WHERE b.id = p_to AND b.account_id IS NOT NULL
$$;
COMMENT ON FUNCTION catalog.note_copy_exceeded(bigint, bigint[], bigint[], bigint) IS 'A copy, as copy_messages() takes it, had no room';

-- Whether what had no room would have it now. A row that a delivery is just writing is passed over.
CREATE FUNCTION catalog.note_quota_within(p_account bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    PERFORM FROM catalog.over_quota o JOIN directory.account a ON a.id = o.account_id
      WHERE o.account_id = p_account
        AND (a.quota_bytes IS NULL
             OR o.needed + (SELECT coalesce(sum(b.bytes), 0) FROM catalog.mailbox b
                             WHERE b.account_id = p_account) <= a.quota_bytes)
        FOR UPDATE OF o SKIP LOCKED;
    IF FOUND THEN
        DELETE FROM catalog.over_quota o WHERE o.account_id = p_account;
        PERFORM catalog.notify_quota('QuotaWithin', p_account, gen_random_uuid()::text);
    END IF;
END
$$;

CREATE FUNCTION catalog.notify_room() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM catalog.over_quota o WHERE o.account_id = OLD.account_id) THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM catalog.note_quota_within(OLD.account_id);
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('quota', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER mailbox_shrunk AFTER UPDATE OF bytes ON catalog.mailbox FOR EACH ROW
    WHEN (NEW.bytes < OLD.bytes AND OLD.account_id IS NOT NULL) EXECUTE FUNCTION catalog.notify_room();
CREATE TRIGGER mailbox_gone AFTER DELETE ON catalog.mailbox FOR EACH ROW
    WHEN (OLD.bytes > 0 AND OLD.account_id IS NOT NULL) EXECUTE FUNCTION catalog.notify_room();

-- QuotaChange. The trigger is the directory's and calls this, if the catalog is there.
CREATE FUNCTION catalog.note_quota_changed(p_account bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF directory.wishes_notification(ARRAY[p_account]) THEN
        PERFORM catalog.notify_quota('QuotaChange', p_account, gen_random_uuid()::text);
    END IF;
    PERFORM catalog.note_quota_within(p_account);
END
$$;

-- Login, Logout. Access servers ask for them, and only for accounts that had a rule at sign-in.
-- p_session is another for each connection, so that each is told once, however often it is noted.
CREATE FUNCTION catalog.note_session(p_event text, p_account bigint, p_session text, p_at_us bigint, p_service text,
                                     p_client inet, p_client_port integer, p_server inet, p_server_port integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
BEGIN
    IF p_event NOT IN ('Login', 'Logout') OR p_service NOT IN ('imap', 'pop') THEN
        RAISE EXCEPTION 'no event of a session: % by %', p_event, p_service USING ERRCODE = 'check_violation';
    END IF;
    BEGIN
        PERFORM directory.queue_notifications(ARRAY[ROW(
            p_event, p_event || ':' || p_session, p_account,
            timestamptz 'epoch' + p_at_us * interval '1 microsecond', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, p_service, p_client, p_client_port, p_server, p_server_port
            )::directory.store_event]);
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('session', SQLERRM);
    END;
END
$$;
COMMENT ON FUNCTION catalog.note_session IS 'An account signed in (Login), or its session ended (Logout), at an access server';

-- deliver() says what it refuses for want of room. One place, which must be there once.
DO $migration$
DECLARE
    v_before text := '    -- Only over what is contiguous: after a lost commit';
    v_source text := pg_get_functiondef('catalog.deliver'::regproc);
BEGIN
    IF length(v_source) - length(replace(v_source, v_before, '')) <> length(v_before) THEN
        RAISE EXCEPTION 'catalog.deliver does not have this once: %', v_before;
    END IF;
    EXECUTE replace(v_source, v_before,
'    IF ''over_quota'' = ANY (v_reason) THEN
        PERFORM catalog.note_quota_exceeded(array_agg(w.account), array_agg(p_message_sizes[w.m]))
           FROM unnest(v_account, v_reason, p_recipient_of) AS w(account, reason, m) WHERE w.reason = ''over_quota'';
    END IF;

' || v_before);
END
$migration$;

CREATE VIEW report.notification AS
    SELECT n.id, a.login, n.channel, n.events, n.state, n.reason, n.created_at,
           (SELECT count(*) FROM directory.notification_job j WHERE j.notification_id = n.id AND j.state = 'waiting') AS waiting,
           (SELECT count(*) FROM directory.notification_job j WHERE j.notification_id = n.id AND j.state = 'sent') AS sent,
           (SELECT count(*) FROM directory.notification_job j WHERE j.notification_id = n.id AND j.state = 'failed') AS failed
      FROM directory.notification n JOIN directory.account a ON a.id = n.account_id;
COMMENT ON VIEW report.notification IS 'Who is notified by what channel, and what became of the last week''s notifications; no targets, no secrets';

REVOKE ALL ON FUNCTION catalog.is_rebuilding(), catalog.lose_notifications(text, text),
    catalog.flag_names(integer, text[]), catalog.notify_delivered(), catalog.notify_flags(),
    catalog.notify_expunged(), catalog.notify_mailbox(), catalog.notify_subscription(),
    catalog.notify_quota(text, bigint, text), catalog.note_quota_exceeded(bigint[], bigint[]),
    catalog.note_copy_exceeded(bigint, bigint[], bigint[], bigint), catalog.note_quota_within(bigint),
    catalog.notify_room(), catalog.note_quota_changed(bigint), catalog.note_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.note_copy_exceeded(bigint, bigint[], bigint[], bigint), catalog.note_session TO roundtable_accessd;
GRANT SELECT ON report.notification TO roundtable_report, roundtable_operator;
