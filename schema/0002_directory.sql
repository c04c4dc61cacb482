-- The directory: what operators configure. Every change is announced on roundtable_directory and
-- counted in directory.version, see the end of this file.

CREATE SCHEMA directory;
COMMENT ON SCHEMA directory IS 'What operators configure: servers, mirroring, domains, accounts, overrides, blocklist';

-- A fully qualified host or domain name: lower case, no final dot, labels of letters, digits,
-- hyphens and underscores (RFC 1035 2.3.1, RFC 2181 11), at most 253 octets.
CREATE DOMAIN directory.dns_name AS text
    CHECK (length(VALUE) <= 253
           AND VALUE ~ '^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$');

-- A server's name inside the cluster: one label.
CREATE DOMAIN directory.server_name AS text
    CHECK (VALUE ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');

CREATE DOMAIN directory.port AS integer CHECK (VALUE BETWEEN 1 AND 65535);

-- An MX preference or priority index (RFC 5321 5.1, RFC 1035 3.3.9): 16 bits, low is preferred.
CREATE DOMAIN directory.priority AS integer CHECK (VALUE BETWEEN 0 AND 65535);

-- Seconds in DNS (RFC 2181 8): 31 bits.
CREATE DOMAIN directory.dns_seconds AS integer CHECK (VALUE >= 0);

------------------------------------------------------------------------------------------- cluster

CREATE TABLE directory.cluster (
    id              smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    name            directory.server_name NOT NULL DEFAULT 'roundtable',
    min_copies      smallint NOT NULL DEFAULT 2 CHECK (min_copies BETWEEN 1 AND 5),
    accept_degraded boolean NOT NULL DEFAULT false,
    -- gen_random_uuid() is the one cryptographic source without an extension; 6 of its 128 bits are
    -- fixed, so two are hashed into one.
    steering_key    bytea NOT NULL
        DEFAULT substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FOR 16)
        CHECK (length(steering_key) = 16)
);
COMMENT ON TABLE directory.cluster IS 'The one row of settings that belong to the whole cluster';
COMMENT ON COLUMN directory.cluster.min_copies IS 'durable copies in distinct failure domains before 250';
COMMENT ON COLUMN directory.cluster.accept_degraded IS 'accept mail with one copy when no second storage server is left; raises an alarm';
COMMENT ON COLUMN directory.cluster.steering_key IS 'SipHash key that picks a source''s row; the same on all name servers';
INSERT INTO directory.cluster DEFAULT VALUES;

------------------------------------------------------------------------------------------- servers

CREATE TABLE directory.storage_server (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           directory.server_name NOT NULL UNIQUE,
    store_id       uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    failure_domain text NOT NULL CHECK (btrim(failure_domain) <> ''),
    state          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'retired')),
    created_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE directory.storage_server IS 'A store of segments; reached by one or more storage paths';
COMMENT ON COLUMN directory.storage_server.store_id IS 'the identity file in the root of the store holds this';
COMMENT ON COLUMN directory.storage_server.failure_domain IS 'what fails together; copies count by distinct failure domain';
COMMENT ON COLUMN directory.storage_server.state IS 'draining: no new segment, still read; retired: not used';

CREATE TABLE directory.storage_path (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    storage_server_id bigint NOT NULL REFERENCES directory.storage_server ON DELETE CASCADE,
    directory         text NOT NULL CHECK (directory ~ '^/' AND length(directory) <= 4096
                                           AND directory !~ '(^|/)\.\.?(/|$)'),
    preference        integer NOT NULL DEFAULT 10 CHECK (preference BETWEEN 0 AND 65535),
    for_server        directory.server_name,
    UNIQUE NULLS NOT DISTINCT (storage_server_id, directory, for_server)
);
COMMENT ON TABLE directory.storage_path IS 'One way, usually a mount, for a server to reach a storage server';
COMMENT ON COLUMN directory.storage_path.preference IS 'low is tried first';
COMMENT ON COLUMN directory.storage_path.for_server IS 'name of the mail, access or tracker process host that has this path; null: all';

