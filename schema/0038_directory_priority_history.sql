-- The history of priorities, for directories of many domains.
--
-- A name server writes the priorities of many domains in one statement. The trigger of each row looked
-- for the names, closed a row of the history and wrote one; for updates the whole statement is done at
-- once now.
--
-- The history is of priorities. A share of first attempts moves all the time, and what moved it is in
-- directory.steering_commit: a row of the history has the share with which its priority began.

DROP TRIGGER mail_exchange_history ON directory.mail_exchange;

CREATE TRIGGER mail_exchange_history AFTER INSERT OR DELETE ON directory.mail_exchange
    FOR EACH ROW EXECUTE FUNCTION directory.keep_priority_history();

-- SECURITY DEFINER: whoever changes a priority leaves a trace, and nobody may edit the trace.
CREATE FUNCTION directory.keep_updated_priorities() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    WITH changed AS MATERIALIZED (
        SELECT d.name AS domain, m.name AS mail_server, s.setting,
               CASE s.setting WHEN 'effective' THEN a.priority_index ELSE a.preference END AS index,
               CASE s.setting WHEN 'effective' THEN a.first_share ELSE 0 END AS share,
               CASE s.setting WHEN 'effective' THEN a.cause ELSE 'configured' END AS cause
          FROM after a
          JOIN before b USING (domain_id, mail_server_id)
          JOIN directory.domain d ON d.id = a.domain_id
          JOIN directory.mail_server m ON m.id = a.mail_server_id
          JOIN (VALUES ('effective'), ('configured')) AS s(setting)
            ON CASE s.setting WHEN 'effective'
                    THEN a.priority_index <> b.priority_index OR a.cause <> b.cause
                    ELSE a.preference <> b.preference END
    ), closed AS (
        UPDATE directory.priority_history h SET to_at = now()
          FROM changed c
         WHERE h.to_at IS NULL AND h.domain = c.domain AND h.mail_server = c.mail_server
           AND h.setting = c.setting
        RETURNING h.domain
    )
    -- After `closed`, which is counted here: one current row for each.
    INSERT INTO directory.priority_history
           (domain, mail_server, setting, priority_index, first_share, cause, author, from_at)
    SELECT c.domain, c.mail_server, c.setting, c.index, c.share, c.cause, session_user, now()
      FROM changed c WHERE (SELECT count(*) FROM closed) >= 0;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.keep_updated_priorities() IS 'priority_history of an UPDATE of mail_exchange';

CREATE TRIGGER mail_exchange_update_history AFTER UPDATE ON directory.mail_exchange
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION directory.keep_updated_priorities();
