#include "mta/voicemail/sip_notify.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

const mta::SipIdentity kIdentity{"z9hG4bKabc", "tag1", "call1"};

std::string response(const std::string& status = "SIP/2.0 200 OK",
                     const std::string& via = "Via: SIP/2.0/UDP 192.0.2.9:4000;branch=z9hG4bKabc",
                     const std::string& call = "Call-ID: call1",
                     const std::string& sequence = "CSeq: 1 NOTIFY") {
    return status + "\r\n" + via + "\r\nFrom: <sip:a@b>;tag=tag1\r\nTo: <sip:a@b>;tag=x\r\n" +
           call + "\r\n" + sequence + "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_sip_notify)

BOOST_AUTO_TEST_CASE(writes_a_notify) {
    const auto target = mta::parse_sip_target("sip:1234@192.0.2.1").value();
    const auto local = base::Endpoint::parse("192.0.2.9:4000").value();
    BOOST_TEST(mta::make_notify(target, local, kIdentity, "body\r\n") ==
               "NOTIFY sip:1234@192.0.2.1 SIP/2.0\r\n"
               "Via: SIP/2.0/UDP 192.0.2.9:4000;branch=z9hG4bKabc;rport\r\n"
               "Max-Forwards: 70\r\n"
               "From: <sip:1234@192.0.2.9>;tag=tag1\r\n"
               "To: <sip:1234@192.0.2.1>\r\n"
               "Call-ID: call1\r\n"
               "CSeq: 1 NOTIFY\r\n"
               "Contact: <sip:voicemail@192.0.2.9:4000>\r\n"
               "Event: message-summary\r\n"
               "Subscription-State: active\r\n"
               "User-Agent: Roundtable\r\n"
               "Content-Type: application/simple-message-summary\r\n"
               "Content-Length: 6\r\n"
               "\r\nbody\r\n");
}

BOOST_AUTO_TEST_CASE(names_ports_and_ipv6) {
    BOOST_TEST(mta::parse_sip_target("sip:1@192.0.2.1:5062").value().uri() ==
               "sip:1@192.0.2.1:5062");
    BOOST_TEST(mta::parse_sip_target("sip:1@[2001:db8::1]").value().uri() == "sip:1@[2001:db8::1]");
}

BOOST_AUTO_TEST_CASE(identities_differ) {
    const mta::SipIdentity a = mta::make_sip_identity();
    const mta::SipIdentity b = mta::make_sip_identity();
    BOOST_TEST(a.branch.starts_with("z9hG4bK"));
    BOOST_TEST(a.branch != b.branch);
    BOOST_TEST(a.call_id != b.call_id);
}

BOOST_AUTO_TEST_CASE(reads_the_status_of_its_own_response) {
    BOOST_TEST(mta::notify_status(response(), kIdentity).value() == 200);
    BOOST_TEST(mta::notify_status(response("SIP/2.0 481 Gone"), kIdentity).value() == 481);
    BOOST_TEST(mta::notify_status(response("SIP/2.0 100 Trying"), kIdentity).value() == 100);
    // Compact names, other case, white space, more than one Via.
    BOOST_TEST(mta::notify_status(response("SIP/2.0 200 OK",
                                           "v : SIP/2.0/UDP a ; rport=1 ; Branch = z9hG4bKabc ,"
                                           " SIP/2.0/UDP b;branch=z9hG4bKother",
                                           "i: call1",
                                           "cseq:  1 NOTIFY"),
                                  kIdentity)
                   .value() == 200);
}

BOOST_AUTO_TEST_CASE(takes_nothing_else_for_it) {
    for (const std::string& other :
         {response("SIP/2.0 200 OK", "Via: SIP/2.0/UDP a;branch=z9hG4bKabcd"),
          response("SIP/2.0 200 OK", "Via: SIP/2.0/UDP a"),
          response("SIP/2.0 200 OK", "X: y"),
          response("SIP/2.0 200 OK", "Via: SIP/2.0/UDP a;branch=z9hG4bKabc", "Call-ID: call2"),
          response("SIP/2.0 200 OK",
                   "Via: SIP/2.0/UDP a;branch=z9hG4bKabc",
                   "Call-ID: call1",
                   "CSeq: 2 NOTIFY"),
          response("SIP/2.0 200 OK",
                   "Via: SIP/2.0/UDP a;branch=z9hG4bKabc",
                   "Call-ID: call1",
                   "CSeq: 1 OPTIONS"),
          response("SIP/2.0 700 X"),
          response("SIP/2.0 099 X"),
          response("SIP/2.0 2000 X"),
          response("SIP/2.0 2x0 X"),
          response("SIP/3.0 200 X"),
          response("NOTIFY sip:a SIP/2.0"),
          std::string(),
          std::string("\r\n"),
          std::string(70'000, 'x')}) {
        BOOST_TEST(!mta::notify_status(other, kIdentity), other.substr(0, 80));
    }
    const std::string whole = response();
    const std::size_t needed = whole.find("NOTIFY") + 6;
    for (std::size_t size = 0; size < needed; ++size) {
        BOOST_TEST(!mta::notify_status(whole.substr(0, size), kIdentity));
    }
}

// The topmost Via alone counts: the others are those of proxies.
BOOST_AUTO_TEST_CASE(looks_at_the_first_via_only) {
    const std::string two = response("SIP/2.0 200 OK",
                                     "Via: SIP/2.0/UDP a;branch=z9hG4bKother\r\n"
                                     "Via: SIP/2.0/UDP b;branch=z9hG4bKabc");
    BOOST_TEST(!mta::notify_status(two, kIdentity));
}

BOOST_AUTO_TEST_CASE(a_header_without_end_is_bounded) {
    std::string endless = "SIP/2.0 200 OK\r\n";
    while (endless.size() < 60'000) {
        endless += "X: y\r\n";
    }
    BOOST_TEST(!mta::notify_status(endless + response().substr(16), kIdentity));
}

BOOST_AUTO_TEST_SUITE_END()
