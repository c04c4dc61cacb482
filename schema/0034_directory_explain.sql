-- Steering that operators can see through and steer: policies of whole pools, overrides by a pattern
-- of servers, drains that end in "nothing comes here any more".

------------------------------------------------------------------------------------------- policies

ALTER TABLE directory.cluster
    ADD COLUMN mail_policy text NOT NULL DEFAULT 'load'
        CONSTRAINT cluster_mail_policy CHECK (mail_policy IN ('load', 'roundtable', 'rotate', 'static')),
    ADD COLUMN mail_form text NOT NULL DEFAULT 'paired'
        CONSTRAINT cluster_mail_form CHECK (mail_form IN ('paired', 'strict')),
    ADD COLUMN access_policy text NOT NULL DEFAULT 'load'
        CONSTRAINT cluster_access_policy CHECK (access_policy IN ('load', 'roundtable', 'rotate', 'static')),
    ADD COLUMN access_form text NOT NULL DEFAULT 'paired'
        CONSTRAINT cluster_access_form CHECK (access_form IN ('paired', 'strict'));
COMMENT ON COLUMN directory.cluster.mail_policy IS 'how mail servers are steered in domains with the policy pool';
COMMENT ON COLUMN directory.cluster.mail_form IS 'of rotate: paired (two servers at the best preference) or strict (one)';
COMMENT ON COLUMN directory.cluster.access_policy IS 'the same for access servers';
COMMENT ON COLUMN directory.cluster.access_form IS 'the same for access servers';

-- Nobody could tell "as usual" from "load, whatever is usual" so far: both become "as usual".
ALTER TABLE directory.domain
    DROP CONSTRAINT domain_policy_check,
    ADD CONSTRAINT domain_policy_check CHECK (policy IN ('pool', 'load', 'roundtable', 'rotate', 'static')),
    ALTER COLUMN policy SET DEFAULT 'pool',
    ADD COLUMN policy_form text CONSTRAINT domain_policy_form CHECK (policy_form IN ('paired', 'strict'));
UPDATE directory.domain SET policy = 'pool' WHERE policy = 'load';
COMMENT ON COLUMN directory.domain.policy IS 'load: trimmed by load reports; roundtable: rows by capacity alone; rotate: strict turn; static: configured preferences; pool: what the cluster''s row says for the pool';
COMMENT ON COLUMN directory.domain.policy_form IS 'of rotate: paired or strict; null: the pool''s';

-- As in 0024, with the new column.
DROP TRIGGER announce ON directory.domain;
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF name, primary_name_server, contact, refresh, retry, expire, minimum, ttl, mx_ttl, policy,
                 policy_form, virus_policy, no_scanner_policy
    ON directory.domain FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();

------------------------------------------------------------------------------------------ overrides

ALTER TABLE directory.mx_override
    ADD COLUMN pattern text CONSTRAINT override_pattern CHECK (pattern ~ '^[a-z0-9*?-]{1,63}$'),
    ADD COLUMN quiet_at timestamptz,
    DROP CONSTRAINT override_needs_server,
    ADD CONSTRAINT override_needs_server
        CHECK (server IS NOT NULL OR pattern IS NOT NULL OR action IN ('freeze', 'trim_off')),
    ADD CONSTRAINT override_one_scope CHECK (server IS NULL OR pattern IS NULL),
    ADD CONSTRAINT override_freeze_everywhere CHECK (action <> 'freeze' OR domain_id IS NULL) NOT VALID;
COMMENT ON COLUMN directory.mx_override.server IS 'name of a mail or access server (see pool); null: those of pattern, or all';
COMMENT ON COLUMN directory.mx_override.pattern IS 'names of servers with * and ?, also of servers that come later; one server by name wins over it';
COMMENT ON COLUMN directory.mx_override.quiet_at IS 'of a drain: no cache can know its servers any more; written by the name servers';

-- What name servers write is no news to anybody.
DROP TRIGGER announce ON directory.mx_override;
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF pool, action, server, pattern, domain_id, value, author, reason, created_at, expires_at,
                 removed_at, removed_by
    ON directory.mx_override FOR EACH STATEMENT EXECUTE FUNCTION directory.announce();

-- Of several name servers the first one says it, and once.
CREATE FUNCTION directory.note_quiet(p_override bigint, p_name_server text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    o record;
BEGIN
    UPDATE directory.mx_override x SET quiet_at = now()
     WHERE x.id = p_override AND x.action = 'drain' AND x.quiet_at IS NULL AND x.removed_at IS NULL
    RETURNING x.pool, coalesce(x.server, x.pattern) AS servers, x.domain_id, x.created_at, x.author, x.reason INTO o;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM directory.raise_event('info', 'drained_quiet', p_name_server, o.servers, jsonb_build_object(
        'override', p_override, 'pool', o.pool, 'since', o.created_at, 'author', o.author, 'reason', o.reason,
        'domain', (SELECT d.name FROM directory.domain d WHERE d.id = o.domain_id)));
    RETURN true;
END
$$;
COMMENT ON FUNCTION directory.note_quiet(bigint, text) IS 'A drain is over: caches have forgotten its servers; records it and tells operators, once';
REVOKE ALL ON FUNCTION directory.note_quiet(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.note_quiet(bigint, text) TO roundtable_dnsd;
GRANT INSERT (pattern) ON directory.mx_override TO roundtable_operator;
