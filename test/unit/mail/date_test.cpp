#include "mail/date.h"

#include <boost/test/unit_test.hpp>

using mail::ZonedTime;

namespace {

std::string shown(std::string_view text) {
    const auto time = mail::parse_header_date(text);
    return time ? mail::format_header_date(*time) : std::string("none");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(date)

BOOST_AUTO_TEST_CASE(parses_header_dates) {
    struct Case {
        const char* text;
        const char* want;
    };

    for (const Case& c : {
             Case{"Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
             Case{"1 Jul 2003 10:52:37 +0200", "Tue, 01 Jul 2003 10:52:37 +0200"},
             Case{"Thu,\r\n 13\r\n   Feb\r\n     1969\r\n 23:32\r\n   -0330 (Newfoundland)",
                  "Thu, 13 Feb 1969 23:32:00 -0330"},
             Case{"21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000"},
             Case{"21 Nov 03 09:55:06 EST", "Fri, 21 Nov 2003 09:55:06 -0500"},
             Case{"21 Nov 103 09:55:06 PDT", "Fri, 21 Nov 2003 09:55:06 -0700"},
             Case{"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
                  "Fri, 21 Nov 1997 09:55:06 -0600"},
             Case{"Mon 2 Mar 2026 1:02:03 Z", "Mon, 02 Mar 2026 01:02:03 +0000"},
             Case{"2 March 2026 01:02:03", "Mon, 02 Mar 2026 01:02:03 +0000"},
             Case{"29 Feb 2024 00:00:60 +0000", "Thu, 29 Feb 2024 00:01:00 +0000"},
             Case{"1 Jan 1970 00:00:00 +1400", "Thu, 01 Jan 1970 00:00:00 +1400"},
             Case{"(a(b)c) 1 Jan 2000 00:00 +0000", "Sat, 01 Jan 2000 00:00:00 +0000"},
         }) {
        BOOST_TEST(shown(c.text) == c.want, c.text);
    }
}

BOOST_AUTO_TEST_CASE(rejects_what_is_no_date) {
    for (const char* text : {"",
                             "<HR>",
                             "Fri, 21 Nov 1997",
                             "31 Feb 2024 00:00:00 +0000",
                             "29 Feb 2023 00:00:00 +0000",
                             "0 Jan 2024 00:00:00 +0000",
                             "32 Jan 2024 00:00:00 +0000",
                             "1 Foo 2024 00:00:00 +0000",
                             "1 Jan 2024 24:00:00 +0000",
                             "1 Jan 2024 00:60:00 +0000",
                             "1 Jan 2024 00:00:61 +0000",
                             "1 Jan 20245 00:00:00 +0000",
                             "1 Jan 2 00:00:00 +0000",
                             "111 Jan 2024 00:00:00 +0000",
                             "Jan 1 2024 00:00:00 +0000",
                             "((((((((((1 Jan 2024"}) {
        BOOST_TEST(shown(text) == "none", text);
    }
}

BOOST_AUTO_TEST_CASE(knows_the_instant) {
    BOOST_TEST(mail::parse_header_date("1 Jan 1970 01:00:00 +0100")->unix_seconds == 0);
    BOOST_TEST(mail::parse_header_date("9 Sep 2001 01:46:40 +0000")->unix_seconds == 1'000'000'000);
    BOOST_TEST(mail::parse_header_date("31 Dec 1969 23:59:59 +0000")->unix_seconds == -1);
}

BOOST_AUTO_TEST_CASE(sent_day_is_that_of_the_writer) {
    const auto time = mail::parse_header_date("1 Jan 2024 23:30:00 -0500");
    BOOST_TEST(time->written_day() == mail::days_from_civil(2024, 1, 1));
    BOOST_TEST(time->written_day() == *mail::parse_imap_date("1-Jan-2024"));
    BOOST_TEST(mail::parse_header_date("31 Dec 1969 12:00 +0000")->written_day() == -1);
}

BOOST_AUTO_TEST_CASE(formats_for_imap_and_reads_it_back) {
    const ZonedTime time{1'700'000'000, 330};
    BOOST_TEST(mail::format_imap_date(time) == "15-Nov-2023 03:43:20 +0530");
    BOOST_TEST(mail::format_imap_date({0, -60}) == "31-Dec-1969 23:00:00 -0100");
    BOOST_TEST(mail::format_imap_date({86'400, 0}) == " 2-Jan-1970 00:00:00 +0000");
    for (const ZonedTime& t : {time, ZonedTime{0, -60}, ZonedTime{86'400, 0}}) {
        BOOST_TEST((mail::parse_imap_date_time(mail::format_imap_date(t)) == t));
    }
}

BOOST_AUTO_TEST_CASE(rejects_malformed_imap_dates) {
    for (const char* text : {"",
                             "1-Jan-2024 00:00:00 +0000",
                             " 11-Jan-2024 00:00:00 +0000",
                             "01-Jan-2024 00:00 +0000",
                             "01-Jan-2024 00:00:00",
                             "01-Jan-2024 00:00:00 UTC",
                             "01-Jan-2024 00:00:00 +0060",
                             "01-Jan-2024 00:00:00 +0000 ",
                             "01-Jan-24 00:00:00 +0000",
                             "01-January-2024 00:00:00 +0000"}) {
        BOOST_TEST(!mail::parse_imap_date_time(text), text);
    }
    for (const char* text :
         {"", "1-Jan-24", "1-Jan-2024 ", "30-Feb-2024", "1 Jan 2024", "-Jan-2024"}) {
        BOOST_TEST(!mail::parse_imap_date(text), text);
    }
    BOOST_TEST(*mail::parse_imap_date("2-Jan-1970") == 1);
    BOOST_TEST(*mail::parse_imap_date("02-jan-1970") == 1);
}

BOOST_AUTO_TEST_CASE(every_day_of_four_centuries_counts_up_by_one) {
    std::int64_t expected = mail::days_from_civil(1800, 1, 1);
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int year = 1800; year < 2200; ++year) {
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; ++month) {
            const int days = kDays[month - 1] + (leap && month == 2 ? 1 : 0);
            for (int day = 1; day <= days; ++day) {
                BOOST_REQUIRE(mail::days_from_civil(year, month, day) == expected++);
            }
        }
    }
    BOOST_TEST(mail::days_from_civil(1970, 1, 1) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
