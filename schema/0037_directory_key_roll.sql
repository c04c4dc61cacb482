-- Keys of zones that are rolled by schedule, and what the name servers have seen of zones at their
-- parents.

ALTER TABLE directory.cluster
    ADD COLUMN dnssec_roll_days integer NOT NULL DEFAULT 0
        CONSTRAINT cluster_dnssec_roll_days CHECK (dnssec_roll_days = 0 OR dnssec_roll_days BETWEEN 7 AND 3650);
COMMENT ON COLUMN directory.cluster.dnssec_roll_days IS 'keys of signed zones are replaced after so many days, 7 to 3650; 0: only when an operator says so';
ALTER TABLE directory.dnssec
    ADD COLUMN roll_days integer
        CONSTRAINT dnssec_roll_days CHECK (roll_days = 0 OR roll_days BETWEEN 7 AND 3650);
COMMENT ON COLUMN directory.dnssec.roll_days IS 'the key is replaced after so many days; 0: never by itself; null: as the cluster''s dnssec_roll_days says';

-- Written by name servers: no news to anybody, and no operator's word that the journal would keep.
CREATE TABLE directory.dnssec_parent (
    domain_id   bigint PRIMARY KEY REFERENCES directory.dnssec ON DELETE CASCADE,
    name_server text NOT NULL,
    looked_at   timestamptz,
    servers     integer,
    ds          text[],
    ttl         directory.dns_seconds,
    warning     text,
    problem     text,
    problem_at  timestamptz
);
COMMENT ON TABLE directory.dnssec_parent IS 'What the servers of the parents answered when name servers asked for the DS of signed domains';
COMMENT ON COLUMN directory.dnssec_parent.name_server IS 'who looked last';
COMMENT ON COLUMN directory.dnssec_parent.looked_at IS 'when all servers of the parent answered';
COMMENT ON COLUMN directory.dnssec_parent.servers IS 'how many the parent has';
COMMENT ON COLUMN directory.dnssec_parent.ds IS 'every DS that any of them has';
COMMENT ON COLUMN directory.dnssec_parent.ttl IS 'of the DS at the parent, the largest that was seen in the last looks; keys wait at least as long';
COMMENT ON COLUMN directory.dnssec_parent.warning IS 'what is wrong with them';
COMMENT ON COLUMN directory.dnssec_parent.problem IS 'why the last look came to nothing; null: it did not';

-- All servers of the parent have answered. A new warning is an event. The TTL only falls a day after
-- a larger one was seen: caches may still have that.
CREATE FUNCTION directory.note_parent(p_domain bigint, p_name_server text, p_servers integer, p_ds text[], p_ttl integer,
                                      p_warning text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    before directory.dnssec_parent;
BEGIN
    SELECT p.* INTO before FROM directory.dnssec_parent p WHERE p.domain_id = p_domain FOR UPDATE;
    INSERT INTO directory.dnssec_parent AS p (domain_id, name_server, looked_at, servers, ds, ttl, warning)
    SELECT p_domain, p_name_server, now(), p_servers, p_ds, p_ttl, p_warning
     WHERE EXISTS (SELECT FROM directory.dnssec s WHERE s.domain_id = p_domain)
        ON CONFLICT (domain_id) DO UPDATE
       SET name_server = EXCLUDED.name_server, looked_at = now(), servers = EXCLUDED.servers, ds = EXCLUDED.ds,
           ttl = CASE WHEN p.looked_at > now() - interval '1 day' THEN greatest(p.ttl, EXCLUDED.ttl)
                      ELSE EXCLUDED.ttl END,
           warning = EXCLUDED.warning, problem = NULL, problem_at = NULL;
    IF p_warning IS NOT NULL AND p_warning IS DISTINCT FROM before.warning THEN
        PERFORM directory.raise_event('warning', 'dnssec_parent', p_name_server,
            (SELECT d.name FROM directory.domain d WHERE d.id = p_domain),
            jsonb_build_object('warning', p_warning, 'ds', to_jsonb(p_ds)));
    END IF;
END
$$;
COMMENT ON FUNCTION directory.note_parent(bigint, text, integer, text[], integer, text) IS 'What all servers of a domain''s parent answered; p_warning: what is wrong with it, or null';

CREATE FUNCTION directory.note_parent_problem(p_domain bigint, p_name_server text, p_problem text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO directory.dnssec_parent AS p (domain_id, name_server, problem, problem_at)
    SELECT p_domain, p_name_server, left(p_problem, 500), now()
     WHERE EXISTS (SELECT FROM directory.dnssec s WHERE s.domain_id = p_domain)
        ON CONFLICT (domain_id) DO UPDATE
       SET name_server = EXCLUDED.name_server, problem = EXCLUDED.problem, problem_at = now()
$$;
COMMENT ON FUNCTION directory.note_parent_problem(bigint, text, text) IS 'Why nothing is known of a domain''s parent; what was seen before stays';

REVOKE ALL ON FUNCTION directory.note_parent(bigint, text, integer, text[], integer, text),
    directory.note_parent_problem(bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.note_parent(bigint, text, integer, text[], integer, text),
    directory.note_parent_problem(bigint, text, text) TO roundtable_dnsd;
GRANT SELECT ON directory.dnssec_parent TO roundtable_dnsd, roundtable_operator;
GRANT UPDATE (roll_days) ON directory.dnssec TO roundtable_operator;

-- A key that is made by schedule is made by a name server.
GRANT INSERT (domain_id, algorithm, public_key, since) ON directory.dnssec_key TO roundtable_dnsd;
GRANT INSERT ON directory.dnssec_secret TO roundtable_dnsd;