CREATE TABLE directory.mail_server (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name              directory.server_name NOT NULL UNIQUE,
    agent_id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    host_name         directory.dns_name NOT NULL UNIQUE,
    address           inet CHECK (family(address) = 4 AND masklen(address) = 32),
    address6          inet CHECK (family(address6) = 6 AND masklen(address6) = 128),
    smtp_port         directory.port NOT NULL DEFAULT 25,
    load_port         directory.port,
    storage_server_id bigint NOT NULL REFERENCES directory.storage_server,
    capacity          double precision NOT NULL DEFAULT 1 CHECK (capacity > 0 AND capacity <= 1000000),
    retired_at        timestamptz,
    CHECK (address IS NOT NULL OR address6 IS NOT NULL)
);
COMMENT ON TABLE directory.mail_server IS 'A mail agent (roundtable-mtad) and where it is reached';
COMMENT ON COLUMN directory.mail_server.agent_id IS 'names its agent in the segments and frames that it writes';
COMMENT ON COLUMN directory.mail_server.host_name IS 'target of its MX records and name in its greeting';
COMMENT ON COLUMN directory.mail_server.load_port IS 'where it answers load probes; null: probed by SMTP banner alone';
COMMENT ON COLUMN directory.mail_server.storage_server_id IS 'its own storage server, the first copy of what it accepts';
COMMENT ON COLUMN directory.mail_server.capacity IS 'relative weight in steering';
COMMENT ON COLUMN directory.mail_server.retired_at IS 'an operator has declared it gone for good: trackers may conclude its open segments';

CREATE TABLE directory.access_server (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       directory.server_name NOT NULL UNIQUE,
    agent_id   uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    host_name  directory.dns_name NOT NULL UNIQUE,
    address    inet CHECK (family(address) = 4 AND masklen(address) = 32),
    address6   inet CHECK (family(address6) = 6 AND masklen(address6) = 128),
    imap_port  directory.port NOT NULL DEFAULT 143,
    pop3_port  directory.port NOT NULL DEFAULT 110,
    load_port  directory.port,
    capacity   double precision NOT NULL DEFAULT 1 CHECK (capacity > 0 AND capacity <= 1000000),
    retired_at timestamptz,
    CHECK (address IS NOT NULL OR address6 IS NOT NULL)
);
COMMENT ON TABLE directory.access_server IS 'An access server (roundtable-accessd) and where it is reached';
COMMENT ON COLUMN directory.access_server.agent_id IS 'names its agent in the segments and frames that it writes (messages that clients append)';

CREATE TABLE directory.name_server (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          directory.server_name NOT NULL UNIQUE,
    host_name     directory.dns_name NOT NULL UNIQUE,
    address       inet NOT NULL,
    port          directory.port NOT NULL DEFAULT 53,
    internal_port directory.port
);
COMMENT ON TABLE directory.name_server IS 'A name server (roundtable-dnsd) and where it is reached';
COMMENT ON COLUMN directory.name_server.internal_port IS 'listener of the internal view (address verification), on the same address; null: none';

----------------------------------------------------------------------------------------- mirroring

CREATE TABLE directory.mirroring (
    mail_server_id bigint NOT NULL REFERENCES directory.mail_server ON DELETE CASCADE,
    peer_id        bigint NOT NULL REFERENCES directory.mail_server,
    position       smallint NOT NULL DEFAULT 1 CHECK (position BETWEEN 1 AND 32),
    PRIMARY KEY (mail_server_id, peer_id),
    UNIQUE (mail_server_id, position),
    CONSTRAINT mirroring_not_to_itself CHECK (mail_server_id <> peer_id)
);
COMMENT ON TABLE directory.mirroring IS 'The mirroring table: mail server -> the peers whose storage servers also get each message';
COMMENT ON COLUMN directory.mirroring.position IS 'order of the peers';

