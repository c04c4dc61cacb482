"""What is switched off to see that a test fails without it: one entry for each part of a claim.

An entry replaces text (which must occur exactly once in its file) by what does without the part,
builds `build`, and runs `tests`, each of which must fail with a reason that `fails` matches: one
that fails because nothing starts proves nothing. test/CLAIMS.md names the entries; `prove-claims`
runs them; the test `claims` checks that they still fit the tree.
"""

import hashlib
import typing

MTAD, DNSD, ACCESSD, TRACKERD, COMMAND = (
    "roundtable-mtad", "roundtable-dnsd", "roundtable-accessd", "roundtable-trackerd", "roundtable")
STORAGE = (MTAD, ACCESSD, TRACKERD)  # those that the storage library is in


class Edit(typing.NamedTuple):
    file: str
    old: str
    new: str


class Disabling(typing.NamedTuple):
    name: str
    off: str  # what is switched off, in words
    edit: Edit
    build: tuple
    tests: tuple  # "program: case"
    fails: str  # regular expression for the reason

    def fingerprint(self):
        """Changes when the disabling does: what was proved of another proves nothing of this."""
        text = repr((self.edit, sorted(self.tests)))
        return hashlib.sha256(text.encode()).hexdigest()[:8]


ALL = [
    # -- Servers, networks, storage servers.
    Disabling(
        "other-stores", "a mail server has paths to its own storage server only",
        Edit("storage/tracking/layout.cpp",
             '"AND (p.for_server IS NULL OR p.for_server = $1) "',
             '"AND (p.for_server IS NULL OR p.for_server = $1) AND p.storage_server_id IN ("\n'
             '    "SELECT m.storage_server_id FROM directory.mail_server m WHERE m.name = $1) "'),
        (MTAD,), ("cluster_claims: each_mail_server_stores_on_several_storage_servers",),
        r"mail1 answers 4\d\d"),
    Disabling(
        "public-answers", "the name server does not answer on the external network (UDP)",
        Edit("dns/udp_server.cpp", "received = work.batch.receive(fd, UdpWait::ForOne);",
             "received = 0 * work.batch.receive(fd, UdpWait::ForOne);"),
        (DNSD,), ("conformance_dns: Records.test_mx_with_addresses",
                  "conformance_dns: Records.test_plain_types"),
        r"Lists differ: \[\] !="),
    Disabling(
        "internal-view", "the name server does not answer on the internal network",
        Edit("dns/control/name_server.cpp",
             "TRY(internal->start());", "internal.reset();"),
        (DNSD,), ("conformance_dns: InternalView.test_verifies_addresses",),
        r"None != 'NOERROR'"),
    Disabling(
        "probes", "the name server connects to no mail server",
        Edit("dns/probe/prober.cpp", "connect(target, action.connection);",
             "(void)&Prober::connect;"),
        (DNSD,), ("cluster_claims: a_mail_server_that_is_away_gets_no_message",),
        r"mail2 leaves the answers"),
    Disabling(
        "second-paths", "a storage server is reached by its first path only",
        Edit("storage/tracking/layout.cpp", "if (!row.is_null(4)) {",
             "if (!row.is_null(4) && servers.back().config.paths.empty()) {"),
        STORAGE, ("cluster_claims: each_storage_server_is_reached_by_an_independent_path",),
        r"by their second paths"),

    # -- Selection and priorities.
    Disabling(
        "load", "what a server replies about its load is ignored",
        Edit("dns/steering/trim.cpp",
             "interval.load = std::min(busy, 1.0) + (arrivals > 0 ? std::min(refused / arrivals, "
             "1.0) : 0);", "interval.load = 0 * (busy + arrivals + refused);"),
        (DNSD, "unit_dns"),
        ("conformance_dns: "
         "WeighedByLoad.test_the_busy_one_loses_its_priority_and_only_where_load_counts",
         "unit_dns: trim/one_step_follows_the_rule"),
        r"mail1 behind the others|trim/one_step_follows_the_rule"),
    Disabling(
        "fitness", "a server's reply that it is unfit is taken for a good one",
        Edit("dns/probe/load_dialogue.cpp",
             "verdict.outcome = load.fit ? ProbeOutcome::Reply : ProbeOutcome::Unfit;",
             "verdict.outcome = ProbeOutcome::Reply;"),
        (DNSD,), ("conformance_dns: WeighedByLoad.test_the_unfit_one_is_withdrawn",),
        r"mail\.test MX \[\(10, 'mail1'\), \(30, 'mail3'\)\]"),
    Disabling(
        "turns", "no server gets its turn: every query has the same answer",
        Edit("dns/steering/table.cpp", "static_cast<std::uint16_t>(turn % table.rows.size())",
             "static_cast<std::uint16_t>(0 * turn)"),
        (DNSD,), ("conformance_dns: Steering.test_rotate_gives_each_pair_its_turn",
                  "cluster_claims: messages_go_round_the_table"),
        r"24 messages went to|Items in the second set but not the first"),
    Disabling(
        "rows-by-source", "every source gets the first row of the steering table",
        Edit("dns/steering/table.cpp", "return static_cast<std::uint16_t>(index);",
             "return static_cast<std::uint16_t>(0 * index);"),
        (DNSD,), ("conformance_dns: Steering.test_roundtable_and_load_give_rows_by_source",),
        r"Items in the second set but not the first"),
    Disabling(
        "altered-index", "the name server raises no priority index: all are at the best one",
        Edit("dns/steering/table_build.cpp",
             "const int level = at_level0 ? kLevel0Preference : kLevel1Preference;",
             "const int level = at_level0 ? kLevel0Preference : kLevel0Preference;"),
        (DNSD,), ("conformance_dns: Steering.test_rotate_gives_each_pair_its_turn",
                  "conformance_dns: Steering.test_roundtable_and_load_give_rows_by_source"),
        r"Items in the (first|second) set but not the"),
    Disabling(
        "mx-table", "the preferences in the table of mail exchanges are ignored",
        Edit("dns/steering/table_build.cpp",
             "entries.push_back({server, table.servers[server].preference});",
             "entries.push_back({server, kLevel0Preference});"),
        (DNSD,), ("conformance_dns: Steering.test_static_gives_what_is_configured",
                  "conformance_dns: Records.test_mx_with_addresses"),
        r"Items in the first set but not the second|Lists differ"),
    Disabling(
        "pinned-index", "an operator's priority index is ignored",
        Edit("dns/steering/override.cpp",
             "effective.pin = static_cast<std::uint16_t>(entry.value);", "effective.pin.reset();"),
        (DNSD,), ("conformance_dns: Steering.test_pin",), r"mail\.test MX \[\(5, 'mail3'\)"),
    Disabling(
        "index-in-table", "the altered index is not written to the table of mail exchanges",
        Edit("dns/control/steering_journal.cpp", "    if (entries.priorities) {",
             "    if (entries.priorities && entries.priorities->rows.empty()) {"),
        (DNSD,), ("conformance_dns: Steering.test_the_trace_of_an_override",),
        r"the priority index"),
    Disabling(
        "access-names", "the name server answers no name of access servers",
        Edit("dns/directory/zone_sources.cpp", "source.steers_access = !domain.access.empty();",
             "source.steers_access = false;"),
        (DNSD,), ("conformance_dns: Records.test_access_servers",
                  "cluster_claims: dns_selects_the_access_server"),
        r"0 != 2|each access server"),
    Disabling(
        "access-selection", "the name server does not look at access servers before it selects",
        Edit("dns/directory/probe_plan.cpp",
             "for (const ProbeCheck& check : checks_for(stated, server, pool)) {",
             "if (pool == PoolName::Access) {\n        return plan;\n    }\n"
             "    for (const ProbeCheck& check : checks_for(stated, server, pool)) {"),
        (DNSD,), ("cluster_claims: dns_selects_the_access_server",), r"access1 leaves the answers"),

    # -- Storing and recording.
    Disabling(
        "mirroring-row", "the row of the mirroring table is ignored",
        Edit("storage/tracking/layout.cpp",
             "table.peers.push_back(StorageServerId(rows[n].uuid(0)));", "(void)rows[n].uuid(0);"),
        (MTAD,), ("cluster_claims: the_mirroring_table_says_where_copies_go",
                  "cluster_claims: a_fax_lies_where_the_mirroring_table_says",
                  "cluster_claims: a_voicemail_lies_where_the_mirroring_table_says"),
        r"from mail1 it lies on \['store1', 'store2'\]"),
    Disabling(
        "own-store", "the accepting server's own storage server is passed over",
        Edit("storage/mirror/placement.cpp", "std::vector<StorageServerId> wanted{table.own};",
             "std::vector<StorageServerId> wanted;"),
        (MTAD,), ("cluster_claims: the_mirroring_table_says_where_copies_go",
                  "cluster_claims: a_fax_lies_where_the_mirroring_table_says",
                  "cluster_claims: a_voicemail_lies_where_the_mirroring_table_says"),
        r"from mail1 it lies on \['store2', 'store3'\]"),
    Disabling(
        "mirror-set", "the mirroring table is not changed",
        Edit("ops/commands/mirror.cpp", "(void)TRY(tx.commit());", ""),
        (COMMAND,), ("cluster_claims: the_mirroring_table_says_where_copies_go",),
        r"the table lists \['mail2'\]"),
    Disabling(
        "catalog-row", "the tracking agent's delivery to the catalog does nothing",
        Edit("storage/catalog/catalog.cpp", '"$25::jsonb)"};', '"$25::jsonb) WHERE false"};'),
        STORAGE, ("cluster_smoke: a_message_is_mirrored_and_read_everywhere",
                  "cluster_claims: each_mail_server_stores_on_several_storage_servers"),
        r"two copies in the catalog|message \S+ in the catalog"),
    Disabling(
        "catalog-stores", "the storage servers of a message are not recorded",
        Edit("storage/catalog/rows.cpp", "for (const ReplicaNote& replica : note.replicas) {",
             "for (const ReplicaNote& replica : std::vector<ReplicaNote>()) {"),
        STORAGE, ("cluster_smoke: a_message_is_mirrored_and_read_everywhere",
                  "cluster_claims: each_mail_server_stores_on_several_storage_servers"),
        r"two copies in the catalog|message \S+ in the catalog"),
    Disabling(
        "email-kind", "an e-mail is not stored as one",
        Edit("mta/acceptance.cpp", "submission.kind = mail.kind;",
             "submission.kind = mail::Kind::Fax;"),
        (MTAD,), ("cluster_claims: an_e_mail_is_stored_as_e_mail",), r"'fax'"),
    Disabling(
        "fax-kind", "a facsimile message is not stored as one",
        Edit("mta/ingest/ingest_protocol.cpp", "header.kind = TRY(mail::parse_kind(kind));",
             'header.kind = TRY(mail::parse_kind(kind == "fax" ? std::string("email") : kind));'),
        (MTAD,), ("cluster_claims: a_fax_lies_where_the_mirroring_table_says",
                  "cluster_ingest: each_kind_by_both_ways"),
        r"^AssertionError: \[\['store1', 'email'|^AssertionError$"),
    Disabling(
        "voicemail-kind", "a voicemail message is not stored as one",
        Edit("mta/ingest/ingest_protocol.cpp", "header.kind = TRY(mail::parse_kind(kind));",
             'header.kind = TRY(mail::parse_kind(kind == "voicemail" ? std::string("email") : '
             'kind));'),
        (MTAD,), ("cluster_claims: a_voicemail_lies_where_the_mirroring_table_says",
                  "cluster_ingest: each_kind_by_both_ways",
                  "cluster_voicemail: a_message_is_swept_once"),
        r"^AssertionError: \[\['store1', 'email'|^AssertionError: \[\]|^AssertionError$"),

    # -- Retrieving.
    Disabling(
        "client-request", "the access server does not know the client's request (FETCH)",
        Edit("access/imap/commands.cpp", '{"FETCH", cmd_fetch', '{"FETCI", cmd_fetch'),
        (ACCESSD,), ("cluster_claims: a_mailbox_is_compiled_from_all_storage_servers",
                     "cluster_smoke: a_message_is_mirrored_and_read_everywhere"),
        r"FETCH command error: BAD"),
    Disabling(
        "locate", "the tracking agent finds no message in the catalog",
        Edit("storage/catalog/catalog.cpp", '"JOIN catalog.message m ON m.id = wanted.id "',
             '"JOIN catalog.message m ON m.id = wanted.id AND false "'),
        (ACCESSD,), ("cluster_claims: a_mailbox_is_compiled_from_all_storage_servers",
                     "cluster_smoke: a_message_is_mirrored_and_read_everywhere"),
        r"messages at access1|AssertionError: \["),
    Disabling(
        "compile", "messages are read from one storage server only",
        Edit("storage/tracking/copy_reader.cpp",
             "if (server != nullptr && place.may_hold(location)) {",
             'if (server != nullptr && server->config().name == "store1" &&\n'
             '            place.may_hold(location)) {'),
        (ACCESSD,), ("cluster_claims: a_mailbox_is_compiled_from_all_storage_servers",),
        r"access1 has 2 of 3"),
    Disabling(
        "peers-stores", "only the first storage server of a message is asked for it",
        Edit("storage/tracking/copy_reader.cpp", "for (const ReplicaPlace& place : replicas) {",
             "for (const ReplicaPlace& place :\n"
             "         replicas.first(std::min<std::size_t>(replicas.size(), 1))) {"),
        (ACCESSD,), ("cluster_claims: messages_are_read_from_a_peer_s_storage_server",),
        r"cannot read it while store1 is away"),
    Disabling(
        "returned", "the tracking agent returns no message to the access server",
        Edit("access/catalog_store.cpp",
             "return agent_.read_message(id, base::Deadline::after(kReadTimeout));",
             '(void)id;\n    return base::Error{base::Errc::Unavailable, "not returned"};'),
        (ACCESSD,), ("cluster_claims: a_mailbox_is_compiled_from_all_storage_servers",
                     "cluster_smoke: a_message_is_mirrored_and_read_everywhere"),
        r"messages at access1|AssertionError: \["),
    Disabling(
        "sent", "the client is sent blanks in the place of its message (IMAP)",
        Edit("access/imap/cmd_fetch.cpp", "session_.send(octets.octets());",
             "session_.send(std::string(octets.octets().size(), ' '));"),
        (ACCESSD,), ("cluster_claims: a_mailbox_is_compiled_from_all_storage_servers",
                     "cluster_smoke: a_message_is_mirrored_and_read_everywhere"),
        r"messages at access1|AssertionError: \["),
    Disabling(
        "none-found", "who has no messages is not told so by the command",
        Edit("ops/commands/message.cpp",
             'return print_rows(context, kList, {account, mailbox, limit}, "no messages");',
             'return print_rows(context, kList, {account, mailbox, limit}, "");'),
        (COMMAND,), ("cluster_no_messages: who_has_none_is_told_so",), r"AssertionError"),
    Disabling(
        "none-exist", "IMAP does not say that there are none",
        Edit("access/imap/cmd_select.cpp",
             'fmt::format_to(line, "* {} EXISTS\\r\\n* {} RECENT\\r\\n", mailbox.told(), '
             'mailbox.count_recent());',
             'if (mailbox.told() > 0) {\n        fmt::format_to(line, "* {} EXISTS\\r\\n* {} '
             'RECENT\\r\\n", mailbox.told(), mailbox.count_recent());\n    }'),
        (ACCESSD,), ("cluster_no_messages: who_has_none_is_told_so",),
        r"IMAP does not say how many there are"),
    Disabling(
        "none-counted", "POP3 does not say that there are none",
        Edit("access/pop3_session.cpp", 'ok(fmt::format("{} {}", count, octets));',
             'if (count > 0) {\n        ok(fmt::format("{} {}", count, octets));\n    } else {\n'
             '        err("not told");\n    }'),
        (ACCESSD,), ("cluster_no_messages: who_has_none_is_told_so",), r"AssertionError"),

    # -- Addresses, senders, viruses, notification.
    Disabling(
        "address-database", "the name server does not look into its database of addresses",
        Edit("dns/internal_answer.cpp",
             "const AccountEntry* const entry = digest ? domain->find(*digest) : nullptr;",
             "const AccountEntry* const entry = digest ? nullptr : domain->find({});"),
        (DNSD,), ("conformance_dns: InternalView.test_verifies_addresses",),
        r"'NXDOMAIN' != 'NOERROR'"),
    Disabling(
        "recipient", "a mail server takes a recipient that the name server does not know",
        Edit("mta/recipient.cpp",
             'return base::Error{base::Errc::NotFound, "the internal view knows no such address"};',
             "return ViewAnswer{1, reply.ttl};"),
        (MTAD,), ("cluster_claims: an_unknown_recipient_is_refused",
                  "cluster_clients: swaks_delivers_and_is_refused"),
        r"takes mail for nobody|AssertionError"),
    Disabling(
        "client-address", "the address of a client is not verified at the name server",
        Edit("access/sign_in.cpp",
             "claim.account.active && !claim.account.password_hash.empty() && owner == "
             "claim.account.id;",
             "claim.account.active && !claim.account.password_hash.empty();"),
        (ACCESSD,), ("cluster_claims: "
                     "a_client_must_have_an_address_that_the_name_server_knows",),
        r"serves a client whose address is unknown"),
    Disabling(
        "virus", "what the scanner found is taken for clean",
        Edit("mta/scan/scan.cpp",
             "ScanVerdict{ScanVerdict::Kind::Infected, reply.value().text, place.identity(), {}};",
             "ScanVerdict{ScanVerdict::Kind::Clean, {}, place.identity(), {}};"),
        (MTAD,), ("cluster_claims: a_virus_is_detected",), r"mail1 took a virus"),
    Disabling(
        "sender-database", "the database of blocked senders is not read",
        Edit("mta/sender.cpp", "entries.push_back(TRY(read_row(row)));",
             "(void)TRY(read_row(row));"),
        (MTAD,), ("cluster_claims: a_blocked_sender_is_refused",), r"550 for a blocked sender"),
    Disabling(
        "sender-comparison", "no sender is found in the database of blocked ones",
        Edit("mta/sender_list.cpp", "const auto found = index_.find(index_key(key));",
             "const auto found = key.text.empty() ? index_.find(index_key(key)) : index_.end();"),
        (MTAD,), ("cluster_claims: a_blocked_sender_is_refused",), r"550 for a blocked sender"),
    Disabling(
        "sender-blocking", "a sender that is found there is not blocked",
        Edit("mta/sender.cpp",
             'return base::Error{base::Errc::Refused, "sender_block " + std::to_string(id)};',
             "return base::Done{};"),
        (MTAD,), ("cluster_claims: a_blocked_sender_is_refused",), r"550 for a blocked sender"),
    Disabling(
        "wish", "it is not determined what a client wishes to be told of",
        Edit("schema/0022_directory_notification.sql",
             "AND directory.wild_match(n.sender, lower((e).sender)))", "AND true)"),
        (COMMAND,), ("cluster_claims: who_wishes_to_be_notified_is",), r"AssertionError: \["),
    Disabling(
        "notice", "nobody is notified",
        Edit("mta/notify/notifier.cpp",
             "const bool more = running < kNoticeWorkers && claim();",
             "const bool more = running > kNoticeWorkers && claim();"),
        (MTAD,), ("cluster_claims: who_wishes_to_be_notified_is",), r"a notice"),
]

BY_NAME = {disabling.name: disabling for disabling in ALL}
