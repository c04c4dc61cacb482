-- What each role may do: the least that its daemon needs. What is written in groups of rows is
-- written by functions that run with the rights of the schema's owner.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA directory, catalog, report FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA directory, catalog TO roundtable_dnsd, roundtable_mtad, roundtable_accessd,
    roundtable_trackerd, roundtable_operator;
GRANT USAGE ON SCHEMA report TO roundtable_operator, roundtable_report;

-- What every daemon reads to know where things are.
GRANT SELECT ON directory.cluster, directory.storage_server, directory.storage_path,
    directory.mail_server, directory.access_server, directory.name_server, directory.mirroring,
    directory.domain, directory.version
    TO roundtable_dnsd, roundtable_mtad, roundtable_accessd, roundtable_trackerd;
GRANT EXECUTE ON FUNCTION directory.raise_event(text, text, text, text, jsonb)
    TO roundtable_dnsd, roundtable_mtad, roundtable_accessd, roundtable_trackerd, roundtable_operator;

-- The name server: everything it answers from; of accounts only that an address is one.
GRANT SELECT ON directory.record, directory.mail_exchange, directory.access_exchange,
    directory.mx_override, directory.steering_commit, directory.address TO roundtable_dnsd;
GRANT SELECT (id, state) ON directory.account TO roundtable_dnsd;
GRANT UPDATE (serial) ON directory.domain TO roundtable_dnsd;
GRANT UPDATE (priority_index, first_share, cause, changed_at) ON directory.mail_exchange TO roundtable_dnsd;
GRANT INSERT ON directory.steering_commit TO roundtable_dnsd;

-- The mail agent: recipients and senders; it delivers by the one function.
GRANT SELECT ON directory.address, directory.sender_block TO roundtable_mtad;
GRANT SELECT (id, login, domain_id, quota_bytes, state) ON directory.account TO roundtable_mtad;
GRANT EXECUTE ON FUNCTION directory.account_of(text), directory.count_block_hits(bigint[], bigint[])
    TO roundtable_mtad;

-- Message tracking agents, in whichever daemon.
GRANT SELECT ON catalog.segment, catalog.segment_replica, catalog.copy_owed, catalog.message,
    catalog.commit_mark, catalog.lineage TO roundtable_mtad, roundtable_accessd, roundtable_trackerd;
GRANT EXECUTE ON FUNCTION catalog.deliver, catalog.note_segments(jsonb), catalog.jump(text, bigint),
    catalog.suspect_replica(uuid, uuid, text),
    catalog.kind_name(smallint), catalog.first_id_of(timestamptz)
    TO roundtable_mtad, roundtable_accessd, roundtable_trackerd;

-- The access server: sign-in and mailboxes.
GRANT SELECT ON directory.account, directory.address TO roundtable_accessd;
GRANT SELECT ON catalog.mailbox, catalog.mailbox_message, catalog.expunged, catalog.subscription,
    catalog.delivery TO roundtable_accessd;
GRANT EXECUTE ON FUNCTION directory.account_of(text), catalog.store_flags, catalog.expunge,
    catalog.copy_messages, catalog.create_mailbox(bigint, text, text), catalog.ensure_inbox(bigint),
    catalog.delete_mailbox(bigint, text), catalog.rename_mailbox(bigint, text, text),
    catalog.take_recent(bigint), catalog.subscribe(bigint, text), catalog.unsubscribe(bigint, text),
    catalog.take_maildrop(bigint, text, integer), catalog.renew_maildrop(bigint, uuid, integer),
    catalog.release_maildrop(bigint, uuid)
    TO roundtable_accessd;

-- The tracker: segments, their copies, and what is owed; messages and mailboxes only by deliver().
GRANT SELECT ON catalog.delivery, catalog.aborted TO roundtable_trackerd;
GRANT UPDATE (claimed_by, claimed_until, read_at) ON catalog.segment TO roundtable_trackerd;
GRANT INSERT, UPDATE, DELETE ON catalog.copy_owed TO roundtable_trackerd;
GRANT UPDATE (state, reason, durable_length, changed_at) ON catalog.segment_replica TO roundtable_trackerd;
GRANT EXECUTE ON FUNCTION catalog.ensure_partitions(integer) TO roundtable_trackerd;

-- Operators edit the directory. History is not theirs to edit, and overrides are removed, not
-- deleted. What the name server decides they change by overrides.
GRANT SELECT ON ALL TABLES IN SCHEMA directory, catalog, report TO roundtable_operator;
GRANT INSERT, UPDATE, DELETE ON directory.storage_server, directory.storage_path,
    directory.mail_server, directory.access_server, directory.name_server, directory.mirroring,
    directory.domain, directory.record, directory.access_exchange, directory.account,
    directory.address, directory.sender_block TO roundtable_operator;
GRANT UPDATE ON directory.cluster TO roundtable_operator;
GRANT INSERT (domain_id, mail_server_id, preference), UPDATE (preference), DELETE
    ON directory.mail_exchange TO roundtable_operator;
GRANT INSERT (pool, action, server, domain_id, value, author, reason, expires_at),
    UPDATE (expires_at, removed_at, removed_by) ON directory.mx_override TO roundtable_operator;
GRANT EXECUTE ON FUNCTION directory.account_of(text), directory.local_part_digest(text),
    catalog.kind_name(smallint), catalog.ensure_partitions(integer), report.segment_file(uuid, integer)
    TO roundtable_operator;
GRANT SELECT ON public.schema_migration TO roundtable_dnsd, roundtable_mtad, roundtable_accessd,
    roundtable_trackerd, roundtable_operator;

GRANT SELECT ON ALL TABLES IN SCHEMA report TO roundtable_report;
GRANT EXECUTE ON FUNCTION report.segment_file(uuid, integer), catalog.kind_name(smallint)
    TO roundtable_report;
DO $$
BEGIN
    EXECUTE format('ALTER ROLE roundtable_report IN DATABASE %I SET default_transaction_read_only = on',
                   current_database());
END
$$;