-- A peer with the same storage server would make one copy look like two.
CREATE FUNCTION directory.check_mirroring() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    bad record;
BEGIN
    SELECT m.name AS server, p.name AS peer, s.name AS storage INTO bad
      FROM directory.mirroring x
      JOIN directory.mail_server m ON m.id = x.mail_server_id
      JOIN directory.mail_server p ON p.id = x.peer_id
      JOIN directory.storage_server s ON s.id = m.storage_server_id
     WHERE p.storage_server_id = m.storage_server_id
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'mail server % cannot be mirrored to %: both keep their mail on storage server %',
            bad.server, bad.peer, bad.storage USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mirroring_check AFTER INSERT OR UPDATE ON directory.mirroring
    FOR EACH STATEMENT EXECUTE FUNCTION directory.check_mirroring();
CREATE TRIGGER mail_server_check_mirroring AFTER UPDATE OF storage_server_id ON directory.mail_server
    FOR EACH STATEMENT EXECUTE FUNCTION directory.check_mirroring();

------------------------------------------------------------------------------------------- domains

CREATE TABLE directory.domain (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                directory.dns_name NOT NULL UNIQUE,
    primary_name_server directory.dns_name,
    contact             text CHECK (contact ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    refresh             directory.dns_seconds NOT NULL DEFAULT 7200,
    retry               directory.dns_seconds NOT NULL DEFAULT 900,
    expire              directory.dns_seconds NOT NULL DEFAULT 1209600,
    minimum             directory.dns_seconds NOT NULL DEFAULT 60,
    ttl                 directory.dns_seconds NOT NULL DEFAULT 3600,
    mx_ttl              directory.dns_seconds NOT NULL DEFAULT 60,
    policy              text NOT NULL DEFAULT 'load'
        CHECK (policy IN ('load', 'roundtable', 'rotate', 'static')),
    serial              bigint NOT NULL DEFAULT 1 CHECK (serial BETWEEN 0 AND 4294967295)
);
COMMENT ON TABLE directory.domain IS 'A mail domain: the zone that the name servers answer and whose addresses we host';
COMMENT ON COLUMN directory.domain.primary_name_server IS 'MNAME of the SOA; null: the first name server';
COMMENT ON COLUMN directory.domain.contact IS 'RNAME of the SOA as a mail address; null: hostmaster@ the domain';
COMMENT ON COLUMN directory.domain.ttl IS 'TTL of records that state none';
COMMENT ON COLUMN directory.domain.mx_ttl IS 'TTL of the steered MX RRset';
COMMENT ON COLUMN directory.domain.policy IS 'load: trimmed by load reports; roundtable: rows by capacity alone; rotate: strict turn; static: configured preferences';
COMMENT ON COLUMN directory.domain.serial IS 'SOA serial last published (RFC 1982); written by the name server';

CREATE TABLE directory.record (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    owner     text NOT NULL DEFAULT '@' CHECK (owner = lower(owner) AND owner <> ''
                                               AND owner !~ '[[:space:]]' AND right(owner, 1) <> '.'
                                               AND length(owner) <= 253),
    type      text NOT NULL CHECK (type ~ '^[A-Z][A-Z0-9-]{0,15}$' AND type <> 'SOA'),
    ttl       directory.dns_seconds,
    rdata     text NOT NULL CHECK (rdata <> '' AND length(rdata) <= 65535),
    UNIQUE (domain_id, owner, type, rdata)
);
COMMENT ON TABLE directory.record IS 'A DNS record of a domain that is not steered, in presentation form';
COMMENT ON COLUMN directory.record.owner IS 'relative to the domain; @ is the domain itself';
COMMENT ON COLUMN directory.record.ttl IS 'null: the domain''s';

CREATE TABLE directory.mail_exchange (
    domain_id      bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    mail_server_id bigint NOT NULL REFERENCES directory.mail_server,
    preference     directory.priority NOT NULL DEFAULT 10,
    priority_index directory.priority NOT NULL DEFAULT 10,
    first_share    real NOT NULL DEFAULT 0 CHECK (first_share BETWEEN 0 AND 1),
    cause          text NOT NULL DEFAULT 'configured' CHECK (cause <> ''),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain_id, mail_server_id)
);
COMMENT ON TABLE directory.mail_exchange IS 'The MX records of a domain: which mail servers, and with which priority';
COMMENT ON COLUMN directory.mail_exchange.preference IS 'configured; what policy static answers';
COMMENT ON COLUMN directory.mail_exchange.priority_index IS 'effective; in the canonical answer now, written by the name server';
COMMENT ON COLUMN directory.mail_exchange.first_share IS 'share of first attempts that the table gives to this server';
COMMENT ON COLUMN directory.mail_exchange.cause IS 'why priority_index is what it is';
CREATE INDEX mail_exchange_by_server ON directory.mail_exchange (mail_server_id);

