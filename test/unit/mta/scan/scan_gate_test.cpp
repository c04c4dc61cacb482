#include "mta/scan/scan_gate.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using Kind = mta::ScanJudgement::Kind;
using mta::NoScannerPolicy;
using mta::PolicyList;
using mta::ScanVerdict;
using mta::VirusPolicy;

const PolicyList kPolicies({VirusPolicy::Reject, NoScannerPolicy::TempFail},
                           {{"hold.example", {VirusPolicy::Quarantine, NoScannerPolicy::TempFail}},
                            {"tag.example", {VirusPolicy::Tag, NoScannerPolicy::Accept}}});

const ScanVerdict kInfected{ScanVerdict::Kind::Infected, "Some.Name", "ClamAV 1.4.6", {}};
const ScanVerdict kUnscanned{ScanVerdict::Kind::Unscanned, {}, {}, "no clamd is up"};

mail::Envelope envelope_to(const std::vector<std::string>& recipients) {
    mail::Envelope envelope;
    for (const std::string& address : recipients) {
        mail::Recipient recipient;
        recipient.address = address;
        envelope.recipients.push_back(recipient);
    }
    return envelope;
}

std::string attribute(const mail::Envelope& envelope, std::string_view name) {
    const std::string* value = envelope.attributes.find(name);
    return value == nullptr ? "-" : *value;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scan_gate)

BOOST_AUTO_TEST_CASE(clean_mail_gets_a_note_and_nothing_else) {
    mail::Envelope envelope = envelope_to({"a@hold.example"});
    BOOST_REQUIRE(envelope.attributes.set("signature", "of the sender"));
    const auto judgement =
        mta::judge_scan({ScanVerdict::Kind::Clean, {}, "ClamAV 1.4.6", {}}, kPolicies, envelope);
    BOOST_TEST((judgement.kind == Kind::Take));
    BOOST_TEST(judgement.field.empty());
    BOOST_TEST(envelope.recipients[0].mailbox.empty());
    BOOST_TEST(attribute(envelope, "verdict") == "clean");
    BOOST_TEST(attribute(envelope, "scanner") == "ClamAV 1.4.6");
    BOOST_TEST(attribute(envelope, "signature") == "-");
}

BOOST_AUTO_TEST_CASE(infected_mail_as_each_domain_wants_it) {
    mail::Envelope envelope = envelope_to({"a@Hold.Example", "b@tag.example"});
    const auto judgement = mta::judge_scan(kInfected, kPolicies, envelope);
    BOOST_TEST((judgement.kind == Kind::Take));
    BOOST_TEST(judgement.field == "X-Virus-Status: Infected, Some.Name\r\n");
    BOOST_TEST(envelope.recipients[0].mailbox == mta::kQuarantineMailbox);
    BOOST_TEST(envelope.recipients[1].mailbox.empty());
    BOOST_TEST(attribute(envelope, "verdict") == "infected");
    BOOST_TEST(attribute(envelope, "signature") == "Some.Name");
}

BOOST_AUTO_TEST_CASE(one_domain_that_refuses_refuses_for_all) {
    mail::Envelope envelope = envelope_to({"a@hold.example", "c@other.example", "b@tag.example"});
    const auto judgement = mta::judge_scan(kInfected, kPolicies, envelope);
    BOOST_TEST((judgement.kind == Kind::Refuse));
    BOOST_TEST(judgement.signature == "Some.Name");
    BOOST_TEST(envelope.recipients[0].mailbox.empty());
}

BOOST_AUTO_TEST_CASE(one_domain_that_puts_off_puts_off_for_all) {
    mail::Envelope envelope = envelope_to({"b@tag.example"});
    auto judgement = mta::judge_scan(kUnscanned, kPolicies, envelope);
    BOOST_TEST((judgement.kind == Kind::Take));
    BOOST_TEST(judgement.field == "X-Virus-Status: Unscanned\r\n");
    BOOST_TEST(attribute(envelope, "verdict") == "unscanned");
    envelope = envelope_to({"b@tag.example", "a@hold.example"});
    judgement = mta::judge_scan(kUnscanned, kPolicies, envelope);
    BOOST_TEST((judgement.kind == Kind::PutOff));
}

BOOST_AUTO_TEST_CASE(the_field_stands_behind_our_return_path) {
    std::string message = "Return-Path: <>\r\nReceived: x\r\n\r\nbody";
    mta::add_trace_field(message, "X-Y: z\r\n");
    BOOST_TEST(message == "Return-Path: <>\r\nX-Y: z\r\nReceived: x\r\n\r\nbody");
    message = "Subject: x\r\n\r\n";
    mta::add_trace_field(message, "X-Y: z\r\n");
    BOOST_TEST(message == "X-Y: z\r\nSubject: x\r\n\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
