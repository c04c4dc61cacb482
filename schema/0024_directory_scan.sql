-- What is done with mail that has a virus, and with mail that no scanner could look at; how long
-- quarantined mail is kept. Only mail servers with a scanner in their configuration ask.

ALTER TABLE directory.cluster
    ADD COLUMN virus_policy text NOT NULL DEFAULT 'reject'
        CONSTRAINT cluster_virus_policy CHECK (virus_policy IN ('reject', 'quarantine', 'tag')),
    ADD COLUMN no_scanner_policy text NOT NULL DEFAULT 'tempfail'
        CONSTRAINT cluster_no_scanner_policy CHECK (no_scanner_policy IN ('tempfail', 'accept')),
    ADD COLUMN quarantine_retention interval NOT NULL DEFAULT '30 days'
        CONSTRAINT cluster_quarantine_retention CHECK (quarantine_retention >= '0');
COMMENT ON COLUMN directory.cluster.virus_policy IS 'infected mail of domains that say nothing: reject, quarantine, or tag (deliver with a header field)';
COMMENT ON COLUMN directory.cluster.no_scanner_policy IS 'mail that no scanner could look at, of domains that say nothing: tempfail, or accept (deliver with a header field)';
COMMENT ON COLUMN directory.cluster.quarantine_retention IS 'how long quarantined mail is kept';

ALTER TABLE directory.domain
    ADD COLUMN virus_policy text
        CONSTRAINT domain_virus_policy CHECK (virus_policy IN ('reject', 'quarantine', 'tag')),
    ADD COLUMN no_scanner_policy text
        CONSTRAINT domain_no_scanner_policy CHECK (no_scanner_policy IN ('tempfail', 'accept'));
COMMENT ON COLUMN directory.domain.virus_policy IS 'infected mail: reject, quarantine, or tag (deliver with a header field); null: as the cluster';
COMMENT ON COLUMN directory.domain.no_scanner_policy IS 'mail that no scanner could look at: tempfail, or accept (deliver with a header field); null: as the cluster';

-- As in 0002, with the new columns: daemons follow them.
DROP TRIGGER announce ON directory.domain;
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF name, primary_name_server, contact, refresh, retry, expire, minimum, ttl, mx_ttl, policy,
                 virus_policy, no_scanner_policy
    ON directory.domain FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();
