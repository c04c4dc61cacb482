-- Roles, one for each daemon, one for operators, one for people who report with psql. They belong
-- to the whole PostgreSQL cluster, so another database may have made them already. No password is
-- set here: how a role may sign in is pg_hba.conf's business. What each may do is in 0007_rights.sql.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['roundtable_dnsd', 'roundtable_mtad', 'roundtable_accessd',
                                     'roundtable_trackerd', 'roundtable_operator',
                                     'roundtable_report'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', role_name);
        END IF;
    END LOOP;
END
$$;

COMMENT ON ROLE roundtable_dnsd IS 'roundtable-dnsd: reads the directory, writes effective priorities';
COMMENT ON ROLE roundtable_mtad IS 'roundtable-mtad: reads the directory, delivers';
COMMENT ON ROLE roundtable_accessd IS 'roundtable-accessd: signs accounts in, reads and changes mailboxes';
COMMENT ON ROLE roundtable_trackerd IS 'roundtable-trackerd: catches the catalog up';
COMMENT ON ROLE roundtable_operator IS 'the roundtable command and operators: edits the directory';
COMMENT ON ROLE roundtable_report IS 'reads the views of schema report and nothing else';
