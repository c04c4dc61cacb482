// A message whose body is a segment: a copy of the very segment that it goes into, and frames made
// for the places where they will lie. The frame around it is damaged on every copy, so that whoever
// looks for the next good frame walks through its body. Nothing of it may be taken for a frame.

#include <array>
#include <cstdio>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "storage/segment/frame_codec.h"
#include "storage/segment/little_endian.h"
#include "storage/tracking/agent.h"
#include "storage/tracking/catch_up.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

constexpr std::uint8_t kForgedNumber = 200;

// A frame for that place, right in all but, perhaps, its salt.
Bytes forge(FrameHead head, const FrameInput& parts, const Salt& salt, std::uint64_t offset) {
    Bytes frame(format::kFrameHeaderSize);
    for (const std::string& part : {parts.envelope, parts.summary, parts.message}) {
        const auto bytes = base::as_bytes(part);
        frame.insert(frame.end(), bytes.begin(), bytes.end());
    }
    head.envelope_size = static_cast<std::uint32_t>(parts.envelope.size());
    head.summary_size = static_cast<std::uint32_t>(parts.summary.size());
    head.message_size = static_cast<std::uint32_t>(parts.message.size());
    head.octets = head.message_size;
    head.id = parts.id;
    head.server = parts.server;
    frame.resize(static_cast<std::size_t>(aligned(frame.size())));
    head.size = static_cast<std::uint32_t>(frame.size());
    head.payload_crc = base::crc32c(std::span(frame).subspan(format::kFrameHeaderSize));
    put_frame_head(head, salt, offset, frame);
    return frame;
}

// What the second reader, which knows the page and not the code, finds in a file.
std::string read_by_second_reader(const std::string& path) {
    const std::string command = std::string("python3 ") + SOURCE_DIR +
                                "/test/conformance/segment_reader.py " + path + " 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    BOOST_REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> chunk{};
    while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
        output.append(chunk.data(), size);
    }
    (void)::pclose(pipe);  // 1: it found damage, as it should
    return output;
}

class ForgedFixture : public ClusterFixture {
  public:
    ForgedFixture() {
        options.server = "a";
        options.database = conninfo("roundtable_mtad");
        options.state_dir = state.path();
        options.helper_program = helper_program();
        options.layout_poll = milliseconds(50);
        options.catalog_deadline = milliseconds(300);
    }

    // Runs the body as a fiber beside an agent that is killed then.
    void with_agent(const std::function<void(TrackingAgent&)>& body) {
        auto loop = base::Loop::create("agent");
        BOOST_REQUIRE(loop);
        auto agent = TrackingAgent::create(*loop.value(), options);
        BOOST_REQUIRE_MESSAGE(agent, why(agent));
        agent.value()->start();
        BOOST_REQUIRE(base::spawn(*loop.value(), "test", [&] {
            BOOST_REQUIRE(
                eventually([&] { return agent.value()->health().mirror.stores_healthy == 3U; }));
            body(*agent.value());
            loop.value()->stop();
        }));
        loop.value()->run();
    }

