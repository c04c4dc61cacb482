#include "mta/ingest/ingest_session.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/mta/session_world.h"

using base::Errc;
using base::Error;
using mta::IngestAnswer;

namespace {

const std::string kMessage = "Subject: x\r\n\r\nbody\r\n";

struct World : mta::test::SessionWorld {
    std::string header(const std::string& members, std::size_t size = kMessage.size()) const {
        return R"({"kind":"fax","recipients":["bob@example.org"],)" + members +
               "\"size\":" + std::to_string(size) + "}\n";
    }

    /// One session with that input to its end; its answers, by line.
    std::vector<IngestAnswer> play(const std::string& input, std::size_t fill_max = 65'536) {
        base::MemoryStream stream(input);
        stream.set_fill_max(fill_max);
        base::FiberEvent stop;
        mta::IngestSession(stream, ingest, stop, "test").run();
        std::vector<IngestAnswer> answers;
        std::string_view rest = stream.output();
        while (!rest.empty()) {
            const std::size_t end = rest.find('\n');
            BOOST_REQUIRE(end != std::string_view::npos);
            answers.push_back(mta::parse_ingest_answer(rest.substr(0, end)).value());
            rest.remove_prefix(end + 1);
        }
        return answers;
    }

    IngestAnswer one(const std::string& input) {
        const auto answers = play(input);
        BOOST_REQUIRE(answers.size() == 1U);
        return answers[0];
    }

