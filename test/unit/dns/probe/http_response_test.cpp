#include "dns/probe/http_response.h"

#include <boost/test/unit_test.hpp>

#include "dns/limits.h"

namespace {

using dns::probe::HttpResponse;
using State = HttpResponse::State;

/// The state after a text, given whole; and in pieces of one octet, which must be no different.
State read(HttpResponse& response, std::string_view text) {
    const State whole = response.on_bytes(text);
    HttpResponse split;
    State state = State::More;
    for (std::size_t i = 0; i < text.size() && state == State::More; ++i) {
        state = split.on_bytes(text.substr(i, 1));
    }
    BOOST_TEST((whole == state), text);
    BOOST_TEST(split.body() == response.body());
    return whole;
}

std::string problem(std::string_view text) {
    HttpResponse response;
    BOOST_TEST((read(response, text) == State::Bad), text);
    BOOST_TEST((response.on_bytes("x") == State::Bad));
    BOOST_TEST((response.on_end() == State::Bad));
    return response.problem();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_response)

BOOST_AUTO_TEST_CASE(a_body_of_stated_length_ends_by_itself) {
    HttpResponse response;
    BOOST_TEST(
        (read(response,
              "HTTP/1.1 200 OK\r\ncontent-length:  3 \r\nConnection: Keep-Alive\r\n\r\nabc") ==
         State::Complete));
    BOOST_TEST(response.status() == 200U);
    BOOST_TEST(response.body() == "abc");
    BOOST_TEST(response.keeps_open());
}

BOOST_AUTO_TEST_CASE(a_body_without_a_length_ends_with_the_stream) {
    HttpResponse response;
    BOOST_TEST(
        (read(response, "HTTP/1.0 503 Busy\r\nConnection: keep-alive\r\n\r\nab") == State::More));
    BOOST_TEST((response.on_bytes("c") == State::More));
    BOOST_TEST((response.on_end() == State::Complete));
    BOOST_TEST(response.status() == 503U);
    BOOST_TEST(response.body() == "abc");
    BOOST_TEST(!response.keeps_open());
}

BOOST_AUTO_TEST_CASE(short_forms_are_read) {
    HttpResponse response;
    BOOST_TEST((read(response, "HTTP/1.1 204\n\n") == State::Complete));
    HttpResponse empty;
    BOOST_TEST((read(empty, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n") == State::Complete));
    BOOST_TEST(!empty.keeps_open());
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_refused) {
    BOOST_TEST(problem("SSH-2.0-x\r\n\r\n") == "not HTTP");
    BOOST_TEST(problem("HTTP/2.0 200 OK\r\n\r\n") == "not HTTP");
    BOOST_TEST(problem("HTTP/1.1 2x0 OK\r\n\r\n") == "not HTTP");
    BOOST_TEST(problem("HTTP/1.1 2000 OK\r\n\r\n") == "not HTTP");
    BOOST_TEST(problem("HTTP/1.1 099 OK\r\n\r\n") == "not HTTP");
    BOOST_TEST(problem("HTTP/1.1 200 OK\r\nfield\r\n\r\n") == "a field without a colon");
    BOOST_TEST(problem("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") ==
               "transfer coding in an answer to HTTP/1.0");
    BOOST_TEST(problem("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n") == "bad Content-Length");
    BOOST_TEST(problem("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") ==
               "bad Content-Length");
    BOOST_TEST(problem("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n") ==
               "bad Content-Length");
    BOOST_TEST(problem("HTTP/1.1 200 OK\r\nContent-Length: 16385\r\n\r\n") == "body too long");
}

BOOST_AUTO_TEST_CASE(more_than_the_stated_length_is_out_of_step) {
    HttpResponse response;
    BOOST_TEST((response.on_bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab") == State::Bad));
    BOOST_TEST(response.problem() == "more than Content-Length");
}

BOOST_AUTO_TEST_CASE(head_and_body_are_bounded) {
    HttpResponse head;
    State state = State::More;
    std::size_t octets = 0;
    while (state == State::More) {
        state = head.on_bytes("HTTP/1.1 200 ");
        octets += 13;
        BOOST_TEST_REQUIRE(octets < dns::kProbeHttpHeadMax + 100);
    }
    BOOST_TEST(head.problem() == "head too long");
    HttpResponse body;
    BOOST_TEST((body.on_bytes("HTTP/1.1 200 OK\r\n\r\n") == State::More));
    BOOST_TEST((body.on_bytes(std::string(dns::kProbeHttpBodyMax, 'x')) == State::More));
    BOOST_TEST((body.on_bytes("x") == State::Bad));
    HttpResponse huge;
    BOOST_TEST((huge.on_bytes(std::string(100'000, 'x')) == State::Bad));
}

BOOST_AUTO_TEST_CASE(an_end_within_the_answer_is_bad) {
    for (const char* text :
         {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"}) {
        HttpResponse response;
        (void)response.on_bytes(text);
        BOOST_TEST((response.on_end() == State::Bad), text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