CREATE TABLE directory.access_exchange (
    domain_id        bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    access_server_id bigint NOT NULL REFERENCES directory.access_server,
    PRIMARY KEY (domain_id, access_server_id)
);
COMMENT ON TABLE directory.access_exchange IS 'Which access servers serve the clients of a domain';
CREATE INDEX access_exchange_by_server ON directory.access_exchange (access_server_id);

-- The MX RRset of a steered domain has one source. A record beside it would be answered by one name
-- server and not by another, or win by accident.
CREATE FUNCTION directory.check_steered_mx() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    bad text;
BEGIN
    SELECT d.name INTO bad
      FROM directory.record r JOIN directory.domain d ON d.id = r.domain_id
     WHERE r.owner IN ('@', d.name) AND r.type = 'MX'
       AND EXISTS (SELECT FROM directory.mail_exchange e WHERE e.domain_id = d.id)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the MX records of % are steered: they are rows of directory.mail_exchange, not of directory.record',
            bad USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER record_check_mx AFTER INSERT OR UPDATE ON directory.record
    FOR EACH STATEMENT EXECUTE FUNCTION directory.check_steered_mx();
CREATE TRIGGER mail_exchange_check_mx AFTER INSERT OR UPDATE OF domain_id ON directory.mail_exchange
    FOR EACH STATEMENT EXECUTE FUNCTION directory.check_steered_mx();

--------------------------------------------------------------------------------- operators' overrides

CREATE TABLE directory.mx_override (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pool       text NOT NULL DEFAULT 'mail' CHECK (pool IN ('mail', 'access')),
    action     text NOT NULL
        CHECK (action IN ('pin', 'weight', 'drain', 'down', 'up', 'trim_off', 'freeze')),
    server     directory.server_name,
    domain_id  bigint REFERENCES directory.domain ON DELETE CASCADE,
    value      double precision,
    author     text NOT NULL DEFAULT current_user CHECK (btrim(author) <> ''),
    reason     text NOT NULL CHECK (btrim(reason) <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    removed_at timestamptz,
    removed_by text,
    CONSTRAINT override_value CHECK (CASE action
        WHEN 'pin' THEN value IS NOT NULL AND value BETWEEN 0 AND 65535 AND value = trunc(value)
        WHEN 'weight' THEN value IS NOT NULL AND value > 0 AND value <= 1000000
        ELSE value IS NULL END),
    CONSTRAINT override_needs_server CHECK (server IS NOT NULL OR action IN ('freeze', 'trim_off')),
    CONSTRAINT override_expires_later CHECK (expires_at > created_at),
    CONSTRAINT override_removed_by CHECK ((removed_at IS NULL) = (removed_by IS NULL))
);
COMMENT ON TABLE directory.mx_override IS 'Operators'' decisions over the steering; kept for ever, removed by removed_at';
COMMENT ON COLUMN directory.mx_override.server IS 'name of a mail or access server (see pool); null: all';
COMMENT ON COLUMN directory.mx_override.domain_id IS 'null: all domains';
COMMENT ON COLUMN directory.mx_override.value IS 'pin: the preference; weight: the capacity; else null';
CREATE INDEX mx_override_active ON directory.mx_override (id) WHERE removed_at IS NULL;

CREATE FUNCTION directory.check_override() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.server IS NOT NULL
       AND NOT EXISTS (SELECT FROM directory.mail_server s WHERE NEW.pool = 'mail' AND s.name = NEW.server)
       AND NOT EXISTS (SELECT FROM directory.access_server s WHERE NEW.pool = 'access' AND s.name = NEW.server) THEN
        RAISE EXCEPTION 'there is no % server %', NEW.pool, NEW.server USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER mx_override_check BEFORE INSERT OR UPDATE OF pool, server ON directory.mx_override
    FOR EACH ROW EXECUTE FUNCTION directory.check_override();

CREATE TABLE directory.steering_commit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    name_server text NOT NULL,
    pool        text NOT NULL,
    cause       text NOT NULL,
    diff        jsonb NOT NULL
);
COMMENT ON TABLE directory.steering_commit IS 'One change of the steering table on one name server: cause and diff';
CREATE INDEX steering_commit_by_time ON directory.steering_commit (at);