    base::Result<std::optional<storage::KeyHolder>> known = std::optional<storage::KeyHolder>();
    std::vector<std::string> asked;
    mta::IngestParts ingest{parts, [this](const std::string& key, base::Deadline) {
                                asked.push_back(key);
                                return known;
                            }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ingest_session, World)

BOOST_AUTO_TEST_CASE(stores_what_comes_octet_for_octet_at_any_split) {
    const std::string input =
        header(R"("key":"k","sender":"a@b.test","attributes":{"pages":"3"},)") + kMessage +
        header("") + kMessage;
    for (const std::size_t fill : {std::size_t{1}, std::size_t{7}, std::size_t{65'536}}) {
        stored.clear();
        const auto answers = play(input, fill);
        BOOST_REQUIRE(answers.size() == 2U);
        BOOST_TEST((answers[0].status == IngestAnswer::Status::Stored));
        BOOST_TEST(answers[0].id == outcome.value().id.text());
        BOOST_TEST(answers[0].copies == 2U);
        BOOST_REQUIRE(stored.size() == 2U);
        const storage::Submission& first = stored[0];
        BOOST_TEST((first.kind == std::optional(mail::Kind::Fax)));
        BOOST_TEST(first.envelope.sender == "a@b.test");
        BOOST_TEST(first.envelope.recipients[0].account_id == 7);
        BOOST_TEST(*first.envelope.attributes.find("key") == "k");
        BOOST_TEST(*first.envelope.attributes.find("pages") == "3");
        BOOST_TEST(
            first.message.starts_with("Return-Path: <a@b.test>\r\nReceived: by "
                                      "mx1.example.org (ingest)\r\n\tid "));
        BOOST_TEST(first.message.ends_with("\r\n" + kMessage));
        BOOST_TEST(stored[1].envelope.attributes.empty());
        BOOST_TEST(stored[1].message.starts_with("Return-Path: <>\r\n"));
    }
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_key_that_is_known_is_answered_before_anything_is_stored) {
    const auto id = mail::MessageId::make(1'700'000'000'001U, {3, 4});
    known = std::optional(storage::KeyHolder{id, true});
    const auto answers = play(header(R"("key":"k",)") + kMessage + header("") + kMessage);
    BOOST_REQUIRE(answers.size() == 2U);
    BOOST_TEST((answers[0].status == IngestAnswer::Status::Again));
    BOOST_TEST(answers[0].id == id.text());
    BOOST_TEST((answers[1].status == IngestAnswer::Status::Stored));
    BOOST_TEST(asked == std::vector<std::string>{"k"}, boost::test_tools::per_element());
    BOOST_TEST(stored.size() == 1U);
    // The catalog is away: it is stored, and cataloguing finds out.
    known = Error{Errc::Unavailable, "away"};
    BOOST_TEST((one(header(R"("key":"k",)") + kMessage).status == IngestAnswer::Status::Stored));
    outcome.value().first = id;
    BOOST_TEST((one(header(R"("key":"k",)") + kMessage).status == IngestAnswer::Status::TryAgain));
    for (const bool safe : {false, true}) {
        known = Error{Errc::Unavailable, "away when it came, back when it is stored"};
        on_store = [this, id, safe] { known = std::optional(storage::KeyHolder{id, safe}); };
        const IngestAnswer late = one(header(R"("key":"k",)") + kMessage);
        BOOST_TEST(
            (late.status == (safe ? IngestAnswer::Status::Again : IngestAnswer::Status::TryAgain)));
        BOOST_TEST(late.id == (safe ? id.text() : ""));
    }
}

BOOST_AUTO_TEST_CASE(a_key_of_a_message_with_too_few_copies_is_no_reason_to_forget_it) {
    known =
        std::optional(storage::KeyHolder{mail::MessageId::make(1'700'000'000'001U, {3, 4}), false});
    const IngestAnswer answer = one(header(R"("key":"k",)") + kMessage);
    BOOST_TEST((answer.status == IngestAnswer::Status::TryAgain));
    BOOST_TEST(answer.reason.find("not yet safe") != std::string::npos, answer.reason);
    BOOST_TEST(stored.empty());
}

BOOST_AUTO_TEST_CASE(what_was_seen_elsewhere_is_delivered_so) {
    (void)play(header(R"("seen":true,)") + kMessage + header(R"("seen":false,)") + kMessage +
               header("") + kMessage);
    BOOST_REQUIRE(stored.size() == 3U);
    BOOST_TEST((stored[0].envelope.recipients[0].flags == mail::Flags::Seen));
    BOOST_TEST((stored[1].envelope.recipients[0].flags == mail::Flags::None));
    BOOST_TEST((stored[2].envelope.recipients[0].flags == mail::Flags::None));
}

BOOST_AUTO_TEST_CASE(a_partial_message_leaves_out_who_is_not_ours_and_names_them) {
    const auto to = [](const std::string& addresses) {
        return R"({"kind":"email","key":"k","partial":true,"recipients":[)" + addresses +
               "],\"size\":3}\nx\r\n";
    };
    const std::vector<std::string> strangers{"eve@example.org", "x@sms.test"};
    const std::string all = R"("eve@example.org","bob@example.org","x@sms.test")";
    const IngestAnswer answer = one(to(all));
    BOOST_TEST((answer.status == IngestAnswer::Status::Stored));
    BOOST_TEST(answer.left_out == strangers, boost::test_tools::per_element());
    BOOST_REQUIRE(stored.size() == 1U);
    BOOST_REQUIRE(stored[0].envelope.recipients.size() == 1U);
    BOOST_TEST(stored[0].envelope.recipients[0].address == "bob@example.org");
    // Somebody else, who knows the recipients from elsewhere, came first.
    known =
        std::optional(storage::KeyHolder{mail::MessageId::make(1'700'000'000'001U, {3, 4}), true});
    const IngestAnswer again = one(to(all));
    BOOST_TEST((again.status == IngestAnswer::Status::Again));
    BOOST_TEST(again.left_out == strangers, boost::test_tools::per_element());
    known = std::optional<storage::KeyHolder>();
    const IngestAnswer nobody = one(to(R"("eve@example.org")"));
    BOOST_TEST((nobody.status == IngestAnswer::Status::Never));
    BOOST_TEST((nobody.code == Errc::NotFound));
    BOOST_TEST((one(to(R"("bob")")).code == Errc::Invalid));
    BOOST_TEST(stored.size() == 1U);
}

BOOST_AUTO_TEST_CASE(says_never_for_what_will_never_do) {
    struct Case {
        std::string input;
        Errc code;
        std::string says;
    };

    const auto to = [](const std::string& addresses) {
        return R"({"kind":"fax","recipients":[)" + addresses + "],\"size\":3}\nx\r\n";
    };
    parts.engine.size_max_bytes = 1'000;
    parts.engine.recipients_max = 2;
    const std::string bob = R"("bob@example.org")";
    const Case cases[] = {
        {to(R"("eve@example.org")"), Errc::NotFound, "eve@example.org is not an address of ours"},
        {to(bob + R"(,"eve@example.org")"), Errc::NotFound, "eve@"},
        {to(R"("bob")"), Errc::Invalid, "'bob'"},
        {to(bob + "," + bob + "," + bob), Errc::TooLarge, "2 recipients"},
        {header(R"("sender":"x y",)") + kMessage, Errc::Invalid, "'x y'"},
        {header("", 1'001) + std::string(1'001, 'x'), Errc::TooLarge, "1000"},
        {header("", 4) + "a\nb\n", Errc::Invalid, "bare"},
        {header("", 4) + "a\rb\n", Errc::Invalid, "bare"},
        {header("", 4) + "ab\r\r", Errc::Invalid, "bare"},
        {header("", 4) + std::string("a\0\r\n", 4), Errc::Invalid, "NUL"},
        {header("", 4) + "abcd", Errc::Invalid, "CRLF"},
        {"{}\n", Errc::Invalid, "kind"}};
    for (const Case& each : cases) {
        const IngestAnswer answer = one(each.input);
        BOOST_TEST_CONTEXT(each.input) {
            BOOST_TEST((answer.status == IngestAnswer::Status::Never));
            BOOST_TEST((answer.code == each.code));
            BOOST_TEST(answer.reason.find(each.says) != std::string::npos, answer.reason);
        }
    }
    BOOST_TEST(stored.empty());
    std::string looping;
    while (looping.size() < 99 * 13) {
        looping += "Received: x\r\n";
    }
    BOOST_TEST(bool(mta::check_message_octets(looping + "\r\nx\r\n")));
    BOOST_TEST(!mta::check_message_octets("Received: x\r\n" + looping + "\r\nx\r\n"));
}

BOOST_AUTO_TEST_CASE(says_try_again_for_what_is_not_the_message_s_fault) {
    room = Error{Errc::Unavailable, "too few storage servers"};
    BOOST_TEST((one(header("") + kMessage).status == IngestAnswer::Status::TryAgain));
    room = base::Done{};
    for (const Errc code : {Errc::Unavailable, Errc::Busy, Errc::Cancelled, Errc::Corrupt}) {
        outcome = Error{code, "why"};
        const IngestAnswer answer = one(header("") + kMessage);
        BOOST_TEST((answer.status == IngestAnswer::Status::TryAgain));
        BOOST_TEST(answer.reason.find("why") != std::string::npos, answer.reason);
    }
    // Over quota: alone for good, as SMTP says it.
    outcome = Error{Errc::Refused, "over_quota"};
    BOOST_TEST((one(header("") + kMessage).code == Errc::Refused));
    stored.clear();
    BOOST_REQUIRE(budget.take(budget.max_bytes()));
    BOOST_TEST((one(header("") + kMessage).status == IngestAnswer::Status::TryAgain));
    BOOST_TEST(stored.empty());
    budget.give(budget.max_bytes());
}

BOOST_AUTO_TEST_CASE(goes_on_behind_a_message_that_it_did_not_take) {
    const std::string refused = R"({"kind":"fax","recipients":["eve@example.org"],"size":)";
    const auto answers = play(refused + "30}\n" + std::string(30, 'x') + header("", 4) + "a\nb\n" +
                              header("") + kMessage);
    BOOST_REQUIRE(answers.size() == 3U);
    BOOST_TEST((answers[0].status == IngestAnswer::Status::Never));
    BOOST_TEST((answers[1].status == IngestAnswer::Status::Never));
    BOOST_TEST((answers[2].status == IngestAnswer::Status::Stored));
    // Where the next one would begin is not known behind a line that cannot be read.
    BOOST_TEST(play("nonsense\n" + header("") + kMessage).size() == 1U);
    BOOST_TEST(play(std::string(200'000, '{')).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_leaves_nothing) {
    BOOST_TEST(play("").empty());
    BOOST_TEST(play(header("").substr(0, 20)).empty());
    const auto cut = play(header("") + kMessage.substr(0, 5));
    BOOST_TEST(cut.size() <= 1U);
    BOOST_TEST(stored.empty());
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
