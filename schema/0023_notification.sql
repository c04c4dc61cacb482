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
                       m.message_size, f.message_id, catalog.flag_names(x.flags, x.keywords), NULL, NULL
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
                       CASE WHEN g.event LIKE 'Flags%' THEN g.names END, NULL, NULL)::directory.store_event
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
                       directory.uid_set(array_agg(g.uid)), g.modseq, NULL, NULL, NULL, NULL, NULL
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
            box.uid_validity, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::directory.store_event]);
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
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::directory.store_event]);
    EXCEPTION WHEN OTHERS THEN
        PERFORM catalog.lose_notifications('subscription', SQLERRM);
    END;
    RETURN NULL;
END
$$;
CREATE TRIGGER subscription_notify AFTER INSERT OR DELETE ON catalog.subscription
    FOR EACH ROW EXECUTE FUNCTION catalog.notify_subscription();

-- QuotaExceed: a mail agent refused a message because of a quota. Once an hour for an account.
CREATE FUNCTION catalog.note_quota_exceeded(p_recipients text[], p_size bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM directory.queue_notifications(ARRAY(
        SELECT ROW('QuotaExceed', 'QuotaExceed:' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24'), a.id, now(),
                   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                   a.quota_bytes / 1024, u.bytes / 1024)::directory.store_event
          FROM directory.account a
         CROSS JOIN LATERAL (SELECT coalesce(sum(b.bytes), 0)::bigint AS bytes
                               FROM catalog.mailbox b WHERE b.account_id = a.id) AS u
         WHERE a.id = ANY (ARRAY(SELECT directory.account_of(r) FROM unnest(p_recipients) AS r))
           AND u.bytes + p_size > a.quota_bytes
           AND directory.wishes_notification(ARRAY[a.id])));
END
$$;
COMMENT ON FUNCTION catalog.note_quota_exceeded(text[], bigint) IS 'Tells accounts of these recipients that a message of that size had no room';

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
    catalog.note_quota_exceeded(text[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.note_quota_exceeded(text[], bigint) TO roundtable_mtad;
GRANT SELECT ON report.notification TO roundtable_report, roundtable_operator;
