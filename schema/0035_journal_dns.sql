-- The mailbox journal keeps these tables of the directory, too: what operators said of zones, keys,
-- secondaries, updates and probes. The history of updates is not kept, nor what name servers write.
DO $$
DECLARE
    list text;
BEGIN
    SELECT string_agg(format('(%s, %L, %L)', x.place, x.table_name, x.key), ', ' ORDER BY x.place) INTO list
      FROM (SELECT t.place, t.table_name, t.key FROM catalog.journal_tables() t
            UNION ALL
            SELECT (SELECT max(t.place) FROM catalog.journal_tables() t) + n.place, n.table_name, n.key
              FROM (VALUES (1, 'dnssec', 'domain_id::text'), (2, 'dnssec_key', 'id::text'),
                           (3, 'dnssec_secret', 'key_id::text'), (4, 'transfer_key', 'id::text'),
                           (5, 'transfer_secret', 'key_id::text'), (6, 'transfer_peer', 'id::text'),
                           (7, 'transfer_notify', 'peer_id || '':'' || host(address) || ''/'' || port'),
                           (8, 'transfer_domain', 'peer_id || '':'' || domain_id'),
                           (9, 'transfer_catalog', 'id::text'), (10, 'mail_records', 'domain_id::text'),
                           (11, 'dkim_key', 'id::text'), (12, 'dkim_secret', 'key_id::text'),
                           (13, 'update_grant', 'id::text'), (14, 'probe', 'id::text'),
                           (15, 'probe_check', 'probe_id || '':'' || position'))
                   AS n (place, table_name, key)) x;
    EXECUTE 'CREATE OR REPLACE FUNCTION catalog.journal_tables()
             RETURNS TABLE (place integer, table_name text, key text)
             LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $list$ VALUES ' || list || ' $list$';
END
$$;
