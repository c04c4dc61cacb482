-- The mailbox journal keeps these tables of the directory, too: a directory that is lost comes back
-- with them. What was last said to whom, and the queue of notifications, is not kept: whoever has lost
-- a database would hear of old messages again.
DO $$
DECLARE
    list text;
BEGIN
    SELECT string_agg(format('(%s, %L, %L)', x.place, x.table_name, x.key), ', ' ORDER BY x.place) INTO list
      FROM (SELECT t.place, t.table_name, t.key FROM catalog.journal_tables() t
            UNION ALL
            SELECT (SELECT max(t.place) FROM catalog.journal_tables() t) + n.place, n.table_name, n.key
              FROM (VALUES (1, 'voicemail_box', 'context || ''/'' || mailbox'),
                           (2, 'message_waiting', 'id::text'), (3, 'notification_gateway', 'id::text'),
                           (4, 'notification', 'id::text'), (5, 'notification_secret', 'notification_id::text'))
                   AS n (place, table_name, key)) x;
    EXECUTE 'CREATE OR REPLACE FUNCTION catalog.journal_tables()
             RETURNS TABLE (place integer, table_name text, key text)
             LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $list$ VALUES ' || list || ' $list$';
END
$$;
