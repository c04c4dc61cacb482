-- DNSSEC: which domains are signed, with which keys, and how far each key is in its life. The states
-- and what moves them are in dns/dnssec/key_roll.h; times are the server's that moved a key.

CREATE TABLE directory.dnssec (
    domain_id     bigint PRIMARY KEY REFERENCES directory.domain ON DELETE CASCADE,
    wish          text NOT NULL DEFAULT 'signed' CHECK (wish IN ('signed', 'removing')),
    wish_since    timestamptz NOT NULL DEFAULT now(),
    denial        text NOT NULL DEFAULT 'nsec' CHECK (denial IN ('nsec', 'nsec3', 'compact')),
    ds_ttl        directory.dns_seconds NOT NULL DEFAULT 86400,
    propagation   directory.dns_seconds NOT NULL DEFAULT 3600,
    revision      bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE directory.dnssec IS 'Domains whose zones are signed';
COMMENT ON COLUMN directory.dnssec.wish IS 'removing: signed until the parent''s DS has gone from all caches';
COMMENT ON COLUMN directory.dnssec.denial IS 'nsec, nsec3: a chain, which transfers carry; compact: records made when asked for (RFC 9824)';
COMMENT ON COLUMN directory.dnssec.ds_ttl IS 'of the DS RRset at the parent';
COMMENT ON COLUMN directory.dnssec.propagation IS 'until all servers of the zone, secondaries too, have a change';
COMMENT ON COLUMN directory.dnssec.revision IS 'rises with each change of the keys'' states: who changes them says which he has read';

CREATE TABLE directory.dnssec_key (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id  bigint NOT NULL REFERENCES directory.dnssec ON DELETE CASCADE,
    algorithm  smallint NOT NULL CHECK (algorithm IN (13, 15)),
    public_key bytea NOT NULL,
    state      text NOT NULL DEFAULT 'introduced'
        CHECK (state IN ('introduced', 'waiting', 'active', 'retired')),
    since      timestamptz NOT NULL DEFAULT now(),
    ds_seen    timestamptz,
    ds_gone    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, public_key),
    CHECK (octet_length(public_key) = CASE algorithm WHEN 13 THEN 64 ELSE 32 END)
);
COMMENT ON TABLE directory.dnssec_key IS 'Keys of signed zones; one signs all of a zone (CSK)';
COMMENT ON COLUMN directory.dnssec_key.algorithm IS '13: ECDSA P-256 with SHA-256 (RFC 6605); 15: Ed25519 (RFC 8080)';
COMMENT ON COLUMN directory.dnssec_key.state IS 'introduced: published; waiting: its DS is wanted; active: signs; retired: published until its signatures have gone from caches';
COMMENT ON COLUMN directory.dnssec_key.ds_seen IS 'when the parent was first seen with its DS';
COMMENT ON COLUMN directory.dnssec_key.ds_gone IS 'when the parent was seen without it';
CREATE UNIQUE INDEX dnssec_key_active ON directory.dnssec_key (domain_id) WHERE state = 'active';

CREATE TABLE directory.dnssec_secret (
    key_id bigint PRIMARY KEY REFERENCES directory.dnssec_key ON DELETE CASCADE,
    secret bytea NOT NULL CHECK (octet_length(secret) = 32)
);
COMMENT ON TABLE directory.dnssec_secret IS 'Private keys; read by dnssec_secrets() alone';

CREATE FUNCTION directory.dnssec_secrets(OUT key_id bigint, OUT secret bytea) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.key_id, s.secret FROM directory.dnssec_secret s
$$;
COMMENT ON FUNCTION directory.dnssec_secrets() IS 'The private keys: for name servers';

-- How far a zone's keys are, changed by whoever has read p_revision; false: somebody else has changed
-- them since. Keys that are not in the arrays have gone. New keys are inserted before.
CREATE FUNCTION directory.set_dnssec_keys(p_domain bigint, p_revision bigint, p_wish text, p_wish_since bigint,
                                          p_keys bigint[], p_states text[], p_since bigint[],
                                          p_ds_seen bigint[], p_ds_gone bigint[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE directory.dnssec d
       SET wish = p_wish, wish_since = to_timestamp(p_wish_since), revision = d.revision + 1
     WHERE d.domain_id = p_domain AND d.revision = p_revision;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM directory.dnssec_key k WHERE k.domain_id = p_domain AND NOT (k.id = ANY (p_keys));
    -- The old active key first: there is never more than one.
    UPDATE directory.dnssec_key k
       SET state = x.state, since = to_timestamp(x.since),
           ds_seen = to_timestamp(nullif(x.ds_seen, 0)), ds_gone = to_timestamp(nullif(x.ds_gone, 0))
      FROM unnest(p_keys, p_states, p_since, p_ds_seen, p_ds_gone) AS x (id, state, since, ds_seen, ds_gone)
     WHERE k.id = x.id AND k.domain_id = p_domain AND x.state <> 'active';
    UPDATE directory.dnssec_key k
       SET state = x.state, since = to_timestamp(x.since),
           ds_seen = to_timestamp(nullif(x.ds_seen, 0)), ds_gone = to_timestamp(nullif(x.ds_gone, 0))
      FROM unnest(p_keys, p_states, p_since, p_ds_seen, p_ds_gone) AS x (id, state, since, ds_seen, ds_gone)
     WHERE k.id = x.id AND k.domain_id = p_domain AND x.state = 'active';
    DELETE FROM directory.dnssec d
     WHERE d.domain_id = p_domain AND NOT EXISTS (SELECT FROM directory.dnssec_key k WHERE k.domain_id = p_domain);
    RETURN true;
END
$$;
COMMENT ON FUNCTION directory.set_dnssec_keys(bigint, bigint, text, bigint, bigint[], text[], bigint[], bigint[], bigint[]) IS 'Moves a zone''s keys from the revision that was read; false: it is another now. Seconds since 1970, 0: null';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['dnssec', 'dnssec_key', 'dnssec_secret'] LOOP
        EXECUTE format('CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
                        ON directory.%I FOR EACH STATEMENT EXECUTE FUNCTION directory.announce()', t);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION directory.dnssec_secrets(),
    directory.set_dnssec_keys(bigint, bigint, text, bigint, bigint[], text[], bigint[], bigint[], bigint[]) FROM PUBLIC;
GRANT SELECT ON directory.dnssec, directory.dnssec_key TO roundtable_dnsd, roundtable_operator;
GRANT EXECUTE ON FUNCTION directory.dnssec_secrets() TO roundtable_dnsd;
GRANT EXECUTE ON FUNCTION
    directory.set_dnssec_keys(bigint, bigint, text, bigint, bigint[], text[], bigint[], bigint[], bigint[])
    TO roundtable_dnsd, roundtable_operator;

-- Operators write private keys and do not read them.
GRANT INSERT, UPDATE (denial, ds_ttl, propagation), DELETE ON directory.dnssec TO roundtable_operator;
GRANT INSERT (domain_id, algorithm, public_key, since) ON directory.dnssec_key TO roundtable_operator;
GRANT INSERT, SELECT (key_id) ON directory.dnssec_secret TO roundtable_operator;
