#include "ops/seed.h"

#include "ops/store_root.h"

namespace ops {

namespace {

base::Status seed_storage_server(base::Tx& tx, const StorageServerLayout& server) {
    // On one machine each store is a failure domain of its own: this is for trying out.
    (void)TRY(
        tx.query("INSERT INTO directory.storage_server (name, failure_domain) "
                 "VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                 {server.name, server.name}));
    const base::Rows rows = TRY(tx.query(
        "SELECT id, store_id FROM directory.storage_server WHERE name = $1", {server.name}));
    std::int64_t preference = 10;
    for (const std::string& directory : server.directories) {
        (void)TRY(
            tx.query("INSERT INTO directory.storage_path (storage_server_id, directory, "
                     "preference) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                     {rows[0].int64(0), directory, preference}));
        preference += 10;
    }
    return mark_store_roots(server.directories, rows[0].uuid(1));
}

base::Status seed_mail_server(base::Tx& tx,
                              const ClusterLayout& layout,
                              const MailServerLayout& server) {
    (void)TRY(
        tx.query("INSERT INTO directory.mail_server AS m (name, host_name, address, smtp_port, "
                 "load_port, storage_server_id) "
                 "SELECT $1, $2, $3::inet, $4, $5, s.id FROM directory.storage_server s "
                 "WHERE s.name = $6 ON CONFLICT (name) DO UPDATE SET address = excluded.address, "
                 "smtp_port = excluded.smtp_port, load_port = excluded.load_port "
                 "WHERE (m.address, m.smtp_port, m.load_port) IS DISTINCT FROM "
                 "(excluded.address, excluded.smtp_port, excluded.load_port)",
                 {server.name,
                  layout.host_name(server.name),
                  server.address.to_text(),
                  server.smtp_port,
                  server.load_port,
                  server.storage_server}));
    return base::Done{};
}

// Only for a mail server that mirrors to nobody: the table is the operators' to edit.
base::Status seed_mirroring(base::Tx& tx, const MailServerLayout& server) {
    const base::Rows present =
        TRY(tx.query("SELECT 1 FROM directory.mirroring x JOIN directory.mail_server m "
                     "ON m.id = x.mail_server_id WHERE m.name = $1 LIMIT 1",
                     {server.name}));
    if (!present.empty()) {
        return base::Done{};
    }
    int position = 0;
    for (const std::string& peer : server.peers) {
        (void)TRY(
            tx.query("INSERT INTO directory.mirroring (mail_server_id, peer_id, position) "
                     "SELECT m.id, p.id, $3 FROM directory.mail_server m, "
                     "directory.mail_server p WHERE m.name = $1 AND p.name = $2",
                     {server.name, peer, ++position}));
    }
    return base::Done{};
}

base::Status seed_access_server(base::Tx& tx,
                                const ClusterLayout& layout,
                                const AccessServerLayout& server) {
    (void)TRY(
        tx.query("INSERT INTO directory.access_server AS a (name, host_name, address, imap_port, "
                 "pop3_port, load_port) VALUES ($1, $2, $3::inet, $4, $5, $6) "
                 "ON CONFLICT (name) DO UPDATE SET address = excluded.address, "
                 "imap_port = excluded.imap_port, pop3_port = excluded.pop3_port, "
                 "load_port = excluded.load_port "
                 "WHERE (a.address, a.imap_port, a.pop3_port, a.load_port) IS DISTINCT FROM "
                 "(excluded.address, excluded.imap_port, excluded.pop3_port, excluded.load_port)",
                 {server.name,
                  layout.host_name(server.name),
                  server.address.to_text(),
                  server.imap_port,
                  server.pop3_port,
                  server.load_port}));
    return base::Done{};
}

base::Status seed_name_server(base::Tx& tx,
                              const ClusterLayout& layout,
                              const NameServerLayout& server) {
    (void)TRY(
        tx.query("INSERT INTO directory.name_server AS n (name, host_name, address, port, "
                 "internal_port) VALUES ($1, $2, $3::inet, $4, $5) "
                 "ON CONFLICT (name) DO UPDATE SET address = excluded.address, "
                 "port = excluded.port, internal_port = excluded.internal_port "
                 "WHERE (n.address, n.port, n.internal_port) IS DISTINCT FROM "
                 "(excluded.address, excluded.port, excluded.internal_port)",
                 {server.name,
                  layout.host_name(server.name),
                  server.address.to_text(),
                  server.port,
                  server.internal_port}));
    return base::Done{};
}

}  // namespace

base::Status seed_directory(base::Connection& connection, const ClusterLayout& layout) {
    base::Tx tx = TRY(connection.begin());
    for (const auto& server : layout.storage_servers) {
        (void)TRY(seed_storage_server(tx, server));
    }
    for (const auto& server : layout.mail_servers) {
        (void)TRY(seed_mail_server(tx, layout, server));
    }
    for (const auto& server : layout.mail_servers) {
        (void)TRY(seed_mirroring(tx, server));
    }
    for (const auto& server : layout.access_servers) {
        (void)TRY(seed_access_server(tx, layout, server));
    }
    for (const auto& server : layout.name_servers) {
        (void)TRY(seed_name_server(tx, layout, server));
    }
    return tx.commit();
}

}  // namespace ops
