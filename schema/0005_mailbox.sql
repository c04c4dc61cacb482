-- What access servers do with mailboxes. Each function is one short transaction; each that changes a
-- mailbox holds its row lock from the start, so that UIDs and MODSEQs become visible in the order in
-- which they were allotted (RFC 7162 3.1, RFC 9051 2.3.1.1). Errors that a client can be told have
-- a SQLSTATE of their own, which also begins the message:
--   RT002 over quota   RT004 no such mailbox   RT005 exists already   RT006 not allowed   RT007 too many

CREATE FUNCTION catalog.lock_mailbox(a_mailbox bigint) RETURNS catalog.mailbox
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    found_row catalog.mailbox;
BEGIN
    PERFORM catalog.require_lineage();
    SELECT * INTO found_row FROM catalog.mailbox m WHERE m.id = a_mailbox FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: mailbox % is gone', a_mailbox USING ERRCODE = 'RT004';
    END IF;
    RETURN found_row;
END
$$;

-- STORE (RFC 9051 6.4.6, RFC 7162 3.1.3). Set operations on what is stored now, never on what the
-- client believes. A message whose flags stay what they are keeps its MODSEQ.
CREATE FUNCTION catalog.store_flags(
    a_mailbox bigint, p_first bigint[], p_last bigint[], p_action text, p_flags smallint,
    p_keywords text[], p_unchanged_since bigint
) RETURNS TABLE (uid bigint, flags smallint, keywords text[], modseq bigint, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
    box catalog.mailbox := catalog.lock_mailbox(a_mailbox);
    lowered text[] := ARRAY(SELECT lower(k) FROM unnest(p_keywords) AS k);
BEGIN
    IF p_action NOT IN ('add', 'remove', 'set') THEN
        RAISE EXCEPTION 'unknown action %', p_action USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    WITH old AS (
        SELECT x.uid, x.flags, x.keywords, x.modseq,
               (CASE p_action WHEN 'add' THEN x.flags | p_flags
                              WHEN 'remove' THEN x.flags & ~p_flags
                              ELSE p_flags END)::smallint AS new_flags,
               CASE p_action
                   WHEN 'add' THEN x.keywords || ARRAY(
                       SELECT k FROM unnest(p_keywords) AS k
                        WHERE lower(k) <> ALL (ARRAY(SELECT lower(o) FROM unnest(x.keywords) AS o)))
                   WHEN 'remove' THEN ARRAY(
                       SELECT o FROM unnest(x.keywords) AS o WHERE lower(o) <> ALL (lowered))
                   ELSE p_keywords END AS new_keywords
          FROM unnest(p_first, p_last) AS r(first, last)
          JOIN catalog.mailbox_message x
            ON x.mailbox_id = a_mailbox AND x.uid BETWEEN r.first AND r.last
    ), changed AS (
        UPDATE catalog.mailbox_message m
           SET flags = o.new_flags, keywords = o.new_keywords, modseq = box.highest_modseq + 1
          FROM old o
         WHERE m.mailbox_id = a_mailbox AND m.uid = o.uid AND o.modseq <= p_unchanged_since
           AND (o.new_flags <> o.flags OR o.new_keywords <> o.keywords)
        RETURNING m.uid, o.flags AS old_flags, m.flags
    ), counted AS (
        UPDATE catalog.mailbox b
           SET highest_modseq = b.highest_modseq + 1,
               unseen = b.unseen + t.unseen, deleted = b.deleted + t.deleted
          FROM (SELECT coalesce(sum((c.old_flags & 1) - (c.flags & 1)), 0) AS unseen,
                       coalesce(sum(((c.flags & 8) - (c.old_flags & 8)) / 8), 0) AS deleted,
                       count(*) AS changes
                  FROM changed c) AS t
         WHERE b.id = a_mailbox AND t.changes > 0
        RETURNING pg_notify('roundtable_mailbox', b.id::text)
    )
    SELECT o.uid,
           CASE WHEN o.modseq <= p_unchanged_since THEN o.new_flags ELSE o.flags END,
           CASE WHEN o.modseq <= p_unchanged_since THEN o.new_keywords ELSE o.keywords END,
           CASE WHEN o.modseq <= p_unchanged_since
                     AND (o.new_flags <> o.flags OR o.new_keywords <> o.keywords)
                THEN box.highest_modseq + 1 ELSE o.modseq END,
           CASE WHEN o.modseq > p_unchanged_since THEN 'modified'
                WHEN o.new_flags <> o.flags OR o.new_keywords <> o.keywords THEN 'changed'
                ELSE 'same' END
      FROM old o
     ORDER BY o.uid;
END
$$;
COMMENT ON FUNCTION catalog.store_flags IS 'Changes flags and keywords of UIDs in ranges; outcome modified: its MODSEQ was above p_unchanged_since, nothing was done to it';

-- EXPUNGE (RFC 9051 6.4.3), UID EXPUNGE (6.4.9), and DELE at a POP3 QUIT (RFC 1939 6), which does
-- not ask for \Deleted.
CREATE FUNCTION catalog.expunge(a_mailbox bigint, p_first bigint[], p_last bigint[], p_flagged_only boolean)
RETURNS TABLE (uid bigint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
    box catalog.mailbox := catalog.lock_mailbox(a_mailbox);
BEGIN
    RETURN QUERY
    WITH gone AS (
        DELETE FROM catalog.mailbox_message m
         USING unnest(p_first, p_last) AS r(first, last)
         WHERE m.mailbox_id = a_mailbox AND m.uid BETWEEN r.first AND r.last
           AND (NOT p_flagged_only OR m.flags & 8 <> 0)
        RETURNING m.uid, m.message_id, m.flags, m.size
    ), logged AS (
        INSERT INTO catalog.expunged (mailbox_id, uid, modseq, message_id)
        SELECT a_mailbox, g.uid, box.highest_modseq + 1, g.message_id FROM gone g ORDER BY g.uid
    ), counted AS (
        UPDATE catalog.mailbox b
           SET highest_modseq = b.highest_modseq + 1, messages = b.messages - t.messages,
               unseen = b.unseen - t.unseen, deleted = b.deleted - t.deleted, bytes = b.bytes - t.bytes
          FROM (SELECT count(*) AS messages, count(*) FILTER (WHERE g.flags & 1 = 0) AS unseen,
                       count(*) FILTER (WHERE g.flags & 8 <> 0) AS deleted,
                       coalesce(sum(g.size), 0) AS bytes
                  FROM gone g) AS t
         WHERE b.id = a_mailbox AND t.messages > 0
        RETURNING pg_notify('roundtable_mailbox', b.id::text)
    )
    SELECT g.uid, box.highest_modseq + 1 FROM gone g ORDER BY g.uid;
END
$$;
COMMENT ON FUNCTION catalog.expunge IS 'Removes messages from a mailbox, logs them, returns their UIDs';

CREATE FUNCTION catalog.require_quota(an_account bigint, more_bytes numeric) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM directory.account a
                WHERE a.id = an_account
                  AND a.quota_bytes < more_bytes + (SELECT coalesce(sum(b.bytes), 0)
                                                      FROM catalog.mailbox b
                                                     WHERE b.account_id = an_account)) THEN
        RAISE EXCEPTION 'RT002: account % would be over its quota', an_account USING ERRCODE = 'RT002';
    END IF;
END
$$;

-- COPY (RFC 9051 6.4.7) and MOVE (6.4.8): all of the messages or none. Flags, keywords and internal
-- date go along. Both mailboxes belong to one account.
CREATE FUNCTION catalog.copy_messages(p_from bigint, p_first bigint[], p_last bigint[], p_to bigint, p_move boolean)
RETURNS TABLE (uid bigint, new_uid bigint, uid_validity bigint, from_modseq bigint, to_modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off
AS $$
#variable_conflict use_column
DECLARE
    low catalog.mailbox := catalog.lock_mailbox(least(p_from, p_to));
    high catalog.mailbox := catalog.lock_mailbox(greatest(p_from, p_to));
    source catalog.mailbox := CASE WHEN p_from <= p_to THEN low ELSE high END;
    target catalog.mailbox := CASE WHEN p_from <= p_to THEN high ELSE low END;
    v_uids bigint[];
    v_new bigint[];
    v_bytes bigint;
BEGIN
    IF source.account_id IS DISTINCT FROM target.account_id THEN
        RAISE EXCEPTION 'RT006: mailboxes of two accounts' USING ERRCODE = 'RT006';
    END IF;
    SELECT array_agg(x.uid ORDER BY x.uid), sum(x.size) INTO v_uids, v_bytes
      FROM unnest(p_first, p_last) AS r(first, last)
      JOIN catalog.mailbox_message x ON x.mailbox_id = p_from AND x.uid BETWEEN r.first AND r.last;
    IF v_uids IS NULL THEN
        RETURN;
    END IF;
    IF NOT p_move THEN
        PERFORM catalog.require_quota(target.account_id, v_bytes);
    END IF;
    WITH copied AS (
        INSERT INTO catalog.mailbox_message AS m
               (mailbox_id, uid, message_id, modseq, flags, keywords, internal_date, size)
        SELECT p_to, target.uid_next - 1 + u.n, x.message_id, target.highest_modseq + 1, x.flags,
               x.keywords, x.internal_date, x.size
          FROM unnest(v_uids) WITH ORDINALITY AS u(uid, n)
          JOIN catalog.mailbox_message x ON x.mailbox_id = p_from AND x.uid = u.uid
         ORDER BY u.n
        RETURNING m.uid, m.flags, m.size
    )
    UPDATE catalog.mailbox b
       SET uid_next = b.uid_next + t.messages, highest_modseq = b.highest_modseq + 1,
           messages = b.messages + t.messages, unseen = b.unseen + t.unseen,
           deleted = b.deleted + t.deleted, bytes = b.bytes + t.bytes
      FROM (SELECT count(*) AS messages, count(*) FILTER (WHERE c.flags & 1 = 0) AS unseen,
                   count(*) FILTER (WHERE c.flags & 8 <> 0) AS deleted, sum(c.size) AS bytes
              FROM copied c) AS t
     WHERE b.id = p_to;
    IF p_move THEN
        PERFORM FROM catalog.expunge(p_from, v_uids, v_uids, false);
    END IF;
    PERFORM pg_notify('roundtable_mailbox', p_to::text);
    RETURN QUERY
    SELECT u.uid, target.uid_next - 1 + u.n, target.uid_validity,
           (SELECT b.highest_modseq FROM catalog.mailbox b WHERE b.id = p_from),
           target.highest_modseq + 1
      FROM unnest(v_uids) WITH ORDINALITY AS u(uid, n)
     ORDER BY u.n;
END
$$;
COMMENT ON FUNCTION catalog.copy_messages IS 'Copies or moves messages to another mailbox of the account, atomically';

-- A superior level that does not exist is made as well (RFC 9051 6.3.4).
CREATE FUNCTION catalog.create_mailbox(an_account bigint, p_name text, p_special_use text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    new_id bigint;
    levels text[] := string_to_array(p_name, '/');
BEGIN
    IF cardinality(levels) > 32 OR '' = ANY (levels) THEN
        RAISE EXCEPTION 'RT006: this name is not allowed' USING ERRCODE = 'RT006';
    END IF;
    -- The account's row keeps creations of one account apart, so that the count below holds.
    PERFORM FROM directory.account a WHERE a.id = an_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: account % is gone', an_account USING ERRCODE = 'RT004';
    END IF;
    IF (SELECT count(*) FROM catalog.mailbox m WHERE m.account_id = an_account) + cardinality(levels) > 10000 THEN
        RAISE EXCEPTION 'RT007: the account has too many mailboxes' USING ERRCODE = 'RT007';
    END IF;
    FOR n IN 1 .. cardinality(levels) - 1 LOOP
        INSERT INTO catalog.mailbox (account_id, name)
        VALUES (an_account, array_to_string(levels[1:n], '/'))
        ON CONFLICT (account_id, name) DO NOTHING;
    END LOOP;
    INSERT INTO catalog.mailbox (account_id, name, special_use) VALUES (an_account, p_name, p_special_use)
    ON CONFLICT (account_id, name) DO NOTHING
    RETURNING id INTO new_id;
    IF new_id IS NULL THEN
        RAISE EXCEPTION 'RT005: the mailbox exists' USING ERRCODE = 'RT005';
    END IF;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION catalog.create_mailbox(bigint, text, text) IS 'CREATE; at most 10000 mailboxes an account, 32 levels';

CREATE FUNCTION catalog.ensure_inbox(an_account bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    found_id bigint;
BEGIN
    SELECT m.id INTO found_id FROM catalog.mailbox m WHERE m.account_id = an_account AND m.name = 'INBOX';
    IF FOUND THEN
        RETURN found_id;
    END IF;
    INSERT INTO catalog.mailbox (account_id, name)
    SELECT a.id, 'INBOX' FROM directory.account a WHERE a.id = an_account FOR KEY SHARE
    ON CONFLICT (account_id, name) DO NOTHING;
    SELECT m.id INTO found_id FROM catalog.mailbox m WHERE m.account_id = an_account AND m.name = 'INBOX';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: account % is gone', an_account USING ERRCODE = 'RT004';
    END IF;
    RETURN found_id;
END
$$;

-- DELETE (RFC 9051 6.3.5). Mailboxes below it stay.
CREATE FUNCTION catalog.delete_mailbox(an_account bigint, p_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF p_name = 'INBOX' THEN
        RAISE EXCEPTION 'RT006: INBOX cannot be deleted' USING ERRCODE = 'RT006';
    END IF;
    DELETE FROM catalog.mailbox m WHERE m.account_id = an_account AND m.name = p_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: there is no such mailbox' USING ERRCODE = 'RT004';
    END IF;
END
$$;
COMMENT ON FUNCTION catalog.delete_mailbox(bigint, text) IS 'DELETE; INBOX is refused';

-- RENAME (RFC 9051 6.3.6): with all that is below. INBOX stays: its messages move, and nothing below
-- it is touched.
CREATE FUNCTION catalog.rename_mailbox(an_account bigint, p_from text, p_to text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    source bigint;
    target bigint;
BEGIN
    SELECT m.id INTO source FROM catalog.mailbox m WHERE m.account_id = an_account AND m.name = p_from;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'RT004: there is no such mailbox' USING ERRCODE = 'RT004';
    END IF;
    IF p_to = 'INBOX' OR starts_with(p_to, p_from || '/') AND p_from <> 'INBOX' THEN
        RAISE EXCEPTION 'RT006: it cannot be renamed to this' USING ERRCODE = 'RT006';
    END IF;
    target := catalog.create_mailbox(an_account, p_to, NULL);
    IF p_from = 'INBOX' THEN
        PERFORM FROM catalog.copy_messages(source, ARRAY[1], ARRAY[4294967295], target, true);
        RETURN;
    END IF;
    -- The new name was only made to be checked, and for the levels above it.
    DELETE FROM catalog.mailbox m WHERE m.id = target;
    UPDATE catalog.mailbox m
       SET name = p_to || substring(m.name FROM length(p_from) + 1)
     WHERE m.account_id = an_account AND (m.name = p_from OR starts_with(m.name, p_from || '/'));
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'RT005: the mailbox exists' USING ERRCODE = 'RT005';
    WHEN check_violation THEN
        RAISE EXCEPTION 'RT006: this name is not allowed' USING ERRCODE = 'RT006';
END
$$;
COMMENT ON FUNCTION catalog.rename_mailbox(bigint, text, text) IS 'RENAME; the messages of INBOX move, INBOX stays';

CREATE FUNCTION catalog.take_recent(a_mailbox bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    box catalog.mailbox;
BEGIN
    SELECT * INTO box FROM catalog.mailbox m WHERE m.id = a_mailbox FOR NO KEY UPDATE;
    UPDATE catalog.mailbox m SET recent_from = m.uid_next WHERE m.id = a_mailbox AND m.recent_from < m.uid_next;
    RETURN box.recent_from;
END
$$;
COMMENT ON FUNCTION catalog.take_recent(bigint) IS 'The UID from which on messages are \Recent for the session that asks; no later session is told so';

CREATE FUNCTION catalog.subscribe(an_account bigint, p_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF (SELECT count(*) FROM catalog.subscription s WHERE s.account_id = an_account) >= 10000 THEN
        RAISE EXCEPTION 'RT007: the account has too many subscriptions' USING ERRCODE = 'RT007';
    END IF;
    INSERT INTO catalog.subscription (account_id, name) VALUES (an_account, p_name) ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION catalog.unsubscribe(an_account bigint, p_name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM catalog.subscription s WHERE s.account_id = an_account AND s.name = p_name
$$;

-- The lock of a maildrop (RFC 1939 4) is a lease: a server that dies must not lock it for good.
CREATE FUNCTION catalog.take_maildrop(an_account bigint, p_holder text, p_seconds integer) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO catalog.maildrop_lease AS l (account_id, token, holder, expires_at)
    VALUES (an_account, gen_random_uuid(), p_holder, now() + make_interval(secs => p_seconds))
    ON CONFLICT (account_id) DO UPDATE
       SET token = excluded.token, holder = excluded.holder, expires_at = excluded.expires_at
     WHERE l.expires_at <= now()
    RETURNING token
$$;
COMMENT ON FUNCTION catalog.take_maildrop(bigint, text, integer) IS 'Locks a maildrop; null: another session holds it';

CREATE FUNCTION catalog.renew_maildrop(an_account bigint, p_token uuid, p_seconds integer) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH renewed AS (
        UPDATE catalog.maildrop_lease l SET expires_at = now() + make_interval(secs => p_seconds)
         WHERE l.account_id = an_account AND l.token = p_token RETURNING 1)
    SELECT EXISTS (SELECT FROM renewed)
$$;

CREATE FUNCTION catalog.release_maildrop(an_account bigint, p_token uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM catalog.maildrop_lease l WHERE l.account_id = an_account AND l.token = p_token
$$;
