#include "dns/explain/chaos_reply.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/explain/chaos_answer.h"
#include "dns/wire.h"

using dns::explain::Format;

namespace {

// A query as the client makes them, and what a name server makes of it.
struct World {
    World() {
        using namespace std::string_view_literals;
        query = "\x12\x34\0\0\0\1\0\0\0\0\0\0"sv;
        query += "\7explain\4mail\4test\0"sv;
        query += "\0\x10\0\3"sv;
    }

    std::string reply(const std::vector<std::string>& lines) const {
        dns::Query parsed;
        BOOST_REQUIRE(dns::parse_query(base::as_bytes(query), parsed) ==
                      dns::QueryOutcome::RefusedClass);
        std::vector<std::byte> out(dns::kMessageMax);
        const std::size_t size =
            dns::explain::reply_lines(parsed, base::as_bytes(query), lines, out);
        return std::string(base::as_text(std::span(out).first(size)));
    }

    base::Errc refused(const std::string& packet, Format format = Format::Text) const {
        const auto read = dns::explain::read_chaos_reply(query, packet, format);
        BOOST_REQUIRE(!read);
        return read.error().code;
    }

    std::string query;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(chaos_reply, World)

BOOST_AUTO_TEST_CASE(records_become_lines) {
    const auto read =
        dns::explain::read_chaos_reply(query, reply({"one", "", "three"}), Format::Text);
    BOOST_REQUIRE(read);
    BOOST_TEST(read.value() == "one\n\nthree\n");
    BOOST_TEST(dns::explain::read_chaos_reply(query, reply({"{}"}), Format::Json).take_value() ==
               "{}\n");
}

BOOST_AUTO_TEST_CASE(errors_of_the_other_side_are_errors) {
    BOOST_CHECK(refused(reply({"error: there is no domain x.test"})) == base::Errc::NotFound);
    BOOST_CHECK(refused(reply({"error: nothing yet"})) == base::Errc::Unavailable);
    std::string no = query;
    no[2] = '\x80';
    no[3] = '\5';
    BOOST_CHECK(refused(no) == base::Errc::Refused);
}

BOOST_AUTO_TEST_CASE(what_is_no_reply_to_the_query_is_not_believed) {
    const std::string good = reply({"one", "two"});
    BOOST_REQUIRE(dns::explain::read_chaos_reply(query, good, Format::Text));
    std::string other = good;
    other[0] = '\x13';
    BOOST_CHECK(refused(other) == base::Errc::Invalid);
    other = good;
    other[14] = 'X';
    BOOST_CHECK(refused(other) == base::Errc::Invalid);
    BOOST_CHECK(refused(good, Format::Json) == base::Errc::Invalid);
    BOOST_CHECK(refused("") == base::Errc::Invalid);
    // Cut anywhere it is malformed; what is behind the records does not matter.
    for (std::size_t size = 0; size < good.size(); ++size) {
        BOOST_CHECK(refused(good.substr(0, size)) == base::Errc::Invalid);
    }
}

BOOST_AUTO_TEST_CASE(a_string_may_not_leave_its_record) {
    std::string bad = reply({"one"});
    bad[bad.size() - 4] = '\xff';
    BOOST_CHECK(refused(bad) == base::Errc::Invalid);
}

BOOST_AUTO_TEST_SUITE_END()
