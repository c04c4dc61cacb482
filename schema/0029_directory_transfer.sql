-- Transfers of zones: shared keys (TSIG), the secondaries that may fetch zones and are told of
-- changes, and the catalog zone that tells them which zones there are.

CREATE TABLE directory.transfer_key (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       directory.dns_name NOT NULL UNIQUE CHECK (octet_length(name) <= 98),
    algorithm  text NOT NULL DEFAULT 'hmac-sha256'
        CHECK (algorithm IN ('hmac-sha256', 'hmac-sha384', 'hmac-sha512')),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE directory.transfer_key IS 'A key that a secondary and the name servers share (RFC 8945); its secret is in transfer_secret';
COMMENT ON COLUMN directory.transfer_key.name IS 'as it is written on both sides; part of the signature';

CREATE TABLE directory.transfer_secret (
    key_id bigint PRIMARY KEY REFERENCES directory.transfer_key ON DELETE CASCADE,
    secret bytea NOT NULL CHECK (octet_length(secret) BETWEEN 16 AND 128)
);
COMMENT ON TABLE directory.transfer_secret IS 'Secrets of keys; read by transfer_keys() alone';

CREATE TABLE directory.transfer_peer (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         directory.server_name NOT NULL UNIQUE,
    networks     cidr[] NOT NULL DEFAULT '{}' CHECK (cardinality(networks) <= 64),
    key_id       bigint REFERENCES directory.transfer_key ON DELETE RESTRICT,
    all_domains  boolean NOT NULL DEFAULT true,
    gets_catalog boolean NOT NULL DEFAULT false,
    CHECK (key_id IS NOT NULL OR cardinality(networks) > 0)
);
COMMENT ON TABLE directory.transfer_peer IS 'A secondary, or several that are alike: who may fetch zones';
COMMENT ON COLUMN directory.transfer_peer.networks IS 'where it asks from; empty: anywhere, and then its key says who it is';
COMMENT ON COLUMN directory.transfer_peer.key_id IS 'what it must sign with; null: its networks are enough';
COMMENT ON COLUMN directory.transfer_peer.all_domains IS 'false: those of transfer_domain';
COMMENT ON COLUMN directory.transfer_peer.gets_catalog IS 'it may fetch the catalog zone, and so the name of every domain that is transferred';

CREATE TABLE directory.transfer_notify (
    peer_id bigint NOT NULL REFERENCES directory.transfer_peer ON DELETE CASCADE,
    address inet NOT NULL CHECK (masklen(address) = CASE family(address) WHEN 4 THEN 32 ELSE 128 END),
    port    directory.port NOT NULL DEFAULT 53,
    PRIMARY KEY (peer_id, address, port)
);
COMMENT ON TABLE directory.transfer_notify IS 'Where a peer is told that a zone has changed (RFC 1996)';

CREATE TABLE directory.transfer_domain (
    peer_id   bigint NOT NULL REFERENCES directory.transfer_peer ON DELETE CASCADE,
    domain_id bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    PRIMARY KEY (peer_id, domain_id)
);
COMMENT ON TABLE directory.transfer_domain IS 'The domains of a peer that does not get all of them';

CREATE TABLE directory.transfer_catalog (
    id   smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    name directory.dns_name
);
COMMENT ON TABLE directory.transfer_catalog IS 'The catalog zone (RFC 9432); one row';
COMMENT ON COLUMN directory.transfer_catalog.name IS 'a name that is nobody''s zone, such as catalog.invalid; null: there is none';
INSERT INTO directory.transfer_catalog DEFAULT VALUES;

CREATE FUNCTION directory.transfer_keys() RETURNS TABLE (name text, algorithm text, secret bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT k.name::text, k.algorithm, s.secret
      FROM directory.transfer_key k JOIN directory.transfer_secret s ON s.key_id = k.id
$$;
COMMENT ON FUNCTION directory.transfer_keys() IS 'Keys with their secrets, for the name servers';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['transfer_key', 'transfer_secret', 'transfer_peer', 'transfer_notify',
                             'transfer_domain', 'transfer_catalog'] LOOP
        EXECUTE format('CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
                        ON directory.%I FOR EACH STATEMENT EXECUTE FUNCTION directory.announce()', t);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION directory.transfer_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.transfer_keys() TO roundtable_dnsd;
GRANT SELECT ON directory.transfer_key, directory.transfer_peer, directory.transfer_notify,
    directory.transfer_domain, directory.transfer_catalog TO roundtable_dnsd;

-- Operators write secrets and do not read them.
GRANT SELECT, INSERT, UPDATE, DELETE ON directory.transfer_key, directory.transfer_peer,
    directory.transfer_notify, directory.transfer_domain TO roundtable_operator;
GRANT SELECT, UPDATE ON directory.transfer_catalog TO roundtable_operator;
GRANT INSERT, DELETE, SELECT (key_id) ON directory.transfer_secret TO roundtable_operator;
