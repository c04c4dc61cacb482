-- Fax: the journal keeps its tables of the directory, and people see what waits and what failed.

-- The list of tables grows by whoever adds one: rows are put behind those that are there.
DO $$
DECLARE
    list text;
BEGIN
    SELECT string_agg(format('(%s, %L, %L)', x.place, x.table_name, x.key), ', ' ORDER BY x.place) INTO list
      FROM (SELECT t.place, t.table_name, t.key FROM catalog.journal_tables() t
            UNION ALL
            SELECT (SELECT max(t.place) FROM catalog.journal_tables() t) + n.place, n.table_name, n.key
              FROM (VALUES (1, 'fax_route', 'id::text'), (2, 'fax_domain', 'domain_id::text'),
                           (3, 'fax_sender', 'account_id || '':'' || called'), (4, 'fax_job', 'key'))
                   AS n (place, table_name, key)) x;
    EXECUTE 'CREATE OR REPLACE FUNCTION catalog.journal_tables()
             RETURNS TABLE (place integer, table_name text, key text)
             LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $list$ VALUES ' || list || ' $list$';
END
$$;

CREATE VIEW report.fax_job AS
    SELECT j.key, j.number, j.sender, a.login, j.state, j.reported, j.host, j.job, j.detail,
           j.message_id, j.subject, j.created_at, j.changed_at
      FROM directory.fax_job j JOIN directory.account a ON a.id = j.account_id;
COMMENT ON VIEW report.fax_job IS 'Faxes to be sent and sent: to which number, by whom, what became of them';
GRANT SELECT ON report.fax_job TO roundtable_operator, roundtable_report;