-- Names, not ids: history outlives the rows that it is about.
CREATE TABLE directory.priority_history (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain         text NOT NULL,
    mail_server    text NOT NULL,
    setting        text NOT NULL CHECK (setting IN ('configured', 'effective')),
    priority_index directory.priority NOT NULL,
    first_share    real NOT NULL,
    cause          text NOT NULL,
    author         text NOT NULL,
    from_at        timestamptz NOT NULL,
    to_at          timestamptz
);
COMMENT ON TABLE directory.priority_history IS 'Each priority that a mail server had for a domain, who or what set it, and when; written by a trigger';
COMMENT ON COLUMN directory.priority_history.setting IS 'configured: mail_exchange.preference; effective: mail_exchange.priority_index';
COMMENT ON COLUMN directory.priority_history.to_at IS 'null: it still holds';
CREATE UNIQUE INDEX priority_history_current
    ON directory.priority_history (domain, mail_server, setting) WHERE to_at IS NULL;
CREATE INDEX priority_history_by_time ON directory.priority_history (from_at);

-- SECURITY DEFINER: whoever changes a priority leaves a trace, and nobody may edit the trace.
CREATE FUNCTION directory.keep_priority_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    domain_name text;
    server_name text;
    row directory.mail_exchange := coalesce(NEW, OLD);
BEGIN
    SELECT d.name INTO domain_name FROM directory.domain d WHERE d.id = row.domain_id;
    SELECT m.name INTO server_name FROM directory.mail_server m WHERE m.id = row.mail_server_id;
    -- A domain that is being deleted takes its exchanges along and is not visible any more.
    IF TG_OP = 'DELETE' THEN
        UPDATE directory.priority_history h SET to_at = now()
         WHERE h.to_at IS NULL AND h.mail_server = server_name
           AND (h.domain = domain_name
                OR NOT EXISTS (SELECT FROM directory.domain d WHERE d.name = h.domain));
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.priority_index <> OLD.priority_index
       OR NEW.first_share <> OLD.first_share OR NEW.cause <> OLD.cause THEN
        UPDATE directory.priority_history h SET to_at = now()
         WHERE h.to_at IS NULL AND h.domain = domain_name AND h.mail_server = server_name
           AND h.setting = 'effective';
        INSERT INTO directory.priority_history
               (domain, mail_server, setting, priority_index, first_share, cause, author, from_at)
        VALUES (domain_name, server_name, 'effective', NEW.priority_index, NEW.first_share,
                NEW.cause, session_user, now());
    END IF;
    IF TG_OP = 'INSERT' OR NEW.preference <> OLD.preference THEN
        UPDATE directory.priority_history h SET to_at = now()
         WHERE h.to_at IS NULL AND h.domain = domain_name AND h.mail_server = server_name
           AND h.setting = 'configured';
        INSERT INTO directory.priority_history
               (domain, mail_server, setting, priority_index, first_share, cause, author, from_at)
        VALUES (domain_name, server_name, 'configured', NEW.preference, 0, 'configured',
                session_user, now());
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mail_exchange_history AFTER INSERT OR UPDATE OR DELETE ON directory.mail_exchange
    FOR EACH ROW EXECUTE FUNCTION directory.keep_priority_history();

