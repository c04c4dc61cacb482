#include "mta/scan/clamd_stream.h"

#include <chrono>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using base::Errc;
using Kind = mta::ClamdReply::Kind;
using namespace std::chrono_literals;
using namespace std::string_literals;

base::Deadline soon() {
    return base::Deadline::after(5s);
}

base::MemoryStream peer(const std::string& answer) {
    return base::MemoryStream(answer, mta::ClamdStream::limits());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clamd_stream)

BOOST_AUTO_TEST_CASE(sends_chunks_behind_their_lengths) {
    base::MemoryStream stream("stream: OK\0"s, mta::ClamdStream::limits());
    mta::ClamdStream clamd(stream);
    BOOST_REQUIRE(clamd.begin());
    BOOST_TEST(!clamd.room(soon()).value());
    BOOST_REQUIRE(clamd.put("hello"));
    BOOST_TEST(!clamd.room(soon()).value());
    BOOST_REQUIRE(clamd.put(std::string(65'536, 'x')));
    BOOST_TEST(!clamd.room(soon()).value());
    BOOST_TEST((clamd.finish(soon()).value().kind == Kind::Clean));
    BOOST_TEST(stream.output() == "zINSTREAM\0\0\0\0\5hello\0\1\0\0"s + std::string(65'536, 'x'));
    // The end is sent before anybody waits; here the reply was there already.
    BOOST_REQUIRE(stream.flush(soon()));
    BOOST_TEST(stream.output().ends_with("xx\0\0\0\0"s));
}

BOOST_AUTO_TEST_CASE(takes_a_reply_in_any_pieces) {
    for (std::size_t piece = 1; piece <= 12; ++piece) {
        base::MemoryStream stream = peer("");
        stream.push_input("stream: Some.Name FOUND\0"s);
        stream.set_fill_max(piece);
        const auto reply = mta::ClamdStream(stream).finish(soon());
        BOOST_REQUIRE(reply);
        BOOST_TEST((reply.value().kind == Kind::Infected));
        BOOST_TEST(reply.value().text == "Some.Name");
    }
}

BOOST_AUTO_TEST_CASE(a_reply_that_was_cut_is_no_verdict) {
    base::MemoryStream cut = peer("stream: OK");
    const auto reply = mta::ClamdStream(cut).finish(soon());
    BOOST_REQUIRE(!reply);
    BOOST_TEST((reply.error().code == Errc::Closed));
    base::MemoryStream silent = peer("");
    silent.set_at_end(base::MemoryStream::AtEnd::Open);
    BOOST_TEST((mta::ClamdStream(silent).finish(soon()).error().code == Errc::Timeout));
}

BOOST_AUTO_TEST_CASE(an_endless_reply_is_refused) {
    base::MemoryStream stream = peer(std::string(100'000, 'x'));
    const auto reply = mta::ClamdStream(stream).finish(soon());
    BOOST_REQUIRE(!reply);
    BOOST_TEST((reply.error().code == Errc::Invalid));
}

BOOST_AUTO_TEST_CASE(each_command_wants_its_own_answer) {
    base::MemoryStream pong = peer("PONG\0"s);
    BOOST_TEST(bool(mta::ClamdStream(pong).ping(soon())));
    base::MemoryStream verdict = peer("stream: OK\0"s);
    BOOST_TEST((mta::ClamdStream(verdict).ping(soon()).error().code == Errc::Invalid));
    base::MemoryStream late_pong = peer("PONG\0"s);
    BOOST_TEST((mta::ClamdStream(late_pong).finish(soon()).error().code == Errc::Invalid));
    base::MemoryStream version = peer("ClamAV 1.4.6\0"s);
    BOOST_TEST(mta::ClamdStream(version).version(soon()).value() == "ClamAV 1.4.6");
}

BOOST_AUTO_TEST_SUITE_END()
