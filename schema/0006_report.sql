-- Views for people who report with psql: read-only, and all that roundtable_report sees.

CREATE SCHEMA report;
COMMENT ON SCHEMA report IS 'Read-only views: where messages are, what is owed, who changed priorities, who is blocked';

CREATE FUNCTION report.segment_file(segment_id uuid, generation integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN 'segments/'
       || to_char(to_timestamp((('x' || left(replace(segment_id::text, '-', ''), 12))::bit(48)::bigint / 1000)::double precision)
                  AT TIME ZONE 'UTC', 'YYYYMMDD')
       || '/' || segment_id || '.' || generation || '.seg';
COMMENT ON FUNCTION report.segment_file(uuid, integer) IS 'The file of a copy of a segment below the root of a storage server';

CREATE VIEW report.message_copy AS
SELECT m.id AS message_id, catalog.kind_name(m.kind) AS kind, m.received_at, m.server AS accepted_by,
       m.sender, m.message_size, v.name AS storage_server, v.failure_domain,
       f.paths[1] AS path, f.paths, m.frame_offset, m.frame_length, r.state, r.reason
  FROM catalog.message m
  JOIN catalog.segment_replica r ON r.segment_id = m.segment_id
  JOIN directory.storage_server v ON v.id = r.storage_server_id
  CROSS JOIN LATERAL (
       SELECT array_agg(p.directory || '/' || report.segment_file(m.segment_id, r.generation)
                        ORDER BY p.preference, p.id) AS paths
         FROM directory.storage_path p WHERE p.storage_server_id = v.id) AS f
 WHERE r.state <> 'behind' OR r.durable_length >= m.frame_offset + m.frame_length;
COMMENT ON VIEW report.message_copy IS 'Where each message is stored: one row for a message and a storage server';
COMMENT ON COLUMN report.message_copy.message_id IS 'time-ordered id; report.delivery says who got it';
COMMENT ON COLUMN report.message_copy.accepted_by IS 'server that accepted the message';
COMMENT ON COLUMN report.message_copy.sender IS 'reverse-path; empty: the null path';
COMMENT ON COLUMN report.message_copy.path IS 'file that holds it, by the preferred storage path';
COMMENT ON COLUMN report.message_copy.paths IS 'the same file by each storage path';
COMMENT ON COLUMN report.message_copy.frame_offset IS 'octet of the file at which its frame begins';
COMMENT ON COLUMN report.message_copy.state IS 'active: good; behind: the copy ends after this message; suspect: a reader found it bad; lost';

CREATE VIEW report.delivery AS
SELECT d.message_id, catalog.kind_name(m.kind) AS kind, d.recipient, a.login,
       coalesce(b.name, '(deleted)') AS mailbox, d.uid, m.received_at, d.delivered_at, m.sender,
       m.server AS accepted_by, m.message_size, d.account_id < 0 OR b.dead_letter_of IS NOT NULL AS dead_letter
  FROM catalog.delivery d
  JOIN catalog.message m ON m.id = d.message_id
  LEFT JOIN directory.account a ON a.id = d.account_id
  LEFT JOIN catalog.mailbox b ON b.id = d.mailbox_id;
COMMENT ON VIEW report.delivery IS 'Who got each message, in which mailbox, under which UID';
COMMENT ON COLUMN report.delivery.mailbox IS 'at delivery; it may have been moved or expunged since';
COMMENT ON COLUMN report.delivery.delivered_at IS 'when it was catalogued';
COMMENT ON COLUMN report.delivery.dead_letter IS 'its account had vanished; the dead-letter mailbox of the domain has it';

CREATE VIEW report.copy_owed AS
SELECT o.segment_id, s.writer, s.state AS segment_state, s.length AS segment_length,
       v.name AS storage_server, o.reason, o.since,
       (SELECT count(*) FROM catalog.message m WHERE m.segment_id = o.segment_id) AS messages,
       (SELECT count(DISTINCT w.failure_domain)
          FROM catalog.segment_replica r JOIN directory.storage_server w ON w.id = r.storage_server_id
         WHERE r.segment_id = o.segment_id AND r.state = 'active') AS good_copies
  FROM catalog.copy_owed o
  JOIN catalog.segment s ON s.id = o.segment_id
  JOIN directory.storage_server v ON v.id = o.storage_server_id;
COMMENT ON VIEW report.copy_owed IS 'Copies that the mirroring table asks for and that are not there, with the reason';
COMMENT ON COLUMN report.copy_owed.storage_server IS 'where a copy is missing';
COMMENT ON COLUMN report.copy_owed.messages IS 'how many messages the segment holds';
COMMENT ON COLUMN report.copy_owed.good_copies IS 'failure domains that hold a good copy';

CREATE VIEW report.segment AS
SELECT s.id AS segment_id, s.writer, s.state, s.length, s.catalogued_to, s.min_copies, s.opened_at,
       s.sealed_at,
       (SELECT string_agg(v.name || ' ' || r.state, ', ' ORDER BY v.name)
          FROM catalog.segment_replica r JOIN directory.storage_server v ON v.id = r.storage_server_id
         WHERE r.segment_id = s.id) AS copies
  FROM catalog.segment s;
COMMENT ON VIEW report.segment IS 'Segments, how far they are catalogued, and their copies';
COMMENT ON COLUMN report.segment.copies IS 'storage server and state of each copy';

CREATE VIEW report.messages_per_day AS
SELECT (m.received_at AT TIME ZONE 'UTC')::date AS day, m.server AS accepted_by,
       catalog.kind_name(m.kind) AS kind, count(*) AS messages, sum(m.message_size) AS octets
  FROM catalog.message m
 GROUP BY 1, 2, 3;
COMMENT ON VIEW report.messages_per_day IS 'Messages and octets accepted, by day (UTC), server and kind';

CREATE VIEW report.priority AS
SELECT d.name AS domain, d.policy, m.name AS mail_server, m.host_name, e.preference,
       e.priority_index, e.first_share, e.cause, e.changed_at
  FROM directory.mail_exchange e
  JOIN directory.domain d ON d.id = e.domain_id
  JOIN directory.mail_server m ON m.id = e.mail_server_id;
COMMENT ON VIEW report.priority IS 'The priority of each mail server for each domain, as it is answered now';
COMMENT ON COLUMN report.priority.preference IS 'configured';
COMMENT ON COLUMN report.priority.priority_index IS 'in the canonical answer now; low is preferred';
COMMENT ON COLUMN report.priority.first_share IS 'share of first attempts that the steering gives to this server, 0 to 1';
COMMENT ON COLUMN report.priority.cause IS 'why the priority index is what it is';

CREATE VIEW report.priority_history AS
SELECT h.domain, h.mail_server, h.setting, h.priority_index, h.first_share, h.cause, h.author,
       h.from_at, h.to_at
  FROM directory.priority_history h;
COMMENT ON VIEW report.priority_history IS 'Every priority there was: what it was, what and who set it, from when to when';
COMMENT ON COLUMN report.priority_history.setting IS 'configured by an operator, or effective in answers';
COMMENT ON COLUMN report.priority_history.author IS 'database role that changed it; a name server for what steering decided';
COMMENT ON COLUMN report.priority_history.to_at IS 'null: it still holds';

CREATE VIEW report.override AS
SELECT o.id, o.pool, o.action, o.server, d.name AS domain, o.value, o.author, o.reason,
       o.created_at, o.expires_at, o.removed_at, o.removed_by,
       CASE WHEN o.removed_at IS NOT NULL THEN 'removed'
            WHEN o.expires_at <= now() THEN 'expired' ELSE 'active' END AS state
  FROM directory.mx_override o LEFT JOIN directory.domain d ON d.id = o.domain_id;
COMMENT ON VIEW report.override IS 'Operators'' overrides of the steering, past ones included';

CREATE VIEW report.steering AS
SELECT c.id, c.at, c.name_server, c.pool, c.cause, c.diff FROM directory.steering_commit c;
COMMENT ON VIEW report.steering IS 'Each change of the steering table: when, on which name server, why, and what changed';

CREATE VIEW report.mirroring AS
SELECT m.name AS mail_server, own.name AS own_storage_server, p.name AS peer,
       v.name AS peer_storage_server, x.position
  FROM directory.mail_server m
  JOIN directory.storage_server own ON own.id = m.storage_server_id
  LEFT JOIN directory.mirroring x ON x.mail_server_id = m.id
  LEFT JOIN directory.mail_server p ON p.id = x.peer_id
  LEFT JOIN directory.storage_server v ON v.id = p.storage_server_id;
COMMENT ON VIEW report.mirroring IS 'The mirroring table, with the storage servers that it leads to';

CREATE VIEW report.blocked_sender AS
SELECT b.id, b.kind, b.pattern, b.reason, b.author, b.created_at, b.expires_at,
       coalesce(h.hits, 0) AS hits, coalesce(h.hits_today, 0) AS hits_today, h.last_hit_at
  FROM directory.sender_block b
  LEFT JOIN LATERAL (
       SELECT sum(x.hits) AS hits, sum(x.hits) FILTER (WHERE x.day = current_date) AS hits_today,
              max(x.last_at) AS last_hit_at
         FROM directory.sender_block_hit x WHERE x.block_id = b.id) AS h ON true;
COMMENT ON VIEW report.blocked_sender IS 'The sender blocklist and how often each entry refused mail';

CREATE VIEW report.blocked_sender_day AS
SELECT b.kind, b.pattern, x.day, x.hits, x.last_at AS last_hit_at
  FROM directory.sender_block_hit x JOIN directory.sender_block b ON b.id = x.block_id;
COMMENT ON VIEW report.blocked_sender_day IS 'Refusals by the sender blocklist, by entry and day';

CREATE VIEW report.account AS
SELECT a.login, d.name AS domain, a.state, a.password_hash IS NOT NULL AS can_sign_in, a.quota_bytes,
       b.mailboxes, b.messages, b.unseen, b.bytes,
       (SELECT string_agg(x.local_part || '@' || y.name, ', ' ORDER BY y.name, x.local_part)
          FROM directory.address x JOIN directory.domain y ON y.id = x.domain_id
         WHERE x.account_id = a.id) AS addresses,
       a.created_at
  FROM directory.account a
  JOIN directory.domain d ON d.id = a.domain_id
  CROSS JOIN LATERAL (
       SELECT count(*) AS mailboxes, coalesce(sum(m.messages), 0) AS messages,
              coalesce(sum(m.unseen), 0) AS unseen, coalesce(sum(m.bytes), 0) AS bytes
         FROM catalog.mailbox m WHERE m.account_id = a.id) AS b;
COMMENT ON VIEW report.account IS 'Accounts: addresses, mailboxes, messages and octets';

CREATE VIEW report.mailbox AS
SELECT a.login, m.name AS mailbox, m.dead_letter_of, m.messages, m.unseen, m.deleted, m.bytes,
       m.uid_validity, m.uid_next, m.highest_modseq, m.created_at
  FROM catalog.mailbox m LEFT JOIN directory.account a ON a.id = m.account_id;
COMMENT ON VIEW report.mailbox IS 'Mailboxes; those with dead_letter_of keep mail for vanished accounts of that domain';

CREATE VIEW report.storage AS
SELECT v.name AS storage_server, v.failure_domain, v.state,
       (SELECT string_agg(p.directory, ', ' ORDER BY p.preference, p.id)
          FROM directory.storage_path p WHERE p.storage_server_id = v.id) AS paths,
       count(r.segment_id) AS segments, count(r.segment_id) FILTER (WHERE r.state <> 'active') AS not_good,
       (SELECT count(*) FROM catalog.copy_owed o WHERE o.storage_server_id = v.id) AS copies_owed
  FROM directory.storage_server v
  LEFT JOIN catalog.segment_replica r ON r.storage_server_id = v.id
 GROUP BY v.id;
COMMENT ON VIEW report.storage IS 'Storage servers, their paths and how many copies of segments they hold and lack';

CREATE VIEW report.event AS
SELECT e.id, e.at, e.severity, e.kind, e.server, e.subject, e.detail FROM directory.event e;
COMMENT ON VIEW report.event IS 'What an operator should know: dead letters, lost commits, degraded acceptance';
