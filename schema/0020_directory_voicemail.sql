-- Voicemail boxes of telephone systems, whose accounts their messages go to; and who wants to be
-- told how many messages wait.

CREATE TABLE directory.voicemail_box (
    context    text NOT NULL CHECK (context ~ '^[!-~]{1,80}$' AND context !~ '^-|[/@\\]'),
    mailbox    text NOT NULL CHECK (mailbox ~ '^[!-~]{1,80}$' AND mailbox !~ '^-|[/@\\]'),
    account_id bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (context, mailbox)
);
COMMENT ON TABLE directory.voicemail_box IS 'Mailbox of a telephone system (voicemail.conf) and the account that its messages go to';
COMMENT ON COLUMN directory.voicemail_box.context IS 'voicemail context, "default" mostly';
COMMENT ON COLUMN directory.voicemail_box.mailbox IS 'number of the mailbox';
CREATE INDEX voicemail_box_by_account ON directory.voicemail_box (account_id);

CREATE TABLE directory.message_waiting (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context    text,
    mailbox    text,
    method     text NOT NULL CHECK (method IN ('hook', 'webhook', 'sip')),
    target     text NOT NULL CHECK (target ~ '^[!-~]+$' AND octet_length(target) <= 1000),
    author     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((context IS NULL) = (mailbox IS NULL)),
    CHECK (method <> 'hook' OR (target ~ '^/' AND target !~ '/\.\.(/|$)')),
    FOREIGN KEY (context, mailbox) REFERENCES directory.voicemail_box ON UPDATE CASCADE ON DELETE CASCADE,
    UNIQUE NULLS NOT DISTINCT (context, mailbox, method, target)
);
COMMENT ON TABLE directory.message_waiting IS 'Who is told how many voicemails wait in a mailbox, on every change';
COMMENT ON COLUMN directory.message_waiting.context IS 'null, with mailbox: of all mailboxes';
COMMENT ON COLUMN directory.message_waiting.method IS 'hook: a program on the mail servers; webhook: an HTTP POST; sip: NOTIFY by UDP (RFC 3842)';
COMMENT ON COLUMN directory.message_waiting.target IS 'path of the program, below the directory waiting_hooks of the mail servers; URL, or sip:USER@ADDRESS:PORT; {mailbox} and {context} stand for the mailbox''s';

-- What was last said to each, so that a restart repeats nothing and forgets nothing; and who is
-- about to say more. Written by mail agents, through functions of the catalog.
CREATE TABLE directory.message_waiting_state (
    subscription_id bigint NOT NULL REFERENCES directory.message_waiting ON DELETE CASCADE,
    context         text NOT NULL,
    mailbox         text NOT NULL,
    mark            text NOT NULL DEFAULT '',
    sent            integer[] CHECK (cardinality(sent) = 4),
    sent_at         timestamptz,
    pending_mark    text,
    pending         integer[] CHECK (cardinality(pending) = 4),
    claimed_by      text,
    claimed_until   timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    not_before      timestamptz NOT NULL DEFAULT now(),
    problem         text,
    PRIMARY KEY (subscription_id, context, mailbox),
    FOREIGN KEY (context, mailbox) REFERENCES directory.voicemail_box ON UPDATE CASCADE ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE directory.message_waiting_state IS 'What each subscriber was last told of each mailbox, and what it is being told now';
COMMENT ON COLUMN directory.message_waiting_state.mark IS 'the state of the account''s mailboxes that sent was counted at; another one: count again';
COMMENT ON COLUMN directory.message_waiting_state.sent IS 'new, old, new urgent, old urgent, as last told with success; null: never';
COMMENT ON COLUMN directory.message_waiting_state.attempts IS 'failures since the last success';

-- Once a day for one box, however often its messages are met.
CREATE FUNCTION directory.note_voicemail_unrouted(p_box text, p_server text, p_text text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM directory.event e
                    WHERE e.at > now() - interval '1 day' AND e.kind = 'voicemail_unrouted'
                      AND e.detail ->> 'box' = p_box) THEN
        PERFORM directory.raise_event('warning', 'voicemail_unrouted', p_server, left(p_text, 500),
                                      jsonb_build_object('box', p_box));
    END IF;
END
$$;
COMMENT ON FUNCTION directory.note_voicemail_unrouted(text, text, text) IS 'Raises the event voicemail_unrouted: a voicemail box with messages has no account';
REVOKE ALL ON FUNCTION directory.note_voicemail_unrouted(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.note_voicemail_unrouted(text, text, text) TO roundtable_operator;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON directory.voicemail_box FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON directory.message_waiting FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();

GRANT SELECT ON directory.voicemail_box, directory.message_waiting TO roundtable_mtad;
GRANT SELECT ON directory.voicemail_box, directory.message_waiting, directory.message_waiting_state
    TO roundtable_operator;
GRANT INSERT, UPDATE, DELETE ON directory.voicemail_box TO roundtable_operator;
GRANT INSERT (context, mailbox, method, target, author), DELETE ON directory.message_waiting
    TO roundtable_operator;
