#pragma once

// MailAgentConfig: the bootstrap settings of roundtable-mtad, read from its YAML file. Everything
// else comes from the directory.
//
// Thread rule: a value.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/endpoint.h"
#include "mail/address.h"
#include "mta/admission.h"
#include "mta/scan/scanner.h"
#include "mta/session.h"
#include "mta/smtp_engine.h"

namespace mta {

struct MailAgentConfig {
    std::string name;         ///< of the mail server in the directory
    std::string database;     ///< conninfo
    std::string state_dir;    ///< local, its own
    std::string path_helper;  ///< program; default: beside our own
    std::vector<base::Endpoint> listen;
    std::optional<base::Endpoint> load_listen;
    std::optional<base::Endpoint> admin_listen;
    std::string ingest_socket;                  ///< path; empty: none
    std::string waiting_hooks;                  ///< directory; empty: no hook is run
    std::vector<base::Endpoint> internal_view;  ///< name servers, in the order they are asked
    std::optional<mail::Address> postmaster;    ///< for postmasters without an account of their own
    std::size_t loops = 1;                      ///< threads that run sessions
    EngineSettings engine;
    SessionTimes times;
    AdmissionLimits admission;
    std::size_t memory_max_bytes = std::size_t{256} << 20U;  ///< of all messages being received
    std::uint64_t disk_free_min_bytes = std::uint64_t{64} << 20U;  ///< where state_dir is
    std::uint64_t segment_size_bytes = std::uint64_t{64} << 20U;   ///< a segment is sealed then
    base::Duration stop = std::chrono::seconds(10);  ///< transactions may finish within
    ScanSettings scan;                               ///< no clamd: messages are not scanned
};

/// Reads every setting; what is wrong is found by Config::finish(), which the caller calls.
///
///     name: mail1
///     database: "host=/run/postgresql dbname=roundtable user=roundtable_mtad"
///     state_dir: /var/lib/roundtable/mail1
///     host_name: mail1.example.org
///     listen: ["192.0.2.1:25"]
///     load_listen: "192.0.2.1:4900"                 # optional
///     admin_listen: "127.0.0.1:4901"                # optional: /metrics, /healthz
///     ingest_socket: /run/roundtable/mail1/ingest   # optional: mta/ingest/ingest_protocol.h
///     waiting_hooks: /etc/roundtable/hooks          # optional: programs that may be told of
///     voicemails internal_view: ["192.0.2.53:5353"] postmaster: admin@example.org # optional
///     path_helper: /usr/lib/roundtable/roundtable-path-helper   # default: beside mtad
///     segment_size: 64MiB                           # optional: 4KiB to 512MiB
///     loops: 1
///     limits:
///       sessions: 500
///       sessions_per_source: 50
///       unlimited_sources: ["127.0.0.0/8", "::1"]
///       message_size: 50MiB
///       recipients: 1000
///       memory: 256MiB
///       disk_free: 64MiB
///     timeouts:
///       command: 5m
///       data: 1h
///       store: 20s
///       greeting: 20ms
///       stop: 10s
///     scan:                             # optional: mta/scan/scanner.h
///       clamd: ["unix:/run/clamav/clamd.ctl"]
[[nodiscard]] MailAgentConfig read_mail_agent_config(const base::ConfigSection& root);

}  // namespace mta
