#include "dns/dnssec/zone_signatures.h"

#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/message.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/world.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::name;

namespace {

constexpr std::uint32_t kSerial = 2026112601;

std::vector<std::string> small_zone() {
    return {"www A 192.0.2.1",
            "a.b.c TXT deep",
            "*.w MX 10 www",
            "cut NS ns.cut",
            "ns.cut A 192.0.2.2",
            "safe NS ns.cut",
            "safe DS 1 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"};
}

// A zone with its key records, compiled and signed.
struct Served {
    explicit Served(Denial denial = Denial::Nsec,
                    const std::vector<std::string>& lines = small_zone()) {
        ZoneSigning signing;
        signing.zone_keys = {zone_key(dnssec_test::ed25519_key())};
        signing.published = {dnssec_test::public_half(dnssec_test::ed25519_key())};
        signing.denial = denial;
        signing.validity = {1'800'000'000, 1'801'000'000};
        signing.serial = kSerial;
        const dns::Zone plain =
            dns::build_zone(dns_test::zone_source("example.test", lines)).take_value();
        signed_zone = sign_zone(plain, signing).take_value();
        dns::Zone whole = plain;
        whole.names[whole.apex].merge(key_sets(whole.apex, signing));
        image = std::make_unique<dns::ZoneImage>(dns::compile_zone(whole).take_value());
    }

    [[nodiscard]] std::size_t index_of(const char* owner) const {
        return static_cast<std::size_t>(image->find(name(owner)) - image->nodes().data());
    }

    // The node whose record that denies covers a name; empty: none does.
    [[nodiscard]] std::string covers(const char* text, std::size_t labels_off = 0) const {
        dns::WireName wire;
        BOOST_REQUIRE(dns::read_name(name(text).wire(), wire));
        const auto made = ZoneSignatures::build(*image, signed_zone).take_value();
        const Denier denier = made.covering(*image, wire, labels_off);
        for (std::size_t i = 0; denier != kNoDenier && i < image->nodes().size(); ++i) {
            if (made.matching(i) == kNoDenier) {
                continue;
            }
            if (signed_zone.denial != Denial::Compact
                    ? made.matching(i) == denier
                    : owner_of(made.image(denier)) == owner_of(made.image(made.matching(i)))) {
                return dns::Name::from_wire(image->name(image->nodes()[i])).value().to_text();
            }
        }
        return "";
    }

    // The labels that an image's first owner begins with.
    static std::string owner_of(const dns::ImageView& view) {
        const std::string_view octets = base::as_text(view.octets());
        return std::string(octets.substr(0, view.relocation(0)));
    }

