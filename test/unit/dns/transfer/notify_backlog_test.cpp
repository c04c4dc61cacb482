#include "dns/transfer/notify_backlog.h"

#include <map>

#include <boost/test/unit_test.hpp>

namespace {

using dns::transfer::kNotifyScanMax;
using dns::transfer::NotifyBacklog;
using dns::transfer::PublishedZone;
using dns::transfer::SharedView;
using dns::transfer::SharedZone;

// A view of zones by name, with their serials.
SharedView view_of(const std::map<std::string, std::uint32_t>& serials) {
    std::vector<SharedZone> zones;
    for (const auto& [name, serial] : serials) {
        auto content = std::make_shared<dns::transfer::FixedContent>();
        content->apex = dns::Name::from_text(name).take_value();
        auto zone = std::make_shared<PublishedZone>();
        zone->serial = serial;
        zone->fixed = std::move(content);
        zones.push_back(std::move(zone));
    }
    std::ranges::sort(zones, [](const SharedZone& left, const SharedZone& right) {
        return std::ranges::lexicographical_compare(left->apex().wire(), right->apex().wire());
    });
    return std::make_shared<const dns::transfer::TransferView>(nullptr, std::move(zones));
}

std::map<std::string, std::uint32_t> serials(int zones, std::uint32_t serial) {
    std::map<std::string, std::uint32_t> made;
    for (int i = 0; i < zones; ++i) {
        made["z" + std::to_string(i) + ".test"] = serial;
    }
    return made;
}

// All that is news, taken in steps of `most`: how often each zone was told which serial.
std::map<std::string, std::vector<std::uint32_t>> told_by(NotifyBacklog& backlog,
                                                          std::size_t most = 100) {
    std::map<std::string, std::vector<std::uint32_t>> told;
    while (backlog.pending()) {
        const auto news = backlog.next(most, [](const PublishedZone&) { return true; });
        BOOST_REQUIRE(news.size() <= most);
        for (const SharedZone& zone : news) {
            told[zone->apex().to_text()].push_back(zone->serial);
        }
    }
    return told;
}

BOOST_AUTO_TEST_SUITE(notify_backlog)

BOOST_AUTO_TEST_CASE(tells_all_at_first_and_then_what_moved) {
    NotifyBacklog backlog;
    auto now = serials(2500, 1);
    backlog.take(view_of(now), true);
    BOOST_TEST(told_by(backlog).size() == 2500U);
    now["z7.test"] = 2;
    now["new.test"] = 5;
    backlog.take(view_of(now), true);
    const auto told = told_by(backlog);
    BOOST_TEST(told.size() == 2U);
    BOOST_TEST((told.at("z7.test.") == std::vector<std::uint32_t>{2}));
    BOOST_TEST((told.at("new.test.") == std::vector<std::uint32_t>{5}));
}

BOOST_AUTO_TEST_CASE(a_step_is_short_whatever_it_finds) {
    NotifyBacklog backlog;
    backlog.take(view_of(serials(2500, 1)), true);
    std::size_t looked = 0;
    const auto none = [&looked](const PublishedZone&) {
        ++looked;
        return false;
    };
    BOOST_TEST(backlog.next(100, none).empty());
    BOOST_TEST(looked <= kNotifyScanMax);
    while (backlog.pending()) {
        BOOST_TEST(backlog.next(100, none).empty());
    }
    BOOST_TEST(looked == 2500U);
    BOOST_TEST(backlog.size() == 0U);
}

// Commits come all the time: each zone has its turn, and one that moves again before is told once.
BOOST_AUTO_TEST_CASE(moves_that_come_faster_than_they_are_told_are_told_once) {
    NotifyBacklog backlog;
    auto now = serials(2000, 1);
    backlog.take(view_of(now), true);
    std::map<std::string, std::vector<std::uint32_t>> told;
    for (std::uint32_t serial = 2; serial < 40; ++serial) {
        for (auto& [name, number] : now) {
            number = serial;
        }
        backlog.take(view_of(now), true);
        for (const SharedZone& zone :
             backlog.next(100, [](const PublishedZone&) { return true; })) {
            BOOST_TEST(zone->serial == serial);
            told[zone->apex().to_text()].push_back(zone->serial);
        }
    }
    BOOST_TEST(told.size() == 2000U);
    std::size_t packets = 0;
    for (const auto& [name, numbers] : told) {
        packets += numbers.size();
    }
    BOOST_TEST(packets == 3700U);  // 38 steps, of which one came to the end of all
    for (const auto& [name, numbers] : told_by(backlog)) {
        BOOST_TEST(numbers.back() == 39U);
        told[name] = numbers;
    }
    for (const auto& [name, numbers] : told) {
        BOOST_TEST(numbers.back() == 39U);
    }
}

BOOST_AUTO_TEST_CASE(what_was_noted_is_not_told_again_and_what_failed_is) {
    NotifyBacklog backlog;
    const SharedView view = view_of({{"a.test", 1}, {"b.test", 1}});
    BOOST_TEST(backlog.note(*view->zones()[0]));
    BOOST_TEST(!backlog.note(*view->zones()[0]));
    backlog.take(view, true);
    BOOST_TEST(told_by(backlog).size() == 1U);
    backlog.forget(view->zones()[1]->apex());
    backlog.take(view, false);
    BOOST_TEST(!backlog.pending());
    backlog.take(view, true);
    BOOST_TEST(told_by(backlog).size() == 1U);
}

BOOST_AUTO_TEST_CASE(zones_that_are_gone_are_forgotten) {
    NotifyBacklog backlog;
    backlog.take(view_of(serials(500, 1)), true);
    (void)told_by(backlog);
    BOOST_TEST(backlog.size() == 500U);
    backlog.take(view_of(serials(20, 1)), true);
    (void)told_by(backlog);
    BOOST_TEST(backlog.size() == 20U);
    backlog.take(nullptr, true);
    BOOST_TEST(!backlog.pending());
    BOOST_TEST(backlog.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