    Receipt store(TrackingAgent& agent, std::string text) {
        Submission submission;
        submission.envelope.sender = "sender@elsewhere.test";
        submission.envelope.recipients = {to(ann)};
        submission.message = std::move(text);
        auto receipt = agent.store(std::move(submission), in(10'000));
        BOOST_REQUIRE_MESSAGE(receipt, why(receipt));
        segment = receipt.value().location.segment;
        genuine.insert(receipt.value().id);
        return std::move(receipt).take_value();
    }

    // A message that begins at `at` in the file: the copy, then mail for bob, an abort of
    // `victim`, and a seal that lists the mail and ends as a sealed file does.
    [[nodiscard]] std::string forgery(std::uint64_t at,
                                      const Salt& salt,
                                      const Bytes& copy,
                                      const Receipt& victim) const {
        std::string text = "Subject: forged\r\n\r\n";
        const auto append = [&](const Bytes& bytes) { text += base::as_text(bytes); };
        text.append(static_cast<std::size_t>(aligned(at + text.size()) - at - text.size()), '.');
        append(copy);

        Seal seal;
        FrameHead head;
        head.kind = static_cast<std::uint8_t>(mail::Kind::Email);
        const FrameInput mail = make_mail(kForgedNumber, bob, "Subject: forged\r\n\r\nfor bob\r\n");
        const Bytes frame = forge(head, mail, salt, at + text.size());
        seal.index = {{FrameType::Message,
                       mail::Kind::Email,
                       at + text.size(),
                       static_cast<std::uint32_t>(frame.size()),
                       mail.id}};
        append(frame);

        FrameInput abort;
        abort.id = victim.id;
        abort.message.resize(format::kAbortSize);
        std::memcpy(abort.message.data() + format::kAbortSegmentAt,
                    victim.location.segment.bytes().data(),
                    victim.location.segment.bytes().size());
        store_le<std::uint64_t>(
            reinterpret_cast<std::byte*>(abort.message.data()) + format::kAbortOffsetAt,
            victim.location.offset);
        head = FrameHead();
        head.type = FrameType::Abort;
        append(forge(head, abort, salt, at + text.size()));

        SegmentHeader header = decode_header(copy).value().header;
        header.salt = salt;
        seal.data_size = at + text.size();
        seal.file_size = sealed_size(seal.data_size, seal.index.size());
        append(encode_seal(header, seal).value());
        return text;
    }

    [[nodiscard]] std::string file_on(std::uint8_t store, std::uint32_t generation = 1) const {
        return stores.path_of(store, {segment, generation});
    }

    // Stores forgeries until one lies where it was made for; that one.
    Receipt store_forgery(TrackingAgent& agent, const std::function<Salt(const Salt&)>& salt) {
        const Receipt first = store(agent, "Subject: first\r\n\r\nfirst\r\n");
        const Bytes copy = file_bytes(file_on(1));
        const Salt guess = salt(decode_header(copy).value().header.salt);
        std::uint64_t offset = copy.size();
        std::uint64_t before = 0;  // envelope and summary
        for (int attempt = 0; attempt < 8; ++attempt) {
            const std::uint64_t at = offset + format::kFrameHeaderSize + before;
            const Receipt stored = store(agent, forgery(at, guess, copy, first));
            BOOST_REQUIRE(stored.location.segment == first.location.segment);
            BOOST_REQUIRE(stored.location.offset == offset);
            const Bytes file = file_bytes(file_on(1));
            const std::byte* head = file.data() + offset;
            const std::uint64_t is = load_le<std::uint32_t>(head + format::kFrameEnvelopeSizeAt) +
                                     load_le<std::uint32_t>(head + format::kFrameSummarySizeAt);
            if (is == before) {
                return stored;
            }
            before = is;
            offset = stored.location.offset + stored.location.length;
        }
        BOOST_FAIL("no forgery lies where it was made for");
        return {};
    }

    // Damages the frame on every copy: in its head, so that a replay walks through the body.
    void damage(const Receipt& stored, std::uint64_t by) {
        for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2, 3}) {
            if (std::filesystem::exists(file_on(store))) {
                spoil(file_on(store), stored.location.offset + by);
            }
        }
        genuine.erase(stored.id);
    }

    static std::set<mail::MessageId> ids_of(const std::vector<IndexEntry>& frames) {
        std::set<mail::MessageId> ids;
        for (const IndexEntry& frame : frames) {
            ids.insert(frame.id);
        }
        BOOST_TEST(ids.size() == frames.size());
        return ids;
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
        check_catalog();
    }

    void check_catalog() {
        BOOST_TEST(in_inbox(ann) == std::to_string(genuine.size()));
        BOOST_TEST(in_inbox(bob) == "0");
        BOOST_TEST(value("SELECT count(*) FROM catalog.message") == std::to_string(genuine.size()));
        BOOST_TEST(value("SELECT count(*) FROM catalog.aborted") == "0");
    }

