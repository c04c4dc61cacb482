-- Fax: which account a received fax is for, who may send one and whereto, and what has become of it.

CREATE DOMAIN directory.fax_pattern AS text
    CHECK (VALUE = lower(VALUE) AND octet_length(VALUE) BETWEEN 1 AND 101 AND VALUE !~ '[[:cntrl:]]'
           AND strpos(VALUE, '*') IN (0, length(VALUE)));
COMMENT ON DOMAIN directory.fax_pattern IS 'A number or text, the beginning of one with * behind it, or * for any';

CREATE TABLE directory.fax_route (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    called     directory.fax_pattern NOT NULL DEFAULT '*',
    subaddress directory.fax_pattern NOT NULL DEFAULT '*',
    sender     directory.fax_pattern NOT NULL DEFAULT '*',
    account_id bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    UNIQUE (called, subaddress, sender)
);
COMMENT ON TABLE directory.fax_route IS 'Which account a received fax is delivered to; the row with * in all three is the default';
COMMENT ON COLUMN directory.fax_route.called IS 'the number that was called';
COMMENT ON COLUMN directory.fax_route.subaddress IS 'T.33 subaddress';
COMMENT ON COLUMN directory.fax_route.sender IS 'the caller''s number, or what the sending machine says of itself (TSI)';
CREATE INDEX fax_route_by_account ON directory.fax_route (account_id);

