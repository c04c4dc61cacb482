// The one main() of the unit tests: Boost.Test is linked dynamically.
#define BOOST_TEST_MODULE roundtable
#include <boost/test/unit_test.hpp>
