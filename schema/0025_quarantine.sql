-- The quarantine: a mailbox of the domain, like its dead letters, that no client sees. Frames say
-- which recipients it stands for (mailbox "/quarantine", a name that no client can make); so a
-- message that is catalogued again, by whatever way, is quarantined again, unless it was released.

------------------------------------------------------------------------- mailboxes without an account

-- Each domain has two, told apart by their names: the journal carries both as they are.
ALTER TABLE catalog.mailbox DROP CONSTRAINT mailbox_dead_letter_of_key;
ALTER TABLE catalog.mailbox ADD CONSTRAINT mailbox_dead_letter_of_key UNIQUE (dead_letter_of, name);
COMMENT ON COLUMN catalog.mailbox.dead_letter_of IS 'domain that this mailbox belongs to, which then has no account: "Dead letters" is mail for vanished accounts, "Quarantine" infected mail';

CREATE FUNCTION catalog.domain_mailbox(an_address text, p_name text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    domain_name text := lower(substring(an_address FROM '[^@]*$'));
    found_id bigint;
BEGIN
    INSERT INTO catalog.mailbox (dead_letter_of, name) VALUES (domain_name, p_name)
    ON CONFLICT (dead_letter_of, name) DO NOTHING;
    SELECT m.id INTO found_id FROM catalog.mailbox m WHERE m.dead_letter_of = domain_name AND m.name = p_name;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION catalog.domain_mailbox(text, text) IS 'The mailbox of that name of the address''s domain; made if it is not there';

CREATE OR REPLACE FUNCTION catalog.dead_letter_mailbox(an_address text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT catalog.domain_mailbox(an_address, 'Dead letters')
$$;

------------------------------------------------------------------------------------------ delivery

CREATE TABLE catalog.quarantined (
    message_id uuid NOT NULL,
    recipient  text NOT NULL,
    account_id bigint NOT NULL,
    domain     text NOT NULL,
    PRIMARY KEY (message_id, recipient)
);
COMMENT ON TABLE catalog.quarantined IS 'For whom quarantined messages were; kept until the message goes for good, also when it was released';
COMMENT ON COLUMN catalog.quarantined.recipient IS 'address as given by the sender';
COMMENT ON COLUMN catalog.quarantined.account_id IS 'whose it was when the message came; 0: not known';
COMMENT ON COLUMN catalog.quarantined.domain IS 'whose quarantine mailbox holds it';

-- Of the messages of a delivery that are neither refused nor aborted. Said twice, it changes nothing.
CREATE FUNCTION catalog.note_quarantined(
    p_ids uuid[], p_refused boolean[], p_recipient_of integer[], p_recipients text[], p_account_ids bigint[],
    p_mailboxes text[]
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    INSERT INTO catalog.quarantined (message_id, recipient, account_id, domain)
    SELECT p_ids[r.m], r.recipient, r.account_id, lower(substring(r.recipient FROM '[^@]*$'))
      FROM unnest(p_recipient_of, p_recipients, p_account_ids, p_mailboxes) AS r(m, recipient, account_id, mailbox)
     WHERE r.mailbox = '/quarantine' AND r.recipient <> '' AND NOT p_refused[r.m]
       AND NOT EXISTS (SELECT FROM catalog.aborted n WHERE n.message_id = p_ids[r.m])
     ORDER BY 1, 2
    ON CONFLICT DO NOTHING
$$;

-- Changes two functions at one place each, which must be there once; what is around it stays as the
-- last migration that wrote the function left it.
--
-- deliver(): a quarantined recipient gets the domain's mailbox, as a recipient without an account
-- gets the dead letters; neither quota nor account matter. The delivery's account is the negative
-- number of the mailbox: once for each domain, and the accounts' own are left for a release.
--
-- rebuild_retained(): a rebuild finds expunged messages again by the log; what was deleted from the
-- quarantine, or released, is not what somebody may restore.
DO $migration$
DECLARE
    change record;
    source text;
BEGIN
    FOR change IN
        SELECT * FROM (VALUES
('deliver',
'        IF v_had_mailbox[i] IS NOT NULL OR v_aborted[i] THEN
            NULL;
',
'        IF v_had_mailbox[i] IS NOT NULL OR v_aborted[i] THEN
            NULL;
        ELSIF p_mailboxes[i] = ''/quarantine'' AND p_recipients[i] <> ''''
              AND (p_acknowledged[p_recipient_of[i]] OR v_same_key[i] IS NOT TRUE) THEN
            v_mailbox[i] := catalog.domain_mailbox(p_recipients[i], ''Quarantine'');
            v_account[i] := -v_mailbox[i];
'),
('deliver',
'    RETURN QUERY
    WITH wanted AS (',
'    IF ''/quarantine'' = ANY (p_mailboxes) THEN
        PERFORM catalog.note_quarantined(p_message_ids, v_refused, p_recipient_of, p_recipients, p_account_ids,
                                         p_mailboxes);
    END IF;

    RETURN QUERY
    WITH wanted AS ('),
('rebuild_retained',
'     WHERE e.at > now() - ',
'     WHERE (b.dead_letter_of IS NULL OR b.name <> ''Quarantine'')
       AND e.at > now() - ')) AS c(name, before, after)
    LOOP
        source := pg_get_functiondef(('catalog.' || change.name)::regproc);
        IF length(source) - length(replace(source, change.before, '')) <> length(change.before) THEN
            RAISE EXCEPTION 'catalog.% does not have this once: %', change.name, change.before;
        END IF;
        EXECUTE replace(source, change.before, change.after);
    END LOOP;
END
$migration$;

--------------------------------------------------------------------------------- release and removal

-- The quarantine mailboxes that hold a message, of one domain or (null) of all.
CREATE FUNCTION catalog.quarantine_places(p_message uuid, p_domain text)
RETURNS TABLE (mailbox_id bigint, uid bigint, domain text, internal_date timestamptz, size bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT b.id, x.uid, b.dead_letter_of, x.internal_date, x.size
      FROM catalog.mailbox_message x JOIN catalog.mailbox b ON b.id = x.mailbox_id
     WHERE x.message_id = p_message AND b.dead_letter_of IS NOT NULL AND b.name = 'Quarantine'
       AND (p_domain IS NULL OR b.dead_letter_of = lower(p_domain))
     ORDER BY b.id
$$;

-- Whatever of the message is in the quarantine now goes to whom it was for, as new mail under new
-- UIDs with the date of its receipt; who is gone by now gets it into the dead letters. Also over
-- quota: it was acknowledged.
--
-- Locks: mailboxes by id, as in deliver(). Who comes second finds the message gone.
CREATE FUNCTION catalog.release_quarantined(p_message uuid, p_domain text, p_author text)
RETURNS TABLE (recipient text, account_id bigint, mailbox text, uid bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
#variable_conflict use_column
DECLARE
    v_kind smallint := (SELECT m.kind FROM catalog.message m WHERE m.id = p_message);
    v_recipients text[];  -- one for each account that gets it, or address that has none any more
    v_accounts bigint[];
    v_folders text[];
    v_boxes bigint[];
    v_to record;
    v_place record;
    v_box catalog.mailbox;
    v_answer jsonb := '[]';
BEGIN
    PERFORM catalog.require_open(), catalog.require_lineage();
    SELECT array_agg(t.recipient), array_agg(t.account), array_agg(t.folder)
      INTO v_recipients, v_accounts, v_folders
      FROM (SELECT DISTINCT ON (a.id, CASE WHEN a.id IS NULL THEN q.recipient END)
                   q.recipient, a.id AS account,
                   CASE v_kind WHEN 2 THEN a.fax_folder WHEN 3 THEN a.voicemail_folder END AS folder
              FROM catalog.quarantined q
              JOIN catalog.quarantine_places(p_message, p_domain) p ON p.domain = q.domain
              LEFT JOIN directory.account a
                     ON a.id = CASE q.account_id WHEN 0 THEN directory.account_of(q.recipient)
                                                 ELSE q.account_id END
             WHERE q.message_id = p_message
             ORDER BY a.id, CASE WHEN a.id IS NULL THEN q.recipient END, q.recipient) AS t;
    PERFORM catalog.ensure_folders(
        ARRAY(SELECT w.account FROM unnest(v_accounts, v_folders) AS w(account, folder) WHERE w.folder <> ''),
        ARRAY(SELECT w.folder FROM unnest(v_accounts, v_folders) AS w(account, folder) WHERE w.folder <> ''));
    SELECT array_agg(CASE WHEN w.account IS NULL THEN catalog.dead_letter_mailbox(w.recipient)
                          ELSE coalesce((SELECT b.id FROM catalog.mailbox b
                                          WHERE b.account_id = w.account AND b.name = w.folder),
                                        catalog.ensure_inbox(w.account)) END ORDER BY w.i)
      INTO v_boxes
      FROM unnest(v_recipients, v_accounts, v_folders) WITH ORDINALITY AS w(recipient, account, folder, i);
    PERFORM FROM catalog.mailbox b
      WHERE b.id = ANY (v_boxes || ARRAY(SELECT p.mailbox_id FROM catalog.quarantine_places(p_message, p_domain) p))
      ORDER BY b.id FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM catalog.quarantine_places(p_message, p_domain)) THEN
        RAISE EXCEPTION 'RT004: the quarantine does not hold this message' USING ERRCODE = 'RT004';
    END IF;
    -- To nobody would be lost: it stays where it is.
    IF EXISTS (SELECT FROM catalog.quarantine_places(p_message, p_domain) p
                WHERE NOT EXISTS (SELECT FROM catalog.quarantined q
                                   WHERE q.message_id = p_message AND q.domain = p.domain)) THEN
        RAISE EXCEPTION 'it is not known for whom this message is: nothing was released' USING ERRCODE = 'RT006';
    END IF;
    FOR v_to IN
        SELECT w.recipient, coalesce(w.account, -w.box) AS owner, w.box, p.internal_date, p.size
          FROM unnest(v_recipients, v_accounts, v_boxes) AS w(recipient, account, box)
          JOIN catalog.quarantine_places(p_message, p_domain) p
            ON p.domain = lower(substring(w.recipient FROM '[^@]*$'))
         ORDER BY w.box, w.recipient
    LOOP
        SELECT * INTO STRICT v_box FROM catalog.mailbox b WHERE b.id = v_to.box;
        WITH placed AS (
            INSERT INTO catalog.delivery AS d (message_id, account_id, recipient, mailbox_id, uid)
            VALUES (p_message, v_to.owner, v_to.recipient, v_box.id, v_box.uid_next)
            ON CONFLICT (message_id, account_id) DO NOTHING
            RETURNING d.message_id
        ), shown AS (
            INSERT INTO catalog.mailbox_message
                   (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
            SELECT v_box.id, v_box.uid_next, p.message_id, v_box.highest_modseq + 1, 0,
                   catalog.with_kind_keyword(v_kind, ''), v_to.internal_date, v_to.size
              FROM placed p
        )
        UPDATE catalog.mailbox b
           SET uid_next = b.uid_next + 1, highest_modseq = b.highest_modseq + 1, messages = b.messages + 1,
               unseen = b.unseen + 1, bytes = b.bytes + v_to.size
          FROM placed p
         WHERE b.id = v_box.id;
        CONTINUE WHEN NOT FOUND;  -- it has it already, by an address of another domain
        PERFORM pg_notify('roundtable_mailbox', v_box.id::text);
        v_answer := v_answer || jsonb_build_object('recipient', v_to.recipient, 'account', v_to.owner,
                                                   'mailbox', v_box.name, 'uid', v_box.uid_next);
    END LOOP;
    FOR v_place IN SELECT * FROM catalog.quarantine_places(p_message, p_domain) LOOP
        PERFORM catalog.take_out(v_place.mailbox_id, ARRAY[v_place.uid], ARRAY[v_place.uid], false, false);
    END LOOP;
    PERFORM directory.raise_event('warning', 'quarantine_released', p_author, p_message::text,
                                  jsonb_build_object('author', p_author, 'role', session_user, 'to', v_answer));
    RETURN QUERY
    SELECT e ->> 'recipient', (e ->> 'account')::bigint, e ->> 'mailbox', (e ->> 'uid')::bigint
      FROM jsonb_array_elements(v_answer) AS e;
END
$$;
COMMENT ON FUNCTION catalog.release_quarantined(uuid, text, text) IS 'Delivers a quarantined message to whom it was for, once; domain null: of all domains';

-- Nobody can restore it. Its octets stay in the segment until that is compacted.
CREATE FUNCTION catalog.drop_quarantined(p_message uuid, p_domain text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    v_place record;
    v_count bigint := 0;
BEGIN
    FOR v_place IN SELECT * FROM catalog.quarantine_places(p_message, p_domain) LOOP
        v_count := v_count + (SELECT count(*) FROM catalog.take_out(
            v_place.mailbox_id, ARRAY[v_place.uid], ARRAY[v_place.uid], false, false));
    END LOOP;
    RETURN v_count;
END
$$;

-- The dead octets of segments that held such messages are counted anew. One that somebody has locked
-- is left for the next call, which finds it by the log of expunges.
CREATE FUNCTION catalog.recount_quarantined() RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    UPDATE catalog.segment s SET surveyed_at = NULL
     WHERE s.id IN (
           SELECT g.id FROM catalog.segment g
            WHERE g.state = 'sealed' AND g.superseded_at IS NULL
              AND g.id IN (SELECT m.segment_id
                             FROM catalog.mailbox b
                             JOIN catalog.expunged e ON e.mailbox_id = b.id
                             JOIN catalog.message m ON m.id = e.message_id
                            WHERE b.dead_letter_of IS NOT NULL AND b.name = 'Quarantine'
                              AND e.at >= g.surveyed_at)
            ORDER BY g.id FOR NO KEY UPDATE SKIP LOCKED)
$$;

CREATE FUNCTION catalog.delete_quarantined(p_message uuid, p_domain text, p_author text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_count bigint := catalog.drop_quarantined(p_message, p_domain);
BEGIN
    IF v_count = 0 THEN
        RAISE EXCEPTION 'RT004: the quarantine does not hold this message' USING ERRCODE = 'RT004';
    END IF;
    PERFORM directory.raise_event('warning', 'quarantine_deleted', p_author, p_message::text,
                                  jsonb_build_object('author', p_author, 'role', session_user, 'domain', p_domain));
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION catalog.delete_quarantined(uuid, text, text) IS 'Removes a message from the quarantine for good; returns from how many domains';

-- Trackers: ends the retention of so many messages, and forgets whom gone messages were for.
CREATE FUNCTION catalog.purge_quarantine(p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_before timestamptz := now() - (SELECT c.quarantine_retention FROM directory.cluster c);
    v_message uuid;
    v_count bigint := 0;
BEGIN
    IF NOT catalog.may_remove_files() THEN
        RETURN 0;
    END IF;
    FOR v_message IN
        SELECT x.message_id
          FROM catalog.mailbox b JOIN catalog.mailbox_message x ON x.mailbox_id = b.id
         WHERE b.dead_letter_of IS NOT NULL AND b.name = 'Quarantine' AND x.internal_date < v_before
         ORDER BY b.id, x.uid LIMIT p_most
    LOOP
        v_count := v_count + least(1, catalog.drop_quarantined(v_message, NULL));
    END LOOP;
    PERFORM catalog.recount_quarantined();
    DELETE FROM catalog.quarantined q
     WHERE q.message_id IN (SELECT o.message_id FROM catalog.quarantined o
                             WHERE NOT EXISTS (SELECT FROM catalog.message m WHERE m.id = o.message_id)
                             LIMIT p_most);
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION catalog.purge_quarantine(integer) IS 'Removes quarantined mail that is past directory.cluster.quarantine_retention; returns how many messages';

-------------------------------------------------------------------------------------------- report

CREATE OR REPLACE VIEW report.delivery AS
SELECT d.message_id, catalog.kind_name(m.kind) AS kind, d.recipient, a.login,
       coalesce(b.name, '(deleted)') AS mailbox, d.uid, m.received_at, d.delivered_at, m.sender,
       m.server AS accepted_by, m.message_size,
       (d.account_id < 0 OR b.dead_letter_of IS NOT NULL)
       AND (b.dead_letter_of IS NULL OR b.name <> 'Quarantine') AS dead_letter
  FROM catalog.delivery d
  JOIN catalog.message m ON m.id = d.message_id
  LEFT JOIN directory.account a ON a.id = d.account_id
  LEFT JOIN catalog.mailbox b ON b.id = d.mailbox_id;
COMMENT ON COLUMN report.delivery.mailbox IS 'at delivery; it may have been moved or expunged since. Quarantine: that of the domain; report.quarantine says for whom';
COMMENT ON VIEW report.mailbox IS 'Mailboxes; those with dead_letter_of belong to that domain: mail for vanished accounts, and the quarantine';

CREATE VIEW report.quarantine AS
SELECT x.message_id, b.dead_letter_of AS domain, catalog.kind_name(m.kind) AS kind, m.received_at, m.sender,
       array(SELECT q.recipient FROM catalog.quarantined q
              WHERE q.message_id = x.message_id AND q.domain = b.dead_letter_of ORDER BY q.recipient) AS recipients,
       s.signature, s.scanner, m.server AS accepted_by, x.size AS message_size,
       x.internal_date + (SELECT c.quarantine_retention FROM directory.cluster c) AS kept_until
  FROM catalog.mailbox b
  JOIN catalog.mailbox_message x ON x.mailbox_id = b.id
  JOIN catalog.message m ON m.id = x.message_id
  LEFT JOIN catalog.scan s ON s.message_id = x.message_id
 WHERE b.dead_letter_of IS NOT NULL AND b.name = 'Quarantine';
COMMENT ON VIEW report.quarantine IS 'Mail in quarantine now: one row for a message and a domain';
COMMENT ON COLUMN report.quarantine.recipients IS 'for whom it is; a release delivers it to them';
COMMENT ON COLUMN report.quarantine.kept_until IS 'then it is removed for good';

CREATE VIEW report.scan AS
SELECT s.message_id, catalog.kind_name(m.kind) AS kind, m.received_at, m.sender, m.server AS accepted_by,
       m.message_size, s.verdict, s.signature, s.scanner,
       CASE WHEN NOT EXISTS (SELECT FROM catalog.quarantined q WHERE q.message_id = s.message_id) THEN 'never'
            WHEN EXISTS (SELECT FROM catalog.mailbox_message x JOIN catalog.mailbox b ON b.id = x.mailbox_id
                          WHERE x.message_id = s.message_id AND b.dead_letter_of IS NOT NULL
                            AND b.name = 'Quarantine') THEN 'held'
            WHEN EXISTS (SELECT FROM catalog.quarantined q
                           JOIN catalog.delivery d ON d.message_id = q.message_id
                           LEFT JOIN catalog.mailbox b ON b.id = d.mailbox_id
                          WHERE q.message_id = s.message_id AND d.recipient = q.recipient
                            AND (b.id IS NULL OR b.dead_letter_of IS NULL OR b.name <> 'Quarantine')) THEN 'released'
            ELSE 'removed' END AS quarantine
  FROM catalog.scan s
  JOIN catalog.message m ON m.id = s.message_id;
COMMENT ON VIEW report.scan IS 'What the virus scanner said of each message that was accepted; refused ones are counted by the metrics';
COMMENT ON COLUMN report.scan.verdict IS 'clean; infected: accepted as its domain wants it; unscanned: accepted, no scanner answered';
COMMENT ON COLUMN report.scan.quarantine IS 'never: it was not; held; released; removed: by an operator or by its age';

CREATE VIEW report.scans_by_day AS
SELECT date_trunc('day', m.received_at) AS day, m.server AS accepted_by, s.verdict, count(*) AS messages,
       sum(m.message_size)::bigint AS bytes
  FROM catalog.scan s
  JOIN catalog.message m ON m.id = s.message_id
 GROUP BY 1, 2, 3;
COMMENT ON VIEW report.scans_by_day IS 'Accepted messages by day, mail server and verdict';

-------------------------------------------------------------------------------------------- rights

REVOKE ALL ON FUNCTION catalog.domain_mailbox(text, text), catalog.note_quarantined,
    catalog.quarantine_places(uuid, text), catalog.release_quarantined(uuid, text, text),
    catalog.drop_quarantined(uuid, text), catalog.delete_quarantined(uuid, text, text),
    catalog.recount_quarantined(), catalog.purge_quarantine(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.release_quarantined(uuid, text, text),
    catalog.delete_quarantined(uuid, text, text) TO roundtable_operator;
GRANT EXECUTE ON FUNCTION catalog.purge_quarantine(integer) TO roundtable_trackerd;
GRANT SELECT ON catalog.quarantined, catalog.scan, report.quarantine, report.scan, report.scans_by_day
    TO roundtable_operator;
GRANT SELECT ON report.quarantine, report.scan, report.scans_by_day TO roundtable_report;
