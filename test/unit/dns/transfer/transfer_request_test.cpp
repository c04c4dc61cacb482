#include "dns/transfer/transfer_request.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/transfer/secondary.h"

namespace {

using dns::transfer::read_transfer_request;
using dns::transfer::RequestKind;
using dns::transfer::TransferRequest;
using dns_test::QueryBuilder;
using dns_test::transfer_query;

RequestKind kind_of(const std::vector<std::byte>& packet) {
    TransferRequest request;
    return read_transfer_request(packet, request);
}

BOOST_AUTO_TEST_SUITE(transfer_request)

BOOST_AUTO_TEST_CASE(reads_axfr_and_ixfr) {
    const auto axfr = transfer_query("Example.test");
    const TransferRequest first = dns_test::request_of(axfr);
    BOOST_TEST((first.type == dns::RrType::Axfr));
    BOOST_TEST(first.id == 0x1234U);
    BOOST_TEST(!first.has_opt);
    BOOST_TEST(first.question.size() == 14U + 4U);
    const auto ixfr = transfer_query("example.test", 0xfedcba98U);
    const TransferRequest second = dns_test::request_of(ixfr);
    BOOST_TEST((second.type == dns::RrType::Ixfr));
    BOOST_TEST(second.serial == 0xfedcba98U);
}

BOOST_AUTO_TEST_CASE(other_packets_are_not_its_matter) {
    BOOST_TEST((kind_of({}) == RequestKind::Other));
    BOOST_TEST((kind_of(QueryBuilder().question("a.test", dns::RrType::Soa).bytes()) ==
                RequestKind::Other));
    BOOST_TEST((kind_of(QueryBuilder().question("a.test", 252, 3).bytes()) == RequestKind::Other));
    auto answer = transfer_query("a.test");
    answer[2] |= std::byte{0x80};
    BOOST_TEST((kind_of(answer) == RequestKind::Other));
    auto notify = transfer_query("a.test");
    notify[2] |= std::byte{0x20};
    BOOST_TEST((kind_of(notify) == RequestKind::Other));
}

BOOST_AUTO_TEST_CASE(broken_requests_are_malformed) {
    // No SOA, a SOA with AXFR, something after the end, two additional records.
    BOOST_TEST((kind_of(QueryBuilder().question("a.test", 251).bytes()) == RequestKind::Malformed));
    auto axfr = transfer_query("a.test", 7);
    axfr[12 + 8 + 1] = std::byte{252};
    BOOST_TEST((kind_of(axfr) == RequestKind::Malformed));
    auto longer = transfer_query("a.test");
    longer.push_back(std::byte{0});
    BOOST_TEST((kind_of(longer) == RequestKind::Malformed));
    BOOST_TEST((kind_of(QueryBuilder().question("a.test", 252).opt().opt().bytes()) ==
                RequestKind::Malformed));
    const auto whole = transfer_query("a.test", 7);
    for (std::size_t size = 24; size < whole.size(); ++size) {
        const std::vector<std::byte> cut(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(size));
        BOOST_TEST((kind_of(cut) == RequestKind::Malformed));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