-- A "+" is there or not depending on the telephone line, not on the number.
CREATE FUNCTION directory.fax_matches(pattern text, value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
RETURN CASE WHEN right(pattern, 1) = '*'
            THEN starts_with(ltrim(coalesce(value, ''), '+'), ltrim(left(pattern, -1), '+'))
            ELSE ltrim(coalesce(value, ''), '+') = ltrim(pattern, '+') AND value <> '' END;
COMMENT ON FUNCTION directory.fax_matches(text, text) IS 'Whether a pattern of a route means a number or text';

-- An exact pattern before every open one, of those the longest first.
CREATE FUNCTION directory.fax_specificity(pattern text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN CASE WHEN right(pattern, 1) = '*' THEN length(pattern) - 1 ELSE 1000 END;

-- The account with no address at all gets nothing: its row is skipped, not answered with null.
CREATE FUNCTION directory.fax_route_of(p_called text, p_subaddress text, p_caller text, p_sender text)
RETURNS TABLE (route_id bigint, login text, address text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT r.id, a.login, x.address
      FROM directory.fax_route r
      JOIN directory.account a ON a.id = r.account_id
      CROSS JOIN LATERAL
           (SELECT d.local_part || '@' || m.name AS address
              FROM directory.address d JOIN directory.domain m ON m.id = d.domain_id
             WHERE d.account_id = a.id
             ORDER BY (d.local_part || '@' || m.name = a.login) DESC, m.name, d.local_part
             LIMIT 1) x
     WHERE directory.fax_matches(r.called, p_called)
       AND directory.fax_matches(r.subaddress, p_subaddress)
       AND (directory.fax_matches(r.sender, p_caller) OR directory.fax_matches(r.sender, p_sender))
     ORDER BY directory.fax_specificity(r.called) DESC,
              directory.fax_specificity(r.subaddress) DESC,
              directory.fax_specificity(r.sender) DESC
     LIMIT 1
$$;
COMMENT ON FUNCTION directory.fax_route_of(text, text, text, text) IS 'Whose a received fax is: the most specific route by called number, then subaddress, then sender; no row: nobody''s';

-- Once a day for one fax and kind, however often it is tried.
CREATE FUNCTION directory.note_fax_event(p_severity text, p_kind text, p_key text, p_server text, p_text text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF p_kind NOT IN ('fax_unrouted', 'fax_refused', 'fax_not_sent', 'fax_foreign_job', 'fax_unknown_end') THEN
        RAISE EXCEPTION 'no event of fax: %', p_kind USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM directory.event e
                    WHERE e.at > now() - interval '1 day' AND e.kind = p_kind
                      AND e.detail ->> 'key' = p_key) THEN
        PERFORM directory.raise_event(p_severity, p_kind, p_server, left(p_text, 500),
                                      jsonb_build_object('key', p_key));
    END IF;
END
$$;

------------------------------------------------------------------------------------------- outgoing

CREATE TABLE directory.fax_domain (
    domain_id        bigint PRIMARY KEY REFERENCES directory.domain ON DELETE CASCADE,
    queue_account_id bigint NOT NULL REFERENCES directory.account
);
COMMENT ON TABLE directory.fax_domain IS 'Domains whose addresses are fax numbers, such as +4930901820@fax.example.test';
COMMENT ON COLUMN directory.fax_domain.queue_account_id IS 'in whose INBOX faxes wait until they are sent';
CREATE INDEX fax_domain_by_account ON directory.fax_domain (queue_account_id);

CREATE TABLE directory.fax_sender (
    account_id bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    called     directory.fax_pattern NOT NULL DEFAULT '*',
    PRIMARY KEY (account_id, called)
);
COMMENT ON TABLE directory.fax_sender IS 'Which accounts may send faxes, and to which numbers; others may not';

CREATE TABLE directory.fax_job (
    key        text PRIMARY KEY CHECK (key LIKE 'fax-out/%' AND octet_length(key) <= 100),
    number     text NOT NULL CHECK (number ~ '^[+]?[0-9]{1,32}$'),
    sender     text NOT NULL CHECK (sender <> ''),
    account_id bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    domain_id  bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    state      text NOT NULL DEFAULT 'offered'
        CHECK (state IN ('offered', 'refused', 'accepted', 'submitting', 'submitted', 'delivered', 'failed')),
    host       text NOT NULL DEFAULT '',
    job        bigint,
    detail     text NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 1000),
    reported   boolean NOT NULL DEFAULT false,
    message_id text NOT NULL DEFAULT '' CHECK (octet_length(message_id) <= 300),
    subject    text NOT NULL DEFAULT '' CHECK (octet_length(subject) <= 1000),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE directory.fax_job IS 'Faxes to be sent; the message itself is in the INBOX of the domain''s queue account until it is reported';
COMMENT ON COLUMN directory.fax_job.state IS 'offered: being taken, nothing is promised; refused: no mail server takes it, whoever handed it in tells the sender; accepted: waits in the queue; submitting: being handed to HylaFAX; submitted: HylaFAX has it; delivered, failed: over';
COMMENT ON COLUMN directory.fax_job.host IS 'the fax machine that took it';
COMMENT ON COLUMN directory.fax_job.job IS 'HylaFAX''s number of the job there';
COMMENT ON COLUMN directory.fax_job.reported IS 'the sender has been told, by a delivery status notification or (refused) by whoever handed it in';
COMMENT ON COLUMN directory.fax_job.message_id IS 'of the message as the sender wrote it, so that the report can say which one it is about';
COMMENT ON COLUMN directory.fax_job.created_at IS 'when it was accepted; while it is offered, when it was offered';
CREATE INDEX fax_job_open ON directory.fax_job (created_at) WHERE NOT reported;
CREATE INDEX fax_job_old ON directory.fax_job (changed_at) WHERE reported;

-- Whose the sender's address is, and what that account may call.
CREATE FUNCTION directory.judge_fax_job(p_sender text, p_domain text, p_number text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT CASE WHEN NOT EXISTS (SELECT FROM directory.fax_domain f
                                   JOIN directory.domain d ON d.id = f.domain_id
                                  WHERE d.name = lower(p_domain)) THEN 'no_domain'
                WHEN NOT EXISTS (SELECT FROM directory.address x
                                   JOIN directory.domain d ON d.id = x.domain_id
                                   JOIN directory.account a ON a.id = x.account_id
                                   JOIN directory.fax_sender s ON s.account_id = a.id
                                  WHERE x.local_part || '@' || d.name = lower(p_sender) AND a.state = 'active'
                                    AND directory.fax_matches(s.called, p_number)) THEN 'not_allowed'
                ELSE 'accepted' END
$$;
COMMENT ON FUNCTION directory.judge_fax_job(text, text, text) IS 'Whether a fax would be taken now: accepted, no_domain or not_allowed';

-- Makes the row of a fax to be sent, once a key, before its message is handed in: a message without a
-- row is nobody's job. It is judged again here, in the transaction that makes it.
CREATE FUNCTION directory.offer_fax_job(p_key text, p_sender text, p_domain text, p_number text,
                                        p_message_id text, p_subject text)
RETURNS TABLE (verdict text, queue_address text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    judgement text := directory.judge_fax_job(p_sender, p_domain, p_number);
    fax_domain record;
BEGIN
    IF judgement <> 'accepted' THEN
        RETURN QUERY SELECT judgement, '';
        RETURN;
    END IF;
    SELECT f.domain_id, f.queue_account_id INTO STRICT fax_domain
      FROM directory.fax_domain f JOIN directory.domain d ON d.id = f.domain_id
     WHERE d.name = lower(p_domain);
    INSERT INTO directory.fax_job AS j (key, number, sender, account_id, domain_id, message_id, subject)
    SELECT p_key, p_number, lower(p_sender), x.account_id, fax_domain.domain_id, p_message_id, p_subject
      FROM directory.address x JOIN directory.domain d ON d.id = x.domain_id
     WHERE x.local_part || '@' || d.name = lower(p_sender)
    ON CONFLICT (key) DO UPDATE SET state = 'offered', reported = false, detail = '', created_at = now(),
                                    changed_at = now()
     WHERE j.state = 'refused';
    RETURN QUERY
        SELECT 'accepted', x.local_part || '@' || d.name
          FROM directory.address x JOIN directory.domain d ON d.id = x.domain_id
         WHERE x.account_id = fax_domain.queue_account_id
         ORDER BY d.name, x.local_part LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the queue account of % has no address', p_domain USING ERRCODE = 'check_violation';
    END IF;
END
$$;
COMMENT ON FUNCTION directory.offer_fax_job(text, text, text, text, text, text) IS 'Makes the row of a fax to be sent: accepted, no_domain or not_allowed';

-- The message is stored: the promise holds from now on, and the time runs from now on.
CREATE FUNCTION directory.accept_fax_job(p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE directory.fax_job SET state = 'accepted', created_at = now(), changed_at = now()
     WHERE key = p_key AND state = 'offered'
$$;

-- No mail server takes the message, for good: whoever handed it in tells the sender.
CREATE FUNCTION directory.refuse_fax_job(p_key text, p_detail text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE directory.fax_job SET state = 'refused', reported = true, detail = left(p_detail, 300), changed_at = now()
     WHERE key = p_key AND state = 'offered'
$$;

-- Steps of a job go one way, and only the first report of its end counts. The machine that took a
-- job stays named when another one ends it.
CREATE FUNCTION directory.move_fax_job(p_key text, p_state text, p_host text, p_job bigint, p_detail text)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE directory.fax_job j
       SET state = p_state, job = coalesce(p_job, j.job), detail = left(p_detail, 300), changed_at = now(),
           host = CASE WHEN p_state IN ('delivered', 'failed') AND j.host <> '' THEN j.host ELSE p_host END
     WHERE j.key = p_key
       AND CASE p_state WHEN 'submitting' THEN j.state IN ('offered', 'accepted')
                        WHEN 'accepted' THEN j.state = 'submitting'
                        WHEN 'submitted' THEN j.state IN ('offered', 'accepted', 'submitting')
                        WHEN 'delivered' THEN j.state IN ('offered', 'accepted', 'submitting', 'submitted')
                        WHEN 'failed' THEN j.state IN ('offered', 'accepted', 'submitting', 'submitted')
                        ELSE false END
    RETURNING true
$$;

CREATE FUNCTION directory.fax_job_reported(p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE directory.fax_job SET reported = true, changed_at = now()
     WHERE key = p_key AND state IN ('delivered', 'failed')
$$;

-- Jobs of a queue whose end is to be told and that may have lost their message: over, or too old.
CREATE FUNCTION directory.late_fax_jobs(p_login text, p_give_up_s bigint) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT j.key
      FROM directory.fax_job j
      JOIN directory.fax_domain f ON f.domain_id = j.domain_id
      JOIN directory.account a ON a.id = f.queue_account_id
     WHERE a.login = p_login AND NOT j.reported AND j.state <> 'offered'
       AND (j.state IN ('delivered', 'failed') OR j.created_at < now() - make_interval(secs => p_give_up_s))
     ORDER BY j.created_at LIMIT 1000
$$;

-- An offer that was never taken up promised nothing.
CREATE FUNCTION directory.purge_fax_jobs() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM directory.fax_job
     WHERE (reported AND changed_at < now() - interval '90 days')
        OR (NOT reported AND state = 'offered' AND created_at < now() - interval '90 days')
$$;

-------------------------------------------------------------------------------------------- rights

-- What runs on a fax machine beside HylaFAX: it may ask for routes and move jobs, and nothing else.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'roundtable_fax') THEN
        CREATE ROLE roundtable_fax LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
END
$$;
COMMENT ON ROLE roundtable_fax IS 'roundtable fax on a machine with HylaFAX: asks for routes, moves jobs';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['fax_route', 'fax_domain', 'fax_sender'] LOOP
        EXECUTE format('CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
                        ON directory.%I FOR EACH STATEMENT EXECUTE FUNCTION directory.announce()', t);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION directory.fax_matches(text, text), directory.fax_specificity(text),
    directory.fax_route_of(text, text, text, text),
    directory.note_fax_event(text, text, text, text, text),
    directory.judge_fax_job(text, text, text),
    directory.offer_fax_job(text, text, text, text, text, text), directory.accept_fax_job(text),
    directory.refuse_fax_job(text, text), directory.late_fax_jobs(text, bigint), directory.purge_fax_jobs(),
    directory.move_fax_job(text, text, text, bigint, text), directory.fax_job_reported(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA directory TO roundtable_fax;
GRANT SELECT ON directory.fax_job TO roundtable_fax;
GRANT SELECT (id, name) ON directory.domain TO roundtable_fax;
GRANT EXECUTE ON FUNCTION directory.fax_route_of(text, text, text, text),
    directory.note_fax_event(text, text, text, text, text),
    directory.judge_fax_job(text, text, text),
    directory.offer_fax_job(text, text, text, text, text, text), directory.accept_fax_job(text),
    directory.refuse_fax_job(text, text), directory.late_fax_jobs(text, bigint), directory.purge_fax_jobs(),
    directory.move_fax_job(text, text, text, bigint, text), directory.fax_job_reported(text)
    TO roundtable_fax, roundtable_operator;
GRANT EXECUTE ON FUNCTION directory.fax_matches(text, text), directory.fax_specificity(text)
    TO roundtable_operator;
GRANT SELECT ON directory.fax_route, directory.fax_domain, directory.fax_sender, directory.fax_job
    TO roundtable_operator;
GRANT INSERT, UPDATE, DELETE ON directory.fax_route, directory.fax_domain, directory.fax_sender
    TO roundtable_operator;
