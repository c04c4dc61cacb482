-- Where an account wants its faxes and voicemails, and how long the key of a message that is gone
-- keeps a second one of that key away.

-- What IMAP's CREATE would take: at most 32 levels, none empty, no control characters or wildcards.
CREATE FUNCTION directory.is_folder_name(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN octet_length(name) BETWEEN 1 AND 1000 AND name !~ '[[:cntrl:]%*\\]' AND name !~ '(^|/)(/|$)'
       AND cardinality(string_to_array(name, '/')) <= 32
       AND (upper(split_part(name, '/', 1)) <> 'INBOX' OR split_part(name, '/', 1) = 'INBOX');
COMMENT ON FUNCTION directory.is_folder_name(text) IS 'Whether a mailbox of this name can be made';

ALTER TABLE directory.account
    ADD COLUMN fax_folder text CONSTRAINT account_fax_folder CHECK (directory.is_folder_name(fax_folder)),
    ADD COLUMN voicemail_folder text
        CONSTRAINT account_voicemail_folder CHECK (directory.is_folder_name(voicemail_folder));
COMMENT ON COLUMN directory.account.fax_folder IS 'mailbox that faxes are delivered to, made when the first one comes; null: INBOX';
COMMENT ON COLUMN directory.account.voicemail_folder IS 'mailbox that voicemails are delivered to, made when the first one comes; null: INBOX';

ALTER TABLE directory.cluster
    ADD COLUMN ingest_key_retention interval NOT NULL DEFAULT '90 days'
        CHECK (ingest_key_retention >= '0');
COMMENT ON COLUMN directory.cluster.ingest_key_retention IS 'how long the key of a message is remembered after the message was removed for good';

REVOKE ALL ON FUNCTION directory.is_folder_name(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.is_folder_name(text) TO roundtable_operator;
