#include "storage/tracking/agent.h"

#include <boost/test/unit_test.hpp>

#include "base/metrics.h"
#include "storage/tracking/catch_up.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class AgentFixture : public ClusterFixture {
  public:
    AgentFixture() {
        options.server = "a";
        options.database = conninfo("roundtable_mtad");
        options.state_dir = state.path();
        options.helper_program = helper_program();
        options.layout_poll = milliseconds(50);
    }

    enum class End { Shutdown, Killed };  // killed: nothing is sealed, nothing said to the journal

    // Runs the body as a fiber beside an agent, on a loop of its own, as a daemon does.
    void with(End end, const std::function<void(base::Loop&, TrackingAgent&)>& body) {
        auto loop = base::Loop::create("agent");
        BOOST_REQUIRE(loop);
        auto agent = TrackingAgent::create(*loop.value(), options);
        BOOST_REQUIRE_MESSAGE(agent, why(agent));
        agent.value()->start();
        BOOST_REQUIRE(base::spawn(*loop.value(), "test", [&] {
            body(*loop.value(), *agent.value());
            if (end == End::Shutdown) {
                agent.value()->shutdown(in(10'000));
            }
            loop.value()->stop();
        }));
        loop.value()->run();
    }

    static void wait_until_fit(TrackingAgent& agent) {
        BOOST_REQUIRE(eventually([&] { return agent.health().mirror.fit; }));
    }

    // All three servers answer their probes.
    static void settle(TrackingAgent& agent) {
        wait_until_fit(agent);
        BOOST_REQUIRE(eventually([&] { return agent.health().mirror.stores_healthy == 3U; }));
    }

    Submission mail(std::int64_t account, const std::string& text) const {
        Submission submission;
        submission.envelope.sender = "sender@elsewhere.test";
        submission.envelope.recipients = {to(account)};
        submission.message = "Subject: " + text + "\r\n\r\n" + text + "\r\n";
        return submission;
    }

    base::Result<Receipt> store(TrackingAgent& agent,
                                std::int64_t account,
                                const std::string& text) {
        return agent.store(mail(account, text), in(10'000));
    }

    // What a tracker does about it, once.
    void catch_up() {
        base::DbPool pool(conninfo("roundtable_trackerd"), "test", {1, 16, {}});
        run_in_fiber([&](base::Loop& loop) {
            Servers servers(loop, stores);
            CatchUp tracker(
                servers.set,
                pool,
                {"t", milliseconds(0), milliseconds(0), 8, 256, std::chrono::seconds(60)});
            BOOST_REQUIRE(tracker.run_once());
        });
    }

    // Frames with this id on all stores, by type.
    std::size_t count_frames(const mail::MessageId& id, FrameType type) {
        std::size_t count = 0;
        for (std::uint8_t store = 1; store <= 3; ++store) {
            for (const auto& [name, path] : stores.files(store)) {
                const auto found = replay(file_bytes(path));
                for (const IndexEntry& entry :
                     found ? found.value().frames : std::vector<IndexEntry>()) {
                    count += entry.id == id && entry.type == type ? 1U : 0U;
                }
            }
        }
        return count;
    }

    TempDir state;
    AgentOptions options;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_agent, AgentFixture)

// Small ones and those that a worker deals with.
BOOST_AUTO_TEST_CASE(messages_are_compressed_if_the_cluster_says_so) {
    sql("UPDATE directory.cluster SET compression = 'zstd'");
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        for (const std::size_t size : {std::size_t{10'000}, std::size_t{300'000}}) {
            Submission large = mail(ann, "large");
            large.message += std::string(size, 'z');
            const std::string text = large.message;
            const auto receipt = agent.store(std::move(large), in(10'000));
            BOOST_REQUIRE_MESSAGE(receipt, why(receipt));
            BOOST_TEST(receipt.value().location.length < size / 2);
            const auto message = agent.read_message(receipt.value().id, in(5'000));
            BOOST_REQUIRE_MESSAGE(message, why(message));
            BOOST_CHECK(*message.value() == text);
        }
    });
    BOOST_TEST(value("SELECT max(size) FROM catalog.mailbox_message") ==
               std::to_string(mail(ann, "large").message.size() + 300'000));
}

BOOST_AUTO_TEST_CASE(a_stored_message_is_durable_twice_catalogued_and_readable) {
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        const auto receipt = store(agent, ann, "one");
        BOOST_REQUIRE_MESSAGE(receipt, why(receipt));
        BOOST_TEST(receipt.value().copies == 2U);
        BOOST_CHECK(receipt.value().catalog == CatalogState::Catalogued);
        BOOST_REQUIRE(receipt.value().placed.size() == 1U);
        BOOST_TEST(receipt.value().placed[0].uid == 1U);
        BOOST_TEST(in_inbox(ann) == "1");
        BOOST_TEST(count_frames(receipt.value().id, FrameType::Message) == 2U);
        BOOST_TEST(*agent.read_message(receipt.value().id, in(5'000)).value() ==
                   mail(ann, "one").message);
        const auto summary = agent.read_summary(receipt.value().id, in(5'000));
        BOOST_REQUIRE(summary);
        BOOST_TEST(agent.health().catalog_available);
    });
    BOOST_TEST(value("SELECT state FROM catalog.segment") == "sealed");
    BOOST_TEST(value("SELECT count(*) FROM catalog.copy_owed") == "0");
}

BOOST_AUTO_TEST_CASE(a_definite_refusal_has_a_durable_abort_frame_before_its_answer) {
    with(End::Killed, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        sql("UPDATE directory.account SET quota_bytes = 10 WHERE id = $1", {ann});
        BOOST_CHECK(code_of(store(agent, 999, "x")) == base::Errc::NotFound);
        BOOST_CHECK(code_of(store(agent, ann, "x")) == base::Errc::Refused);
        // The answer is here: so are both abort frames, on both stores.
        std::size_t aborts = 0;
        for (const std::uint8_t number : std::vector<std::uint8_t>{1, 2}) {
            for (const auto& [name, path] : stores.files(number)) {
                aborts += replay(file_bytes(path)).value().aborts.size();
            }
        }
        BOOST_TEST(aborts == 4U);
    });
    catch_up();
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "0");
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") == "0");
}

BOOST_AUTO_TEST_CASE(a_refusal_without_its_abort_frame_is_temporary) {
    options.abort_deadline = milliseconds(1);
    with(End::Killed, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        hang_deliveries();
        base::Completion<Receipt> done;
        BOOST_REQUIRE(base::spawn(
            *base::Loop::current(), "store", [&, done] { done.fulfil(store(agent, 999, "x")); }));
        BOOST_REQUIRE(eventually([&] { return are_hanging(); }));
        // Nobody takes the abort frame.
        for (std::uint8_t n = 1; n <= 3; ++n) {
            std::filesystem::remove(stores.root(n) + "/roundtable-store");
        }
        BOOST_REQUIRE(eventually([&] { return agent.health().mirror.stores_healthy == 0U; }));
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            // The helpers of this agent: files that are open would still take it.
            const std::string words = file_text(entry.path().string() + "/cmdline");
            if (words.find("roundtable-path-helper") != std::string::npos &&
                words.find("roundtable-store-") != std::string::npos &&
                (words.find(stores.root(1)) != std::string::npos ||
                 words.find(stores.root(2)) != std::string::npos)) {
                (void)::kill(std::stoi(entry.path().filename()), SIGKILL);
            }
        }
        wake_database();
        BOOST_CHECK(code_of(done.await(in(30'000))) == base::Errc::Unavailable);
        BOOST_TEST(value("SELECT count(*) FROM catalog.aborted") == "0");
    });
}

BOOST_AUTO_TEST_CASE(no_answer_of_the_catalog_in_time_is_250_and_caught_up_once) {
    options.catalog_deadline = milliseconds(300);
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        hang_deliveries();
        const auto receipt = store(agent, ann, "one");
        BOOST_REQUIRE(receipt);
        BOOST_CHECK(receipt.value().catalog == CatalogState::ToBeCatalogued);
        BOOST_TEST(receipt.value().placed.empty());
        BOOST_TEST(receipt.value().copies == 2U);
        // Our own message is read although the catalog does not know it.
        BOOST_TEST(*agent.read_message(receipt.value().id, in(5'000)).value() ==
                   mail(ann, "one").message);
        BOOST_TEST(!agent.health().catalog_available);
        wake_database();
        BOOST_REQUIRE(eventually([&] { return in_inbox(ann) == "1"; }));
    });
    catch_up();
    BOOST_TEST(in_inbox(ann) == "1");
    BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message") == "1");
}

BOOST_AUTO_TEST_CASE(killed_with_the_catalog_away_a_successor_and_a_tracker_find_all_once) {
    std::set<std::string> acknowledged;
    options.catalog_deadline = milliseconds(300);
    with(End::Killed, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        take_database_away();
        for (int n = 0; n < 5; ++n) {
            const auto receipt = store(agent, ann, std::to_string(n));
            BOOST_REQUIRE(receipt);
            BOOST_CHECK(receipt.value().catalog == CatalogState::ToBeCatalogued);
            acknowledged.insert(receipt.value().id.text());
        }
    });
    BOOST_TEST(in_inbox(ann) == "0");
    wake_database();
    with(End::Shutdown, [&](base::Loop&, TrackingAgent&) {
        // It seals what its predecessor left, and tells the catalog of it.
        BOOST_REQUIRE(
            eventually([&] { return value("SELECT state FROM catalog.segment") == "sealed"; },
                       milliseconds(30'000)));
    });
    catch_up();
    catch_up();
    BOOST_TEST(in_inbox(ann) == "5");
    std::set<std::string> found;
    for (const base::Row row : sql("SELECT message_id::text FROM catalog.mailbox_message")) {
        found.insert(row.string(0));
    }
    BOOST_CHECK(found == acknowledged);
    BOOST_TEST(value("SELECT count(*) FROM catalog.copy_owed") == "0");
}

BOOST_AUTO_TEST_CASE(a_lost_journal_is_made_up_for_from_the_catalog) {
    SegmentId left;
    with(End::Killed, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        left = store(agent, ann, "x").value().location.segment;
    });
    std::ofstream(state / "segments-agent/journal", std::ios::trunc);
    with(End::Shutdown, [&](base::Loop&, TrackingAgent&) {
        BOOST_REQUIRE(eventually([&] { return state_of(left) == "sealed"; }, milliseconds(30'000)));
    });
}

BOOST_AUTO_TEST_CASE(another_servers_open_segment_of_the_same_name_is_left_alone) {
    SegmentHeader header = make_header();
    header.writer = "a";
    header.writer_id = MailServerId(uuid_of(2, 77));
    header.boot_epoch = 0;
    SegmentBuilder segment(header);
    put(1, segment.id(), segment.bytes);
    put(2, segment.id(), segment.bytes);
    tell(header);
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        BOOST_REQUIRE(store(agent, ann, "x"));
        BOOST_TEST(
            !eventually([&] { return state_of(segment.id()) != "open"; }, milliseconds(500)));
    });
    BOOST_TEST(file_text(state / "segments-agent/journal").find(segment.id().text()) ==
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(fewer_than_min_copies_is_temporary) {
    sql("UPDATE directory.storage_server SET state = 'retired' WHERE name = 's3'");
    std::filesystem::remove(stores.root(2) + "/roundtable-store");
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        BOOST_REQUIRE(eventually([&] { return agent.health().mirror.stores_healthy == 1U; }));
        const auto refused = store(agent, ann, "x");
        BOOST_CHECK(code_of(refused) == base::Errc::Unavailable);
        BOOST_TEST(!agent.health().mirror.fit);
        BOOST_TEST(stores.files(1).empty());
    });
    BOOST_TEST(value("SELECT count(*) FROM catalog.message") == "0");
}

BOOST_AUTO_TEST_CASE(degraded_acceptance_raises_an_alarm) {
    sql("UPDATE directory.cluster SET accept_degraded = true");
    sql("UPDATE directory.storage_server SET state = 'retired' WHERE name = 's3'");
    std::filesystem::remove(stores.root(2) + "/roundtable-store");
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        BOOST_REQUIRE(eventually([&] { return agent.health().mirror.fit; }));
        const auto receipt = store(agent, ann, "x");
        BOOST_REQUIRE(receipt);
        BOOST_TEST(receipt.value().degraded);
        BOOST_TEST(receipt.value().copies == 1U);
        BOOST_REQUIRE(eventually([&] {
            return value("SELECT severity FROM directory.event WHERE kind = 'degraded'") == "alarm";
        }));
        BOOST_TEST(value("SELECT s.name || ' ' || o.reason FROM catalog.copy_owed o "
                         "JOIN directory.storage_server s ON s.id = o.storage_server_id")
                       .starts_with("s2 unhealthy"));
    });
}

BOOST_AUTO_TEST_CASE(a_store_that_drains_gets_nothing_new_and_is_owed_nothing) {
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        const auto before = store(agent, ann, "before");
        BOOST_REQUIRE(before);
        sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 's2'");
        BOOST_REQUIRE(eventually([&] {
            const auto receipt = store(agent, ann, "after");
            return receipt && receipt.value().location.segment != before.value().location.segment;
        }));
        BOOST_TEST(stores.files(3).size() == 1U);
        BOOST_TEST(*agent.read_message(before.value().id, in(5'000)).value() ==
                   mail(ann, "before").message);
    });
    BOOST_TEST(value("SELECT count(*) FROM catalog.copy_owed") == "0");
}

BOOST_AUTO_TEST_CASE(a_bad_copy_is_not_served_and_a_suspicion_is_filed) {
    Receipt receipt;
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        receipt = store(agent, ann, "good").value();
    });
    for (const std::uint8_t bad : std::vector<std::uint8_t>{1, 2}) {
        const std::string path = stores.path_of(bad, {receipt.location.segment, 1});
        const Bytes whole = file_bytes(path);
        spoil(path, receipt.location.offset + receipt.location.length - 20);
        with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
            settle(agent);
            BOOST_TEST(*agent.read_message(receipt.id, in(5'000)).value() ==
                       mail(ann, "good").message);
        });
        put_file(path, whole);
    }
    // Whichever was asked first was the bad one once.
    BOOST_TEST(value("SELECT count(*) FROM catalog.segment_replica WHERE state = 'suspect'") !=
               "0");
}

BOOST_AUTO_TEST_CASE(what_was_located_is_read_while_the_catalog_is_away) {
    mail::MessageId located;
    mail::MessageId other;
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        located = store(agent, ann, "located").value().id;
        other = store(agent, ann, "other").value().id;
    });
    with(End::Killed, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        const std::vector<mail::MessageId> ids{located};
        BOOST_REQUIRE(agent.locate_ahead(ids, in(5'000)));
        take_database_away();
        BOOST_TEST(*agent.read_message(located, in(5'000)).value() == mail(ann, "located").message);
        BOOST_CHECK(code_of(agent.read_message(other, in(500))) == base::Errc::Unavailable);
        wake_database();
        const auto unknown = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
        BOOST_REQUIRE(eventually(
            [&] { return code_of(agent.read_message(unknown, in(500))) == base::Errc::NotFound; }));
    });
}

BOOST_AUTO_TEST_CASE(what_cannot_be_stored_is_said_before_anything_is_written) {
    with(End::Shutdown, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        Submission nobody = mail(ann, "x");
        nobody.envelope.recipients.clear();
        BOOST_CHECK(code_of(agent.store(nobody, in(5'000))) == base::Errc::Invalid);
        Submission huge = mail(ann, "x");
        huge.message.assign(format::kMessageSizeMax + 1, 'x');
        BOOST_CHECK(code_of(agent.store(std::move(huge), in(5'000))) == base::Errc::TooLarge);
        agent.shutdown(in(5'000));
        BOOST_CHECK(code_of(store(agent, ann, "x")) == base::Errc::Cancelled);
        BOOST_CHECK(code_of(agent.read_message(mail::MessageId(), in(1'000))) ==
                    base::Errc::Cancelled);
    });
    BOOST_TEST(stores.files(1).empty());
}

BOOST_AUTO_TEST_CASE(one_agent_has_a_state_directory) {
    with(End::Shutdown, [&](base::Loop& loop, TrackingAgent&) {
        BOOST_CHECK(code_of(TrackingAgent::create(loop, options)) == base::Errc::Busy);
    });
    options.server = "c";
    auto loop = base::Loop::create("agent");
    BOOST_CHECK(code_of(TrackingAgent::create(*loop.value(), options)) == base::Errc::NotFound);
    options.role = ServerRole::Tracker;
    BOOST_CHECK(code_of(TrackingAgent::create(*loop.value(), options)) == base::Errc::Invalid);
}

BOOST_AUTO_TEST_CASE(paths_and_mirror_are_shown_on_the_admin_port) {
    base::Gauge& fit = base::gauge("roundtable_mirror_fit", "", {{"folder", "storage"}});
    base::Gauge& state_of_path =
        base::gauge("roundtable_storage_path_state",
                    "",
                    {{"folder", "storage"}, {"store", "s1"}, {"path", "s1-1"}});
    fit.set(-7);
    state_of_path.set(-7);
    with(End::Killed, [&](base::Loop&, TrackingAgent& agent) {
        settle(agent);
        BOOST_TEST(eventually([&] { return fit.value() == 1 && state_of_path.value() == 2; }));
    });
}

BOOST_AUTO_TEST_CASE(many_messages_share_writes_and_statements) {
    with(End::Shutdown, [&](base::Loop& loop, TrackingAgent& agent) {
        settle(agent);
        BOOST_REQUIRE(store(agent, ann, "first"));
        int stored = 0;
        for (int n = 0; n < 200; ++n) {
            BOOST_REQUIRE(base::spawn(loop, "store", [&, n] {
                const auto receipt = store(agent, n % 2 == 0 ? ann : bob, std::to_string(n));
                stored += receipt && receipt.value().catalog == CatalogState::Catalogued ? 1 : 0;
            }));
        }
        BOOST_REQUIRE(eventually([&] { return stored == 200; }, milliseconds(30'000)));
        BOOST_TEST(in_inbox(ann) == "101");
        BOOST_TEST(in_inbox(bob) == "100");
        BOOST_TEST(value("SELECT max(sequence) - min(sequence) < 40 FROM catalog.commit_mark") ==
                   "t");
    });
}

BOOST_AUTO_TEST_SUITE_END()