    SignedZone signed_zone;
    std::unique_ptr<dns::ZoneImage> image;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_zone_signatures)

BOOST_AUTO_TEST_CASE(the_order_of_wire_names_is_that_of_names) {
    const char* const names[] = {"test",
                                 "example.test",
                                 "a.example.test",
                                 "yljkjljk.a.example.test",
                                 "z.a.example.test",
                                 "zabc.a.example.test",
                                 "z.example.test",
                                 "\\001.z.example.test",
                                 "*.z.example.test",
                                 "\\200.z.example.test"};
    for (const char* left : names) {
        for (const char* right : names) {
            dns::WireName wire;
            BOOST_REQUIRE(dns::read_name(name(left).wire(), wire));
            const int order = canonical_order(wire, name(right).wire());
            BOOST_TEST(((order <=> 0) == (name(left) <=> name(right))), left << " " << right);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_numbers_of_names_are_in_their_order) {
    // Octets around those that end a label or begin an escape, and labels of which one begins the
    // other.
    std::mt19937_64 random(1);
    std::vector<dns::WireName> names;
    for (int i = 0; i < 300; ++i) {
        std::string wire;
        for (std::uint64_t labels = random() % 4; labels > 0; --labels) {
            const std::uint64_t size = 1 + random() % 4;
            wire.push_back(static_cast<char>(size));
            for (std::uint64_t octet = 0; octet < size; ++octet) {
                wire.push_back("\0\1\2a\377"[random() % 5]);
            }
        }
        wire += std::string("\7example\4test\0", 14);
        BOOST_REQUIRE(dns::read_name(base::as_bytes(wire), names.emplace_back()));
    }
    std::size_t told = 0;
    for (const dns::WireName& left : names) {
        for (const dns::WireName& right : names) {
            const std::uint64_t a = order_key(left, 2);
            const std::uint64_t b = order_key(right, 2);
            const int order = canonical_order(left, right.wire());
            BOOST_TEST_REQUIRE((a == b || (a < b) == (order < 0)));
            told += a != b ? 1 : 0;
        }
    }
    BOOST_TEST(told > names.size() * names.size() / 2);
}

BOOST_AUTO_TEST_CASE(names_whose_numbers_are_alike_are_told_apart) {
    std::vector<std::string> lines;
    for (const char* const last : {"b", "d", "f", "h"}) {
        lines.push_back("host-of-many-" + std::string(last) + " A 192.0.2.1");
    }
    const Served served(Denial::Nsec, lines);
    BOOST_TEST(served.covers("host-of-many-a.example.test") == "example.test.");
    BOOST_TEST(served.covers("host-of-many-d.example.test") == "host-of-many-d.example.test.");
    BOOST_TEST(served.covers("host-of-many-e.example.test") == "host-of-many-d.example.test.");
    BOOST_TEST(served.covers("x.host-of-many-i.example.test") == "host-of-many-h.example.test.");
    BOOST_TEST(served.covers("host-of-all.example.test") == "example.test.");
    BOOST_TEST(served.covers("host-of-some.example.test") == "host-of-many-h.example.test.");
}

BOOST_AUTO_TEST_CASE(the_wildcard_below_each_name_is_covered) {
    for (const Denial denial : {Denial::Nsec, Denial::Nsec3}) {
        const Served served(denial);
        const auto made = ZoneSignatures::build(*served.image, served.signed_zone).take_value();
        for (std::size_t i = 0; i < served.image->nodes().size(); ++i) {
            const auto parent =
                dns::Name::from_wire(served.image->name(served.image->nodes()[i])).value();
            dns::WireName wildcard;
            BOOST_REQUIRE(dns::read_name(parent.below("*").value().wire(), wildcard));
            BOOST_TEST(made.covering_wildcard(i) == made.covering(*served.image, wildcard));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_name_is_covered_by_the_record_before_it) {
    const Served served;
    BOOST_TEST(served.covers("example.test") == "example.test.");
    BOOST_TEST(served.covers("a.example.test") == "example.test.");
    BOOST_TEST(served.covers("b.c.example.test") == "example.test.");  // an empty non-terminal
    BOOST_TEST(served.covers("a.b.c.example.test") == "a.b.c.example.test.");
    BOOST_TEST(served.covers("x.a.b.c.example.test") == "a.b.c.example.test.");
    BOOST_TEST(served.covers("d.example.test") == "cut.example.test.");
    BOOST_TEST(served.covers("x.w.example.test") == "*.w.example.test.");
    BOOST_TEST(served.covers("zzz.example.test") == "www.example.test.");
}

BOOST_AUTO_TEST_CASE(each_signed_set_has_an_image_that_verifies) {
    const Served served;
    const auto made = ZoneSignatures::build(*served.image, served.signed_zone).take_value();
    BOOST_TEST(made.ttl_max() == 3600U);
    std::size_t signed_sets = 0;
    std::size_t index = 0;
    for (const dns::Node& node : served.image->nodes()) {
        const auto owner = dns::Name::from_wire(served.image->name(node)).value();
        for (const dns::SetRef& set : served.image->sets(node)) {
            const auto view = made.signatures(index++);
            if (set.type == 6) {
                BOOST_TEST(!view.has_value());  // signed by itself: its serial moves
                continue;
            }
            BOOST_REQUIRE(view.has_value());
            // Owner pointer, type, class, TTL, length: 12 octets before the data.
            const std::string data(base::as_text(view->octets().subspan(12)));
            BOOST_TEST(verify_set(dnssec_test::public_half(dnssec_test::ed25519_key()),
                                  owner,
                                  served.signed_zone.names.at(owner).at(set.type).set,
                                  data,
                                  1'800'500'000));
            ++signed_sets;
        }
    }
    BOOST_TEST(signed_sets == 6U);  // NS, DNSKEY; www A, TXT, MX; DS
    BOOST_TEST(made.matching(served.index_of("cut.example.test")) != kNoDenier);
    BOOST_TEST(made.matching(served.index_of("b.c.example.test")) == kNoDenier);
    BOOST_TEST(made.image(made.matching(0)).header().records == 2);
    const auto cut = made.referral(served.index_of("cut.example.test"));
    BOOST_REQUIRE(cut.has_value());
    BOOST_TEST(cut->header().records == 3);  // NS, NSEC, RRSIG
    BOOST_TEST(cut->header().extras_required == 1);
    const auto safe = made.referral(served.index_of("safe.example.test"));
    BOOST_TEST(safe->header().records == 3);  // NS, DS, RRSIG
    BOOST_TEST(safe->header().extras == 0);
    BOOST_TEST(!made.referral(0).has_value());
}

BOOST_AUTO_TEST_CASE(refuses_signatures_of_other_records) {
    const Served served;
    SignedZone other = served.signed_zone;
    other.names.erase(name("www.example.test"));
    BOOST_TEST((ZoneSignatures::build(*served.image, other).error().code == base::Errc::Invalid));
}

BOOST_AUTO_TEST_CASE(hashes_are_covered_by_the_hash_before_them) {
    const Served served(Denial::Nsec3);
    const auto made = ZoneSignatures::build(*served.image, served.signed_zone).take_value();
    std::map<std::string, std::string> by_hash;
    for (std::size_t i = 0; i < served.image->nodes().size(); ++i) {
        if (served.image->nodes()[i].is(dns::Node::kRefused)) {
            continue;
        }
        BOOST_TEST(made.matching(i) != kNoDenier, "empty non-terminals have one, too");
        BOOST_TEST(made.image(made.matching(i)).header().records == 2);
        const auto owner =
            dns::Name::from_wire(served.image->name(served.image->nodes()[i])).value();
        by_hash.emplace(nsec3_hash(owner), owner.to_text());
    }
    for (const char* asked : {"example.test",
                              "b.c.example.test",
                              "none.example.test",
                              "x.none.example.test",
                              "zz.example.test",
                              "1.example.test"}) {
        auto above = by_hash.upper_bound(nsec3_hash(name(asked)));
        const auto at = above == by_hash.begin() ? std::prev(by_hash.end()) : std::prev(above);
        BOOST_TEST(served.covers(asked) == at->second, asked);
    }
    BOOST_TEST(served.covers("x.none.example.test", 1) == served.covers("none.example.test"));
    const auto cut = made.referral(served.index_of("cut.example.test"));
    BOOST_TEST(cut->header().records == 3);  // NS, NSEC3, RRSIG
}

BOOST_AUTO_TEST_CASE(compact_zones_have_a_record_for_each_name_and_a_chain_beside_wildcards) {
    const Served served(Denial::Compact);
    const auto made = ZoneSignatures::build(*served.image, served.signed_zone).take_value();
    for (std::size_t i = 0; i < served.image->nodes().size(); ++i) {
        BOOST_TEST(
            ((made.matching(i) != kNoDenier) != served.image->nodes()[i].is(dns::Node::kRefused)));
    }
    BOOST_TEST(served.covers("x.w.example.test") == "*.w.example.test.");
    // "w" is an empty non-terminal, and "!" comes before "*".
    BOOST_TEST(served.covers("!.w.example.test") == "safe.example.test.");
    const auto cut = made.referral(served.index_of("cut.example.test"));
    BOOST_TEST(cut->header().records == 3);  // NS, NSEC, RRSIG
}

BOOST_AUTO_TEST_SUITE_END()
