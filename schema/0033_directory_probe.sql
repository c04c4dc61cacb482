-- How the name servers probe mail and access servers, for a whole pool and for single servers.
-- What is not said here has a default in roundtable-dnsd.

CREATE TABLE directory.probe (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pool             text NOT NULL CHECK (pool IN ('mail', 'access')),
    mail_server_id   bigint REFERENCES directory.mail_server ON DELETE CASCADE,
    access_server_id bigint REFERENCES directory.access_server ON DELETE CASCADE,
    interval_s       double precision CHECK (interval_s BETWEEN 1 AND 60),
    jitter           double precision CHECK (jitter BETWEEN 0 AND 0.5),
    deadline_s       double precision CHECK (deadline_s BETWEEN 0.1 AND 60),
    rise             smallint CHECK (rise BETWEEN 1 AND 10),
    fall             smallint CHECK (fall BETWEEN 0 AND 16),
    dwell_s          double precision CHECK (dwell_s BETWEEN 0 AND 3600),
    flap_max_s       double precision CHECK (flap_max_s BETWEEN 0 AND 86400),
    flap_half_life_s double precision CHECK (flap_half_life_s BETWEEN 1 AND 86400),
    UNIQUE NULLS NOT DISTINCT (pool, mail_server_id, access_server_id),
    CHECK (mail_server_id IS NULL OR pool = 'mail'),
    CHECK (access_server_id IS NULL OR pool = 'access')
);
COMMENT ON TABLE directory.probe IS 'How the servers of a pool, or one of them, are probed; what a server has not said, its pool has';
COMMENT ON COLUMN directory.probe.interval_s IS 'between two probes of one server';
COMMENT ON COLUMN directory.probe.jitter IS 'share of the interval by which a probe may be later than its turn';
COMMENT ON COLUMN directory.probe.deadline_s IS 'a probe without an answer by then is lost';
COMMENT ON COLUMN directory.probe.rise IS 'good answers in a row before a server counts as up again';
COMMENT ON COLUMN directory.probe.fall IS 'lost probes in a row before it counts as down; 0: by the loss rate of the pool';
COMMENT ON COLUMN directory.probe.dwell_s IS 'least time between two changes of its health; what proves that nobody serves does not wait';
COMMENT ON COLUMN directory.probe.flap_max_s IS 'longest time that a server which goes up and down stays down';
COMMENT ON COLUMN directory.probe.flap_half_life_s IS 'in which half of its ups and downs are forgotten';

CREATE TABLE directory.probe_check (
    probe_id bigint NOT NULL REFERENCES directory.probe ON DELETE CASCADE,
    position smallint NOT NULL CHECK (position BETWEEN 1 AND 4),
    kind     text NOT NULL CHECK (kind IN ('report', 'smtp', 'imap', 'pop3', 'http', 'agent')),
    port     directory.port,
    path     text CHECK (path ~ '^/[!-~]*$' AND octet_length(path) <= 1000),
    PRIMARY KEY (probe_id, position),
    UNIQUE NULLS NOT DISTINCT (probe_id, kind, port, path),
    CHECK (path IS NULL OR kind = 'http'),
    CHECK (port IS NOT NULL OR kind NOT IN ('http', 'agent'))
);
COMMENT ON TABLE directory.probe_check IS 'What a server is asked; it is up while no check calls it bad';
COMMENT ON COLUMN directory.probe_check.kind IS 'report: the load report of Roundtable; smtp, imap, pop3: greeting and first command; http: JSON; agent: HAProxy''s agent-check';
COMMENT ON COLUMN directory.probe_check.port IS 'null: the one that the server has for it';
COMMENT ON COLUMN directory.probe_check.path IS 'http: what to get; null: /';

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON directory.probe
    FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON directory.probe_check
    FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();

GRANT SELECT ON directory.probe, directory.probe_check TO roundtable_dnsd;
GRANT SELECT, INSERT, UPDATE, DELETE ON directory.probe, directory.probe_check TO roundtable_operator;