    // Each reader, the tracker, and the writer's successor find what is genuine and no more.
    void check_readers() {
        for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
            const auto found = replay(file_bytes(file_on(store)));
            BOOST_REQUIRE(found);
            BOOST_CHECK(ids_of(found.value().frames) == genuine);
            BOOST_TEST(!found.value().seal.has_value());
            BOOST_TEST(found.value().aborts.empty());
            check_second_reader(file_on(store), "\"sealed\": false");
        }
        tell(decode_header(file_bytes(file_on(1))).value().header);
        catch_up();
        BOOST_TEST(state_of(segment) == "open");
        with_agent([&](TrackingAgent& agent) {
            BOOST_REQUIRE(
                eventually([&] { return state_of(segment) == "sealed"; }, milliseconds(30'000)));
            for (const mail::MessageId& id : genuine) {
                BOOST_CHECK(agent.read_message(id, in(5'000)));
            }
            BOOST_CHECK(code_of(agent.read_message(message_id(kForgedNumber), in(5'000))) ==
                        base::Errc::NotFound);
        });
        for (const std::uint8_t store : std::vector<std::uint8_t>{1, 2}) {
            const auto sealed = replay(file_bytes(file_on(store, 2)));
            BOOST_REQUIRE(sealed);
            BOOST_REQUIRE(sealed.value().seal);
            BOOST_CHECK(ids_of(sealed.value().seal->index) == genuine);
            check_second_reader(file_on(store, 2), "\"sealed\": true");
        }
        catch_up();
    }

    void check_second_reader(const std::string& path, const std::string& state_of_file) {
        const std::string read = read_by_second_reader(path);
        BOOST_TEST(read.find(state_of_file) != std::string::npos, read);
        BOOST_TEST(read.find(message_id(kForgedNumber).text()) == std::string::npos, read);
        BOOST_TEST(read.find("\"abort\"") == std::string::npos, read);
        BOOST_TEST(
            read.find("\"frames\": " + std::to_string(genuine.size()) + ",") != std::string::npos,
            read);
    }

    // A forger knows everything but the salt.
    static Salt another(const Salt& salt) {
        Salt guess = salt;
        guess[0] ^= std::byte{1};
        return guess;
    }

    TempDir state;
    AgentOptions options;
    SegmentId segment;
    std::set<mail::MessageId> genuine;  // stored, and not damaged since
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_forged_segment, ForgedFixture)

BOOST_AUTO_TEST_CASE(a_segment_in_a_message_behind_a_bad_head_is_not_taken_for_frames) {
    Receipt forged;
    with_agent([&](TrackingAgent& agent) {
        take_database_away();
        forged = store_forgery(agent, another);
        (void)store(agent, "Subject: last\r\n\r\nlast\r\n");
    });
    wake_database();
    damage(forged, 0);
    check_readers();
}

BOOST_AUTO_TEST_CASE(nor_in_a_bad_frame_with_a_good_head) {
    Receipt forged;
    with_agent([&](TrackingAgent& agent) {
        take_database_away();
        forged = store_forgery(agent, another);
        (void)store(agent, "Subject: last\r\n\r\nlast\r\n");
    });
    wake_database();
    damage(forged, format::kFrameHeaderSize);
    check_readers();
}

// The file ends as a sealed one does.
BOOST_AUTO_TEST_CASE(nor_its_seal_at_the_end_of_the_file) {
    Receipt forged;
    with_agent([&](TrackingAgent& agent) {
        take_database_away();
        forged = store_forgery(agent, another);
    });
    wake_database();
    const Bytes file = file_bytes(file_on(1));
    BOOST_REQUIRE(seal_offset(file));
    check_readers();
}

BOOST_AUTO_TEST_CASE(nor_its_seal_at_the_end_of_the_file_behind_a_bad_head) {
    Receipt forged;
    with_agent([&](TrackingAgent& agent) {
        take_database_away();
        forged = store_forgery(agent, another);
    });
    wake_database();
    damage(forged, 0);
    BOOST_REQUIRE(seal_offset(file_bytes(file_on(1))));
    check_readers();
}

// That the forgeries above are right in all else.
BOOST_AUTO_TEST_CASE(the_salt_is_what_keeps_them_out) {
    Receipt forged;
    with_agent([&](TrackingAgent& agent) {
        forged = store_forgery(agent, [](const Salt& salt) { return salt; });
    });
    const Bytes whole = file_bytes(file_on(1));
    BOOST_CHECK(ids_of(replay(whole).value().frames) == genuine);
    damage(forged, 0);
    const auto taken = replay(file_bytes(file_on(1)));
    BOOST_REQUIRE(taken);
    BOOST_TEST(taken.value().seal.has_value());
    BOOST_TEST(taken.value().aborts.size() == 1U);
    BOOST_TEST(ids_of(taken.value().seal->index).contains(message_id(kForgedNumber)));
    BOOST_TEST(read_by_second_reader(file_on(1)).find(message_id(kForgedNumber).text()) !=
               std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
