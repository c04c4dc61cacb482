-- A sign of life that is missing for four seconds does not say that its agent is dead: while PostgreSQL is
-- away none can come, and the agent takes mail. If PostgreSQL comes, and a tracker reads before the agent has
-- said a word, and goes once more, what is taken then is behind the reading. So a reading counts for what can
-- still be written to only if it began after PostgreSQL did, and not long ago; a tracker that reaches the
-- storage servers makes one every few seconds.
CREATE OR REPLACE FUNCTION catalog.require_read() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_since timestamptz := greatest(pg_postmaster_start_time(), now() - interval '1 min');
BEGIN
    IF EXISTS (SELECT FROM catalog.segment s
                 LEFT JOIN LATERAL (
                      SELECT max(w.alive_at) AS at FROM catalog.writer w
                       WHERE w.writer = s.writer AND w.boot_epoch = s.boot_epoch) AS life ON true
                WHERE (s.state = 'open' OR s.catalogued_to < s.length) AND s.superseded_at IS NULL
                  AND s.writer <> '/journal'
                  AND coalesce(life.at, s.opened_at) < now() - interval '6 s'
                  AND (s.seen_at IS NULL OR s.seen_at < coalesce(life.at, s.opened_at) + interval '4 s'
                       OR (s.state = 'open' AND s.seen_at < v_since)))
       OR EXISTS (SELECT FROM catalog.writer w
                   WHERE w.alive_at < now() - interval '6 s'
                     AND NOT EXISTS (SELECT FROM catalog.listing l
                                      WHERE l.listed_at > w.alive_at + interval '4 s'
                                        AND l.listed_at >= v_since)) THEN
        RAISE EXCEPTION 'RT008: a storage server that may hold messages does not answer' USING ERRCODE = 'RT008';
    END IF;
    RETURN true;
END
$$;
