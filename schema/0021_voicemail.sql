-- Message waiting: how many voicemails an account has, and the claims by which exactly one mail
-- agent at a time tells a subscriber of a mailbox.

-- What changes with every change of an account's mailboxes: MODSEQs only rise, and a mailbox that
-- comes or goes changes the count or the sum of ids.
CREATE FUNCTION catalog.waiting_mark(a_account bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog
RETURN (SELECT concat_ws(':', a_account, count(*), coalesce(sum(b.id), 0), coalesce(sum(b.highest_modseq), 0))
          FROM catalog.mailbox b WHERE b.account_id = a_account);

-- What an agent acknowledged while the catalog was away is in its segments alone, until it has told the
-- catalog or a tracker has read them. So an agent that has nothing left to tell says so every 2 s, and a
-- tracker says when it last read all that a segment has.
CREATE TABLE catalog.writer (
    committer  text NOT NULL,
    boot_epoch bigint NOT NULL,
    writer     text NOT NULL,
    alive_at   timestamptz NOT NULL,
    PRIMARY KEY (committer, boot_epoch)
) WITH (fillfactor = 10);
COMMENT ON TABLE catalog.writer IS 'Lives of agents; earlier ones as long as they have segments that are open or not catalogued';
COMMENT ON COLUMN catalog.writer.alive_at IS 'when all that it had acknowledged was in the catalog';
ALTER TABLE catalog.segment ADD COLUMN seen_at timestamptz;
COMMENT ON COLUMN catalog.segment.seen_at IS 'when a tracker last had from so many copies all that the segment held that none can hold more';

-- Segments that were opened while the catalog was away are found by listing the storage roots.
CREATE TABLE catalog.listing (
    id        smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    listed_at timestamptz NOT NULL
);
COMMENT ON TABLE catalog.listing IS 'When a tracker last listed the newest folders of so many storage servers that no segment can be on the others alone';

CREATE FUNCTION catalog.note_listed(p_unlisted bigint, p_ago_ms bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO catalog.listing AS l (listed_at)
    SELECT now() - make_interval(secs => p_ago_ms::double precision / 1000)
      FROM directory.cluster c WHERE p_unlisted < c.min_copies
    ON CONFLICT (id) DO UPDATE SET listed_at = greatest(l.listed_at, excluded.listed_at);
$$;
COMMENT ON FUNCTION catalog.note_listed(bigint, bigint) IS 'A tracker: all but so many storage servers were listed, beginning so long ago';

CREATE FUNCTION catalog.note_alive(p_committer text, p_writer text, p_boot_epoch bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM catalog.writer w
     WHERE w.committer = p_committer AND w.boot_epoch <> p_boot_epoch
       AND NOT EXISTS (SELECT FROM catalog.segment s
                        WHERE (s.state = 'open' OR s.catalogued_to < s.length)
                          AND s.writer = w.writer AND s.boot_epoch = w.boot_epoch);
    INSERT INTO catalog.writer AS w (committer, boot_epoch, writer, alive_at)
    VALUES (p_committer, p_boot_epoch, p_writer, now())
    ON CONFLICT (committer, boot_epoch) DO UPDATE SET alive_at = excluded.alive_at;
$$;
COMMENT ON FUNCTION catalog.note_alive(text, text, bigint) IS 'An agent: all that it has acknowledged is in the catalog';

-- Nobody may be told that there is no message while one may be in a segment whose writer is silent and
-- that nobody has read, or found, since: three signs of life are missing, and two of them were due before
-- the reading.
CREATE FUNCTION catalog.require_read() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM catalog.segment s
                 LEFT JOIN LATERAL (
                      SELECT max(w.alive_at) AS at FROM catalog.writer w
                       WHERE w.writer = s.writer AND w.boot_epoch = s.boot_epoch) AS life ON true
                WHERE (s.state = 'open' OR s.catalogued_to < s.length) AND s.superseded_at IS NULL
                  AND s.writer <> '/journal'
                  AND coalesce(life.at, s.opened_at) < now() - interval '6 s'
                  AND (s.seen_at IS NULL OR s.seen_at < coalesce(life.at, s.opened_at) + interval '4 s'))
       OR EXISTS (SELECT FROM catalog.writer w
                   WHERE w.alive_at < now() - interval '6 s'
                     AND NOT EXISTS (SELECT FROM catalog.listing l
                                      WHERE l.listed_at > w.alive_at + interval '4 s')) THEN
        RAISE EXCEPTION 'RT008: a storage server that may hold messages does not answer' USING ERRCODE = 'RT008';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_read() IS 'True, or SQLSTATE RT008 while messages that were acknowledged may be in no place that could be read';

-- What was delivered after the last journal is put into INBOX when its segment is read. Until all are,
-- an INBOX without a message is not known to be empty, and nobody may be told that it is.
CREATE OR REPLACE FUNCTION catalog.require_whole(a_mailbox bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_phase text;
BEGIN
    SELECT r.phase INTO v_phase FROM catalog.rebuild r WHERE r.phase <> 'done';
    IF FOUND AND (v_phase <> 'cataloguing' OR NOT catalog.is_mailbox_whole(a_mailbox)
                  OR EXISTS (SELECT FROM catalog.mailbox b
                              WHERE b.id = a_mailbox AND b.name = 'INBOX' AND b.messages = 0)) THEN
        RAISE EXCEPTION 'RT008: the mailbox is being rebuilt' USING ERRCODE = 'RT008';
    END IF;
    IF EXISTS (SELECT FROM catalog.mailbox b WHERE b.id = a_mailbox AND b.messages = 0) THEN
        PERFORM catalog.require_read();
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_whole(bigint) IS 'True, or SQLSTATE RT008 until every message of the mailbox has been found again; of an empty one also as require_read()';

CREATE FUNCTION catalog.require_account_found(a_account bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_open();
    IF EXISTS (SELECT FROM catalog.rebuild r WHERE r.phase <> 'done') THEN
        PERFORM catalog.require_whole(b.id) FROM catalog.mailbox b WHERE b.account_id = a_account;
        IF NOT EXISTS (SELECT FROM catalog.mailbox b WHERE b.account_id = a_account AND b.name = 'INBOX') THEN
            RAISE EXCEPTION 'RT008: the account is being rebuilt' USING ERRCODE = 'RT008';
        END IF;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_account_found(bigint) IS 'True, or SQLSTATE RT008 while a rebuild has not found all mailboxes of the account (RT003 after a failover)';

CREATE FUNCTION catalog.require_account_whole(a_account bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.require_account_found(a_account);
    IF NOT EXISTS (SELECT FROM catalog.mailbox b WHERE b.account_id = a_account AND b.messages > 0) THEN
        PERFORM catalog.require_read();
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION catalog.require_account_whole(bigint) IS 'True, or SQLSTATE RT008 (RT003 after a failover) while it is not known what the account has';

-- \Seen is 1, \Flagged 4, \Deleted 8. Asterisk marks urgent messages that it stores by IMAP \Flagged.
CREATE FUNCTION catalog.count_waiting(a_account bigint)
RETURNS TABLE (new_messages integer, old_messages integer, new_urgent integer, old_urgent integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    -- While the catalog is rebuilt nobody may be told that nothing waits.
    PERFORM catalog.require_account_found(a_account);
    RETURN QUERY
    SELECT count(*) FILTER (WHERE x.flags & 1 = 0)::integer,
           count(*) FILTER (WHERE x.flags & 1 = 1)::integer,
           count(*) FILTER (WHERE x.flags & 1 = 0 AND (v.urgent OR x.flags & 4 = 4))::integer,
           count(*) FILTER (WHERE x.flags & 1 = 1 AND (v.urgent OR x.flags & 4 = 4))::integer
      FROM catalog.mailbox b
      JOIN catalog.mailbox_message x ON x.mailbox_id = b.id
      JOIN catalog.voicemail v ON v.message_id = x.message_id
     WHERE b.account_id = a_account AND x.flags & 8 = 0
       AND coalesce(b.special_use, '') NOT IN ('\Trash', '\Junk');
END
$$;
COMMENT ON FUNCTION catalog.count_waiting(bigint) IS 'Voicemails of an account without and with \Seen, and how many of each are urgent; deleted ones and those in Trash and Junk do not count';

CREATE VIEW report.message_waiting AS
SELECT b.context, b.mailbox, a.login, c.new_messages, c.old_messages, c.new_urgent, c.old_urgent
  FROM directory.voicemail_box b
  JOIN directory.account a ON a.id = b.account_id
  CROSS JOIN LATERAL catalog.count_waiting(b.account_id) AS c;
COMMENT ON VIEW report.message_waiting IS 'How many voicemails wait in the account of each mailbox of the telephone system';
COMMENT ON COLUMN report.message_waiting.new_messages IS 'without \Seen, urgent ones included';
COMMENT ON COLUMN report.message_waiting.old_messages IS 'with \Seen, urgent ones included';

-- How many claims of a subscription there may be at once: 4; 2 while one has been under way for more
-- than a second or a mailbox's last try failed. A telephone that answers is told of many mailboxes
-- quickly, one that does not takes few of those who tell.
CREATE FUNCTION catalog.may_tell(a_subscription bigint, a_lease_s integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT count(*) FILTER (WHERE s.claimed_until >= now()) <
           CASE WHEN coalesce(bool_or(s.attempts > 0
                    OR (s.claimed_until >= now()
                        AND s.claimed_until < now() + (a_lease_s - 1) * interval '1 second')), false)
                THEN 2 ELSE 4 END
      FROM directory.message_waiting_state s
     WHERE s.subscription_id = a_subscription
$$;

-- Counts what may have changed and claims what is to be told. Equal counts are noted, not told.
-- Subscribers that failed stand behind those that did not, new ones behind those that once answered.
CREATE FUNCTION catalog.claim_waiting(p_owner text, p_mailboxes bigint[], p_lease_s integer, p_limit integer)
RETURNS TABLE (subscription bigint, method text, target text, context text, mailbox text, login text,
               counts integer[], told integer[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    c record;
    found_counts integer[];
    claimed integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM directory.message_waiting) THEN
        RETURN;
    END IF;
    PERFORM catalog.require_open();
    INSERT INTO directory.message_waiting_state (subscription_id, context, mailbox)
    SELECT w.id, b.context, b.mailbox
      FROM directory.message_waiting w
      JOIN directory.voicemail_box b ON w.context IS NULL OR (b.context = w.context AND b.mailbox = w.mailbox)
     WHERE NOT EXISTS (SELECT FROM directory.message_waiting_state s
                        WHERE s.subscription_id = w.id AND s.context = b.context AND s.mailbox = b.mailbox)
    ON CONFLICT DO NOTHING;
    FOR c IN
        SELECT s.subscription_id, s.context, s.mailbox, s.sent, w.method, w.target, a.login, a.id AS account_id,
               m.mark
          FROM directory.message_waiting_state s
          JOIN directory.message_waiting w ON w.id = s.subscription_id
          JOIN directory.voicemail_box b ON b.context = s.context AND b.mailbox = s.mailbox
          JOIN directory.account a ON a.id = b.account_id
          CROSS JOIN LATERAL (SELECT catalog.waiting_mark(a.id) AS mark) AS m
         WHERE (p_mailboxes IS NULL
                OR a.id IN (SELECT x.account_id FROM catalog.mailbox x WHERE x.id = ANY (p_mailboxes)))
           AND (s.claimed_until IS NULL OR s.claimed_until < now())
           AND s.not_before <= now() AND s.mark <> m.mark
         ORDER BY s.attempts > 0, s.sent IS NULL, s.not_before, s.subscription_id, s.context, s.mailbox
           FOR UPDATE OF s SKIP LOCKED
    LOOP
        -- Counted after the mark was read: a change in between is counted again, never missed.
        SELECT ARRAY[n.new_messages, n.old_messages, n.new_urgent, n.old_urgent] INTO found_counts
          FROM catalog.count_waiting(c.account_id) AS n;
        IF found_counts = c.sent THEN
            UPDATE directory.message_waiting_state s
               SET mark = c.mark, attempts = 0, problem = NULL, claimed_by = NULL, claimed_until = NULL
             WHERE s.subscription_id = c.subscription_id AND s.context = c.context AND s.mailbox = c.mailbox;
            CONTINUE;
        END IF;
        CONTINUE WHEN NOT catalog.may_tell(c.subscription_id, p_lease_s);
        UPDATE directory.message_waiting_state s
           SET pending = found_counts, pending_mark = c.mark, claimed_by = p_owner,
               claimed_until = now() + p_lease_s * interval '1 second'
         WHERE s.subscription_id = c.subscription_id AND s.context = c.context AND s.mailbox = c.mailbox;
        subscription := c.subscription_id;
        method := c.method;
        target := c.target;
        context := c.context;
        mailbox := c.mailbox;
        login := c.login;
        counts := found_counts;
        told := c.sent;
        RETURN NEXT;
        claimed := claimed + 1;
        EXIT WHEN claimed >= p_limit;
    END LOOP;
END
$$;
COMMENT ON FUNCTION catalog.claim_waiting IS 'Takes up to p_limit subscribers whose mailboxes have other counts than they were told (told; null: nothing yet); p_mailboxes: only accounts with one of these catalog mailboxes; null: all';

-- The outcome. False: the claim had lapsed, somebody else may have told it.
CREATE FUNCTION catalog.finish_waiting(p_owner text, p_subscription bigint, p_context text, p_mailbox text,
                                       p_problem text)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH done AS (
        UPDATE directory.message_waiting_state s
           SET sent = CASE WHEN p_problem IS NULL THEN s.pending ELSE s.sent END,
               mark = CASE WHEN p_problem IS NULL THEN s.pending_mark ELSE s.mark END,
               sent_at = CASE WHEN p_problem IS NULL THEN now() ELSE s.sent_at END,
               attempts = CASE WHEN p_problem IS NULL THEN 0 ELSE least(s.attempts + 1, 1000000) END,
               -- 2, 4, 8 ... 300 s after a failure.
               not_before = CASE WHEN p_problem IS NULL THEN now()
                                 ELSE now() + least(300, 2 ^ least(s.attempts + 1, 10)) * interval '1 second' END,
               problem = left(p_problem, 500), pending = NULL, pending_mark = NULL,
               claimed_by = NULL, claimed_until = NULL
         WHERE s.subscription_id = p_subscription AND s.context = p_context AND s.mailbox = p_mailbox
           AND s.claimed_by = p_owner
        RETURNING 1)
    SELECT EXISTS (SELECT FROM done)
$$;
COMMENT ON FUNCTION catalog.finish_waiting IS 'Ends a claim: told (p_problem is null), or why not, to be tried again later';

REVOKE ALL ON FUNCTION catalog.note_alive(text, text, bigint), catalog.note_listed(bigint, bigint), catalog.require_read(),
    catalog.require_account_found(bigint), catalog.require_account_whole(bigint), catalog.waiting_mark(bigint), catalog.count_waiting(bigint),
    catalog.may_tell(bigint, integer), catalog.claim_waiting, catalog.finish_waiting FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.note_alive(text, text, bigint) TO roundtable_mtad, roundtable_accessd;
GRANT EXECUTE ON FUNCTION catalog.note_listed(bigint, bigint) TO roundtable_trackerd;
GRANT UPDATE (seen_at) ON catalog.segment TO roundtable_trackerd;
GRANT SELECT ON catalog.writer, catalog.listing TO roundtable_operator;
GRANT EXECUTE ON FUNCTION catalog.claim_waiting, catalog.finish_waiting TO roundtable_mtad;
GRANT EXECUTE ON FUNCTION catalog.require_account_whole(bigint) TO roundtable_operator;
GRANT EXECUTE ON FUNCTION catalog.count_waiting(bigint) TO roundtable_operator, roundtable_report;
GRANT SELECT ON report.message_waiting TO roundtable_operator, roundtable_report;
