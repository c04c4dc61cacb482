-- A zone that others fetch needs a chain that says what is not there. Compact denial (RFC 9824) has
-- none: its records are signed by the name servers when they are asked for, and a secondary has no
-- key. Nobody may have both, by whatever way it was written.

CREATE FUNCTION directory.refuse_compact_transfers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_domain text;
BEGIN
    -- Who writes the other half at the same time waits here, and then sees this one.
    PERFORM pg_advisory_xact_lock(hashtextextended('directory.refuse_compact_transfers', 0));
    SELECT d.name INTO v_domain
      FROM directory.dnssec s JOIN directory.domain d ON d.id = s.domain_id
     WHERE s.denial = 'compact'
       AND (EXISTS (SELECT FROM directory.transfer_peer p WHERE p.all_domains)
            OR EXISTS (SELECT FROM directory.transfer_domain t WHERE t.domain_id = s.domain_id))
     ORDER BY d.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('"dnssec_chain_for_transfers": %s denies by compact records and would be transferred', v_domain),
            HINT = 'zones for secondaries deny by nsec or nsec3';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION directory.refuse_compact_transfers() IS 'Keeps zones with compact denial from being transferred';
REVOKE ALL ON FUNCTION directory.refuse_compact_transfers() FROM PUBLIC;

CREATE TRIGGER chain_for_transfers AFTER INSERT OR UPDATE OF denial ON directory.dnssec
    FOR EACH STATEMENT EXECUTE FUNCTION directory.refuse_compact_transfers();
CREATE TRIGGER chain_for_transfers AFTER INSERT OR UPDATE OF all_domains ON directory.transfer_peer
    FOR EACH STATEMENT EXECUTE FUNCTION directory.refuse_compact_transfers();
CREATE TRIGGER chain_for_transfers AFTER INSERT OR UPDATE ON directory.transfer_domain
    FOR EACH STATEMENT EXECUTE FUNCTION directory.refuse_compact_transfers();
