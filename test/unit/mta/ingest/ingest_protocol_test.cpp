#include "mta/ingest/ingest_protocol.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "mail/envelope.h"
#include "mta/scan/scan_gate.h"

using base::Errc;
using mta::IngestAnswer;
using mta::IngestHeader;

namespace {

IngestHeader example() {
    IngestHeader header;
    header.kind = mail::Kind::Fax;
    header.key = "call 17 \"\xc3\xbc\"";
    header.sender = "fax@example.org";
    header.recipients = {"alice@example.org", "bob@example.org"};
    BOOST_REQUIRE(header.attributes.set("pages", "3"));
    header.size = 48'211;
    return header;
}

std::string line_of(const IngestHeader& header) {
    std::string line = mta::format_ingest_header(header).value();
    BOOST_REQUIRE(line.ends_with('\n'));
    line.pop_back();
    return line;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ingest_protocol)

BOOST_AUTO_TEST_CASE(a_header_reads_back) {
    BOOST_TEST((mta::parse_ingest_header(line_of(example())).value() == example()));
    const auto least =
        mta::parse_ingest_header(R"({"kind":"voicemail","recipients":["a@b"],"size":1})");
    BOOST_REQUIRE(least);
    BOOST_TEST((least.value().kind == mail::Kind::Voicemail));
    BOOST_TEST(least.value().sender.empty());
    BOOST_TEST(least.value().attributes.empty());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named) {
    struct Case {
        std::string line;
        std::string says;
    };

    const auto with = [](const std::string& member) {
        return R"({"kind":"fax","recipients":["a@b"],"size":1,)" + member + "}";
    };
    const Case cases[] = {
        {"", "JSON object"},
        {"{", "JSON object"},
        {"[]", "JSON object"},
        {"{} x", "JSON object"},
        {std::string(60'000, '['), "JSON object"},
        {R"({"recipients":["a@b"],"size":1})", "\"kind\""},
        {R"({"kind":"telex","recipients":["a@b"],"size":1})", "kind"},
        {R"({"kind":2,"recipients":["a@b"],"size":1})", "\"kind\" must be a text"},
        {R"({"kind":"fax","size":1})", "at least one"},
        {R"({"kind":"fax","recipients":[],"size":1})", "at least one"},
        {R"({"kind":"fax","recipients":"a@b","size":1})", "list of addresses"},
        {R"({"kind":"fax","recipients":[1],"size":1})", "must be a text"},
        {R"({"kind":"fax","recipients":["a@b"]})", "\"size\""},
        {with(R"("seen":1)"), "true or false"},
        {with(R"("partial":"yes")"), "true or false"},
        {with(R"("size":0)"), "\"size\""},
        {with(R"("size":-1)"), "\"size\""},
        {with(R"("size":1.5)"), "\"size\""},
        {with(R"("size":99999999999999999999)"), "\"size\""},
        {with(R"("extra":1)"), "\"extra\""},
        {with(R"("key":"a\nb")"), "\"key\""},
        {with("\"key\":\"" + std::string(201, 'k') + "\""), "200"},
        {with("\"key\":\"\xff\""), "JSON object"},
        {with(R"("attributes":[])"), "object of texts"},
        {with(R"("attributes":{"pages":3})"), "must be a text"},
        {with(R"("attributes":{"Pages":"3"})"), "\"Pages\""},
        {with(R"("attributes":{"pages":"3\u0000"})"), "\"pages\""},
        {with(R"("attributes":{"key":"k"})"), "not the client's"},
        {with(R"("attributes":{"verdict":"clean"})"), "not the client's"}};
    for (const Case& each : cases) {
        const auto parsed = mta::parse_ingest_header(each.line);
        BOOST_TEST_CONTEXT(each.line.substr(0, 80)) {
            BOOST_REQUIRE(!parsed);
            BOOST_TEST((parsed.error().code == Errc::Invalid));
            BOOST_TEST(parsed.error().detail.find(each.says) != std::string::npos,
                       parsed.error().detail);
        }
    }
    const auto longest = mta::parse_ingest_header(std::string(mta::kIngestHeaderMax, 'x'));
    BOOST_TEST((longest.error().code == Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(leaves_room_for_what_is_not_the_clients_to_say) {
    IngestHeader header = example();
    header.attributes = {};
    while (header.attributes.size() < mta::kIngestAttributesMax) {
        BOOST_REQUIRE(header.attributes.set(std::string(header.attributes.size() + 1, 'x'), "1"));
    }
    const auto parsed = mta::parse_ingest_header(line_of(header));
    BOOST_REQUIRE(parsed);
    mail::Envelope envelope;
    envelope.attributes = parsed.value().attributes;
    BOOST_REQUIRE(envelope.attributes.set("key", header.key));
    (void)mta::judge_scan(
        {mta::ScanVerdict::Kind::Infected, "Some.Name", "ClamAV", {}}, mta::PolicyList(), envelope);
    for (const std::string_view name : {"key", "verdict", "signature", "scanner"}) {
        BOOST_TEST((envelope.attributes.find(name) != nullptr), name);
    }
    for (const std::string& key : {std::string("k"), std::string()}) {
        header.key = key;
        BOOST_REQUIRE(header.attributes.set("one-more", "1"));
        BOOST_TEST((mta::format_ingest_header(header).error().code == Errc::TooLarge));
    }
}

BOOST_AUTO_TEST_CASE(does_not_write_what_it_would_not_read) {
    IngestHeader header = example();
    header.recipients.assign(5'000, "somebody@example.org");
    BOOST_TEST((mta::format_ingest_header(header).error().code == Errc::TooLarge));
    header.recipients.clear();
    BOOST_TEST((mta::format_ingest_header(header).error().code == Errc::Invalid));
    header = example();
    header.sender = "\xff";
    BOOST_TEST(bool(mta::parse_ingest_header(line_of(header))));
}

BOOST_AUTO_TEST_CASE(answers_read_back) {
    IngestAnswer answers[4];
    answers[0].status = IngestAnswer::Status::Stored;
    answers[0].id = "01a21502-b58e-7922-9672-b1ad76c24c33";
    answers[0].copies = 2;
    answers[1].status = IngestAnswer::Status::Again;
    answers[1].id = answers[0].id;
    answers[2].reason = "later \"\n\xc3\xbc";
    answers[3].status = IngestAnswer::Status::Never;
    answers[3].code = Errc::TooLarge;
    answers[3].reason = "too large";
    for (const IngestAnswer& answer : answers) {
        std::string line = mta::format_ingest_answer(answer);
        BOOST_TEST(line.size() <= mta::kIngestAnswerMax);
        BOOST_TEST(line.find('\n') == line.size() - 1);
        line.pop_back();
        BOOST_TEST((mta::parse_ingest_answer(line).value() == answer), line);
    }
    IngestAnswer wordy;
    wordy.reason = std::string(100'000, '\x01') + "\xff";
    BOOST_TEST(mta::format_ingest_answer(wordy).size() <= mta::kIngestAnswerMax);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_corrupt) {
    for (const char* line : {"",
                             "220 mail1 ESMTP",
                             "[]",
                             "{}",
                             R"({"status":"maybe"})",
                             R"({"status":1})",
                             R"({"status":"never","code":"busy"})"}) {
        const auto parsed = mta::parse_ingest_answer(line);
        BOOST_REQUIRE(!parsed);
        BOOST_TEST((parsed.error().code == Errc::Corrupt), line);
    }
}

BOOST_AUTO_TEST_SUITE_END()
