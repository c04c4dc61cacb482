-- Zones: what name servers refuse to serve, and why; the records that mail needs of a domain: what
-- its operator wants of them, and the keys of DKIM.

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

--------------------------------------------------------------------------- the records of a mail domain

-- What an operator wants of the records that mail needs. A row is there once `roundtable domain
-- mail-records --apply` has made them; a null means what that command offers by itself, or nothing.
CREATE TABLE directory.mail_records (
    domain_id         bigint PRIMARY KEY REFERENCES directory.domain ON DELETE CASCADE,
    spf               text CHECK (spf ~ '^v=spf1( [!-~ ]*)?$' AND length(spf) <= 2000),
    dmarc             text CHECK (dmarc ~ '^v=DMARC1 *;[!-~ ]*$' AND length(dmarc) <= 2000),
    tls_reports       text CHECK (tls_reports ~ '^(mailto|https):[!-+.-:<-~-]+$' AND length(tls_reports) <= 1000),
    mta_sts_host      directory.dns_name,
    mta_sts_mode      text NOT NULL DEFAULT 'testing' CHECK (mta_sts_mode IN ('testing', 'enforce', 'none')),
    submission        text,
    submissions       text,
    imaps             text,
    pop3s             text,
    autoconfig        directory.dns_name,
    autodiscover      directory.dns_name,
    tlsa              text[],
    caa               text[],
    dkim              text NOT NULL DEFAULT 'rsa' CHECK (dkim IN ('rsa', 'ed25519', 'off')),
    dkim_rotate_days  integer CHECK (dkim_rotate_days BETWEEN 14 AND 3650),
    applied_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE directory.mail_records IS 'What an operator wants of the records that mail needs (roundtable domain mail-records)';
COMMENT ON COLUMN directory.mail_records.spf IS 'null: v=spf1 mx ~all, unless an operator wrote one';
COMMENT ON COLUMN directory.mail_records.dmarc IS 'null: v=DMARC1; p=none, unless an operator wrote one';
COMMENT ON COLUMN directory.mail_records.tls_reports IS 'rua of RFC 8460; null: none';
COMMENT ON COLUMN directory.mail_records.mta_sts_host IS 'the web server that serves the policy of RFC 8461; null: no MTA-STS';
COMMENT ON COLUMN directory.mail_records.submission IS 'host:port for SRV records of RFC 6186 and 8314, as are submissions, imaps and pop3s; null: none';
COMMENT ON COLUMN directory.mail_records.tlsa IS 'TLSA data for port 25 of the mail servers that are in this zone';
COMMENT ON COLUMN directory.mail_records.caa IS 'who may issue certificates; an empty array: nobody; null: nothing is said';
COMMENT ON COLUMN directory.mail_records.dkim_rotate_days IS 'age at which a signing key is replaced; null: by command only';

CREATE TABLE directory.dkim_key (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id  bigint NOT NULL REFERENCES directory.domain ON DELETE CASCADE,
    selector   text NOT NULL CHECK (selector ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    algorithm  text NOT NULL CHECK (algorithm IN ('rsa', 'ed25519')),
    public_key text NOT NULL CHECK (public_key ~ '^[A-Za-z0-9+/]+={0,2}$' AND length(public_key) <= 2000),
    state      text NOT NULL DEFAULT 'published' CHECK (state IN ('published', 'active', 'retired', 'removed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, selector)
);
COMMENT ON TABLE directory.dkim_key IS 'Keys of DKIM: published, then active (to sign with), then retired (still published), then removed';
COMMENT ON COLUMN directory.dkim_key.public_key IS 'the p= of its record: base64';
COMMENT ON COLUMN directory.dkim_key.changed_at IS 'when it came to this state';

CREATE TABLE directory.dkim_secret (
    key_id      bigint PRIMARY KEY REFERENCES directory.dkim_key ON DELETE CASCADE,
    private_key text NOT NULL CHECK (private_key ~ '^-----BEGIN PRIVATE KEY-----' AND length(private_key) <= 8000)
);
COMMENT ON TABLE directory.dkim_secret IS 'Private halves (PKCS#8, PEM) of keys that are published or active; read by dkim_private_key() alone';

-- Gone as soon as nobody should sign with it any more.
CREATE FUNCTION directory.forget_dkim_secret() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM directory.dkim_secret s WHERE s.key_id = NEW.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.forget_dkim_secret() IS 'Trigger: a key that is retired has no private half any more';
REVOKE ALL ON FUNCTION directory.forget_dkim_secret() FROM PUBLIC;
CREATE TRIGGER forget_dkim_secret AFTER UPDATE OF state ON directory.dkim_key
    FOR EACH ROW WHEN (NEW.state IN ('retired', 'removed')) EXECUTE FUNCTION directory.forget_dkim_secret();

CREATE FUNCTION directory.dkim_private_key(p_domain text, p_selector text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    found_key text;
BEGIN
    SELECT s.private_key INTO found_key
      FROM directory.dkim_secret s JOIN directory.dkim_key k ON k.id = s.key_id
      JOIN directory.domain d ON d.id = k.domain_id
     WHERE d.name = p_domain AND k.selector = p_selector;
    IF FOUND THEN
        PERFORM directory.raise_event('info', 'dkim_key_read', '', p_domain,
                                      jsonb_build_object('selector', p_selector, 'by', session_user));
    END IF;
    RETURN found_key;
END
$$;
COMMENT ON FUNCTION directory.dkim_private_key(text, text) IS 'The private half of a key, for the file of a signer; leaves an event. Null: there is none';
REVOKE ALL ON FUNCTION directory.dkim_private_key(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.dkim_private_key(text, text) TO roundtable_operator;

GRANT SELECT ON directory.mail_records, directory.dkim_key TO roundtable_operator;
GRANT INSERT, UPDATE, DELETE ON directory.mail_records TO roundtable_operator;
GRANT INSERT (domain_id, selector, algorithm, public_key), UPDATE (state, changed_at)
    ON directory.dkim_key TO roundtable_operator;
GRANT INSERT ON directory.dkim_secret TO roundtable_operator;
