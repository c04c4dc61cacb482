#include "storage/path/relative_path.h"

#include <string>

#include <boost/test/unit_test.hpp>

using storage::is_relative_path;

BOOST_AUTO_TEST_SUITE(storage_relative_path)

BOOST_AUTO_TEST_CASE(names_below_the_root_are_taken) {
    for (const char* path : {"a", "roundtable-store", "segments/20261122/a-b_c.1.seg", "a/b/c/d"}) {
        BOOST_TEST(is_relative_path(path), path);
    }
    BOOST_TEST(is_relative_path(std::string(storage::kRelativePathMax, 'a')));
}

BOOST_AUTO_TEST_CASE(nothing_leads_out_of_the_root) {
    for (const char* path : {"",
                             "/",
                             "/a",
                             "a/",
                             "a//b",
                             ".",
                             "..",
                             "a/../b",
                             "../a",
                             ".hidden",
                             "a/.nfs0001",
                             "a b",
                             "a\nb",
                             "caf\xC3\xA9",
                             "a/b/c/d/e"}) {
        BOOST_TEST(!is_relative_path(path), path);
    }
    BOOST_TEST(!is_relative_path(std::string_view("a\0b", 3)));
    BOOST_TEST(!is_relative_path(std::string(storage::kRelativePathMax + 1, 'a')));
}

BOOST_AUTO_TEST_SUITE_END()
