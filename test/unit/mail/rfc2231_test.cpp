#include "mail/rfc2231.h"

#include <boost/test/unit_test.hpp>

using Parameters = std::vector<mail::Parameter>;

BOOST_AUTO_TEST_SUITE(rfc2231)

BOOST_AUTO_TEST_CASE(joins_the_examples_of_the_rfc) {
    BOOST_TEST((mail::join_continuations(
                    {{"access-type", "URL"}, {"URL*0", "ftp://"}, {"URL*1", "cs.utk.edu/pub"}}) ==
                Parameters{{"access-type", "URL"}, {"URL", "ftp://cs.utk.edu/pub"}}));
    BOOST_TEST((mail::join_continuations({{"title*0*", "us-ascii'en'This%20is%20even%20more%20"},
                                          {"title*1*", "%2A%2A%2Afun%2A%2A%2A%20"},
                                          {"title*2", "isn't it!"}}) ==
                Parameters{{"title*",
                            "us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20"
                            "isn't it!"}}));
}

BOOST_AUTO_TEST_CASE(pieces_may_come_in_any_order_and_case) {
    BOOST_TEST((mail::join_continuations({{"N*1", "b"}, {"x", "y"}, {"n*0", "a"}}) ==
                Parameters{{"N", "ab"}, {"x", "y"}}));
}

BOOST_AUTO_TEST_CASE(encodes_percent_signs_of_plain_pieces_among_encoded_ones) {
    BOOST_TEST((mail::join_continuations({{"n*0*", "utf-8''%41"}, {"n*1", "100%"}}) ==
                Parameters{{"n*", "utf-8''%41100%25"}}));
    BOOST_TEST((mail::join_continuations({{"n*0", "100%"}, {"n*1", "41"}}) ==
                Parameters{{"n", "100%41"}}));
}

BOOST_AUTO_TEST_CASE(leaves_what_is_no_complete_series) {
    for (const Parameters& list : {Parameters{{"n*1", "b"}},
                                   Parameters{{"n*0", "a"}, {"n*2", "c"}},
                                   Parameters{{"n*0", "a"}, {"n*0", "b"}},
                                   Parameters{{"n*0", "a"}, {"n*0*", "b"}},
                                   Parameters{{"n*00", "a"}, {"n*01", "b"}},
                                   Parameters{{"n*", "utf-8''x"}},
                                   Parameters{{"*0", "a"}},
                                   Parameters{{"n*x", "a"}},
                                   Parameters{{"n*999", "a"}},
                                   Parameters{{"n*99999999999999999999", "a"}}}) {
        BOOST_TEST((mail::join_continuations(list) == list), list[0].name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