CREATE FUNCTION directory.fill_mail_exchange() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.priority_index := NEW.preference;
    ELSIF NEW.priority_index <> OLD.priority_index OR NEW.first_share <> OLD.first_share THEN
        NEW.changed_at := now();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION directory.fill_mail_exchange() IS 'Until the name server has steered, the configured preference is the effective one';
CREATE TRIGGER mail_exchange_fill BEFORE INSERT OR UPDATE ON directory.mail_exchange
    FOR EACH ROW EXECUTE FUNCTION directory.fill_mail_exchange();

------------------------------------------------------------------------------ accounts and addresses

CREATE TABLE directory.account (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login         text NOT NULL UNIQUE
        CHECK (login = lower(login) AND length(login) <= 254 AND login ~ '^[^[:space:]]+@[^@[:space:]]+$'),
    password_hash text,
    domain_id     bigint NOT NULL REFERENCES directory.domain,
    quota_bytes   bigint CHECK (quota_bytes > 0),
    state         text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE directory.account IS 'A person''s login and its mail';
COMMENT ON COLUMN directory.account.login IS 'a lower-case address; also what the client signs in with';
COMMENT ON COLUMN directory.account.password_hash IS 'crypt(5) hash; null: cannot sign in';
COMMENT ON COLUMN directory.account.quota_bytes IS 'null: no limit; acknowledged mail is stored over it';
COMMENT ON COLUMN directory.account.state IS 'disabled: cannot sign in; its mail is still accepted';
CREATE INDEX account_by_domain ON directory.account (domain_id);

-- SHA-256 over the octets of the text; convert_to() is not immutable because conversions can be
-- replaced, but UTF-8 to UTF-8 is none.
CREATE FUNCTION directory.local_part_digest(local_part text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN substring(sha256(convert_to(local_part, 'UTF8')) FROM 1 FOR 28);
COMMENT ON FUNCTION directory.local_part_digest(text) IS 'First 28 octets of SHA-256 of a lower-case local part: its name in the internal view';

CREATE TABLE directory.address (
    domain_id  bigint NOT NULL REFERENCES directory.domain,
    local_part text NOT NULL CHECK (local_part = lower(local_part) AND local_part <> ''
                                    AND octet_length(local_part) <= 64),
    account_id bigint NOT NULL REFERENCES directory.account ON DELETE CASCADE,
    digest     bytea NOT NULL GENERATED ALWAYS AS (directory.local_part_digest(local_part)) STORED,
    PRIMARY KEY (domain_id, local_part)
);
COMMENT ON TABLE directory.address IS 'Addresses that we host, and whose they are';
COMMENT ON COLUMN directory.address.local_part IS 'lower case, without quotes and backslashes';
COMMENT ON COLUMN directory.address.digest IS 'the label (56 hex digits) under ._account.domain in the internal view';
CREATE INDEX address_by_account ON directory.address (account_id);
CREATE UNIQUE INDEX address_by_digest ON directory.address (domain_id, digest);

CREATE FUNCTION directory.account_of(an_address text) RETURNS bigint
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT a.account_id
      FROM directory.domain d JOIN directory.address a ON a.domain_id = d.id
     WHERE d.name = lower(substring(an_address FROM '[^@]*$'))
       AND a.local_part = lower(substring(an_address FROM '^(.*)@'))
$$;
COMMENT ON FUNCTION directory.account_of(text) IS 'The account that has an address; null: none';

------------------------------------------------------------------------------------ sender blocklist

CREATE TABLE directory.sender_block (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('address', 'domain', 'subtree')),
    pattern    text NOT NULL CHECK (pattern = lower(pattern) AND length(pattern) <= 320
                                    AND pattern !~ '[[:space:]]'
                                    AND (pattern ~ '.@.') = (kind = 'address') AND pattern <> ''),
    reason     text NOT NULL CHECK (btrim(reason) <> ''),
    author     text NOT NULL DEFAULT current_user CHECK (btrim(author) <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz CHECK (expires_at > created_at),
    UNIQUE (kind, pattern)
);
COMMENT ON TABLE directory.sender_block IS 'Senders whose mail is refused';
COMMENT ON COLUMN directory.sender_block.kind IS 'address: this one; domain: exactly this domain; subtree: the domain and all below it';
COMMENT ON COLUMN directory.sender_block.expires_at IS 'null: never';

CREATE TABLE directory.sender_block_hit (
    block_id bigint NOT NULL REFERENCES directory.sender_block ON DELETE CASCADE,
    day      date NOT NULL DEFAULT current_date,
    hits     bigint NOT NULL DEFAULT 0 CHECK (hits >= 0),
    last_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (block_id, day)
);
COMMENT ON TABLE directory.sender_block_hit IS 'How often each entry of the blocklist refused a sender, by day';

CREATE FUNCTION directory.count_block_hits(block_ids bigint[], hit_counts bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO directory.sender_block_hit AS h (block_id, day, hits)
    SELECT b.id, current_date, sum(n.hits)
      FROM unnest(block_ids, hit_counts) AS n(id, hits)
      JOIN directory.sender_block b ON b.id = n.id
     GROUP BY b.id
     ORDER BY b.id
    ON CONFLICT (block_id, day) DO UPDATE SET hits = h.hits + excluded.hits, last_at = now()
$$;
COMMENT ON FUNCTION directory.count_block_hits(bigint[], bigint[]) IS 'Adds hits to entries of the blocklist; an entry that is gone is passed over';

--------------------------------------------------------------------------------------------- events

CREATE TABLE directory.event (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'alarm')),
    kind     text NOT NULL CHECK (kind ~ '^[a-z][a-z_]*$'),
    server   text NOT NULL DEFAULT '',
    subject  text NOT NULL DEFAULT '',
    detail   jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE directory.event IS 'What an operator should know: dead letters, lost commits, degraded acceptance';
CREATE INDEX event_by_time ON directory.event (at);

CREATE FUNCTION directory.raise_event(severity text, kind text, server text, subject text, detail jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO directory.event (severity, kind, server, subject, detail)
    VALUES (severity, kind, server, subject, coalesce(detail, '{}'));
    SELECT pg_notify('roundtable_event', kind);
$$;
COMMENT ON FUNCTION directory.raise_event(text, text, text, text, jsonb) IS 'Records an event for operators and announces it on roundtable_event';

------------------------------------------------------------------------------ announcing the changes

CREATE TABLE directory.version (
    id         smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    version    bigint NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE directory.version IS 'Rises with every committed change of the directory; daemons poll it beside LISTEN roundtable_directory';
INSERT INTO directory.version DEFAULT VALUES;

-- A row, not a sequence: a sequence would be seen to rise before the change itself can be seen, and
-- a daemon that reads in between would never read again.
CREATE FUNCTION directory.announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE directory.version SET version = version + 1, changed_at = now();
    PERFORM pg_notify('roundtable_directory', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.announce() IS 'Trigger of every configured table: counts the change and announces the table''s name';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['cluster', 'storage_server', 'storage_path', 'mail_server',
                             'access_server', 'name_server', 'mirroring', 'record',
                             'access_exchange', 'mx_override', 'account', 'address',
                             'sender_block'] LOOP
        EXECUTE format('CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
                        ON directory.%I FOR EACH STATEMENT EXECUTE FUNCTION directory.announce()', t);
    END LOOP;
END
$$;
-- What a name server writes by itself (serial, priority_index, first_share) is no news to anybody.
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF name, primary_name_server, contact, refresh, retry, expire, minimum, ttl, mx_ttl, policy
    ON directory.domain FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF domain_id, mail_server_id, preference
    ON directory.mail_exchange FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();
