-- The limit of an account is exact.
--
-- What had been sent and what was being tried were counted by two statements. An attempt that ended
-- between them was in neither count, and one notification more than the limit was sent.

-- Claims what is due, at most p_most jobs, two at a time for an account, for p_seconds. What must
-- not be sent now is put off or dropped here. One row for each event: a digest has several (100 at
-- the most), `more` says how many it has beside these.
--
-- An account has two attempts at once, and the rules whose last attempt failed have two of an agent
-- together: receivers that hang leave workers for those that do not.
--
-- One claim at a time, so that the limit of an account is exact: whoever comes meanwhile gets none.
CREATE OR REPLACE FUNCTION directory.claim_notifications(p_server text, p_most integer, p_seconds integer)
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
                -- One statement: an attempt that ends meanwhile is in one of the two counts.
                SELECT sent.count + trying.count, sent.until INTO v_sent, v_until
                  FROM (SELECT count(*), min(s.finished_at) + interval '1 hour' AS until
                          FROM directory.notification_job s
                         WHERE s.account_id = n.account_id AND s.state = 'sent'
                           AND s.finished_at > now() - interval '1 hour' AND NOT (s.happened IS NULL)) sent,
                       (SELECT count(*) FROM directory.notification_job s
                         WHERE s.account_id = n.account_id AND s.state = 'waiting'
                           AND s.claimed_until > now() AND NOT (s.happened IS NULL)) trying;
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
