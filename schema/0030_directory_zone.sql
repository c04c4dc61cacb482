-- Zones: what name servers refuse to serve, and why.

----------------------------------------------------------------------------- zones that are refused

-- What each name server refuses now. A domain whose records are refused keeps the zone that it had
-- (serves_old), if it had one.
CREATE TABLE directory.zone_problem (
    name_server text NOT NULL,
    domain      text NOT NULL,
    reason      text NOT NULL,
    serves_old  boolean NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name_server, domain)
);
COMMENT ON TABLE directory.zone_problem IS 'Domains whose present records a name server does not serve, and why; written by it';
COMMENT ON COLUMN directory.zone_problem.serves_old IS 'it goes on answering with the zone of before; false: it has none';

-- The list of one name server replaces the one that it had. What several of them say alike is one
-- event: it is raised by the first and taken back by the last.
CREATE FUNCTION directory.note_zone_problems(p_name_server text, p_domains text[], p_reasons text[],
                                             p_serves_old boolean[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    r record;
BEGIN
    -- One at a time, or two that come together would each find the other's row missing.
    LOCK TABLE directory.zone_problem IN SHARE ROW EXCLUSIVE MODE;
    FOR r IN DELETE FROM directory.zone_problem z
              WHERE z.name_server = p_name_server AND z.domain <> ALL (p_domains) RETURNING z.domain LOOP
        IF NOT EXISTS (SELECT FROM directory.zone_problem z WHERE z.domain = r.domain) THEN
            PERFORM directory.raise_event('info', 'zone_served', p_name_server, r.domain, NULL);
        END IF;
    END LOOP;
    FOR r IN SELECT n.domain, left(n.reason, 1000) AS reason, n.serves_old
               FROM unnest(p_domains, p_reasons, p_serves_old) AS n (domain, reason, serves_old) LOOP
        IF NOT EXISTS (SELECT FROM directory.zone_problem z
                        WHERE z.domain = r.domain AND z.reason = r.reason) THEN
            PERFORM directory.raise_event('warning', 'zone_refused', p_name_server, r.domain,
                                          jsonb_build_object('reason', r.reason, 'serves_old', r.serves_old));
        END IF;
        INSERT INTO directory.zone_problem AS z (name_server, domain, reason, serves_old)
        VALUES (p_name_server, r.domain, r.reason, r.serves_old)
        ON CONFLICT (name_server, domain) DO UPDATE
           SET reason = excluded.reason, serves_old = excluded.serves_old, since = now()
         WHERE (z.reason, z.serves_old) IS DISTINCT FROM (excluded.reason, excluded.serves_old);
    END LOOP;
END
$$;
COMMENT ON FUNCTION directory.note_zone_problems(text, text[], text[], boolean[]) IS 'Replaces what a name server refuses to serve; raises zone_refused and zone_served';
REVOKE ALL ON FUNCTION directory.note_zone_problems(text, text[], text[], boolean[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.note_zone_problems(text, text[], text[], boolean[]) TO roundtable_dnsd;
GRANT SELECT ON directory.zone_problem TO roundtable_operator;

CREATE FUNCTION directory.forget_zone_problems() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM directory.zone_problem z WHERE z.name_server = OLD.name;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.forget_zone_problems() IS 'Trigger: a name server that is removed refuses nothing any more';
REVOKE ALL ON FUNCTION directory.forget_zone_problems() FROM PUBLIC;
CREATE TRIGGER forget_zone_problems AFTER DELETE ON directory.name_server
    FOR EACH ROW EXECUTE FUNCTION directory.forget_zone_problems();
