#include "dns/steering/trim.h"

#include <algorithm>
#include <cmath>

#include <boost/test/unit_test.hpp>

namespace {

using namespace dns::steering;
using dns::probe::LoadCounters;
using dns::probe::ProbeOutcome;
using dns::probe::ProbeResult;

/// A pool of equal servers whose counters the test drives by hand.
struct Pool {
    Settings settings;
    std::vector<ServerTrim> trims;
    std::vector<TrimServer> servers;
    std::vector<LoadCounters> counters;

    explicit Pool(std::size_t count) : trims(count), servers(count), counters(count) {
        for (std::size_t i = 0; i < count; ++i) {
            servers[i].trim = &trims[i];
            servers[i].table_weight = 1;
            counters[i].start_id = 7;
        }
    }

    bool reply(std::size_t i, double now_s) {
        ProbeResult result;
        result.outcome = ProbeOutcome::Reply;
        result.counters = counters[i];
        return trim_on_reply(settings, servers, i, result, now_s);
    }

    bool gauge(std::size_t i, double now_s, double value) {
        ProbeResult result;
        result.outcome = ProbeOutcome::Reply;
        result.gauge = value;
        return trim_on_reply(settings, servers, i, result, now_s);
    }

    void work(std::size_t i, double seconds, double load, std::uint64_t mails) {
        counters[i].busy_us += static_cast<std::uint64_t>(seconds * load * 1e6);
        counters[i].arrivals += mails;
        counters[i].accepted += mails;
    }

    void know_load(double load) {
        for (ServerTrim& trim : trims) {
            trim.load = load;
        }
    }
};

const auto kTight = boost::test_tools::tolerance(1e-9);

BOOST_AUTO_TEST_SUITE(trim)

BOOST_AUTO_TEST_CASE(one_step_follows_the_rule) {
    Pool pool(2);
    pool.know_load(0.5);
    pool.reply(0, 100);
    pool.work(0, 5, 0.8, 10);
    pool.counters[0].refused += 1;
    pool.reply(0, 105);
    const double v = 0.8 + 0.1;
    const double uf = 0.5 + (1 - std::exp(-5.0 / 30)) * (v - 0.5);
    const double m = (uf + 0.5) / 2;
    const double e = (m - v) / m;
    const double boost = 1 + 2 * std::clamp((std::abs(m - uf) / m - 0.25) / 0.25, 0.0, 1.0);
    BOOST_TEST(*pool.trims[0].load == uf, kTight);
    BOOST_TEST(pool.trims[0].accepted_rate == (1 - std::exp(-5.0 / 30)) * 2, kTight);
    BOOST_TEST(pool.trims[0].z == 0.3 / 60 * boost * 5 * e, kTight);
    BOOST_TEST(pool.trims[1].z == 0.0);
}

BOOST_AUTO_TEST_CASE(gain_is_per_ttl_when_that_is_longer) {
    Pool pool(2);
    pool.settings.ttl_s = 300;
    pool.know_load(0.5);
    pool.trims[1].load = 0.51;
    pool.reply(0, 0);
    pool.work(0, 5, 0.4, 0);
    pool.reply(0, 5);
    const double m = (*pool.trims[0].load + 0.51) / 2;
    BOOST_TEST(pool.trims[0].z == 0.3 / 300 * 5 * (m - 0.4) / m, kTight);
}

BOOST_AUTO_TEST_CASE(mean_is_weighted_by_trimmed_capacity_of_those_up) {
    Pool pool(3);
    pool.trims[0].load = 0.2;
    pool.trims[1].load = 0.8;
    pool.trims[2].load = 1.9;
    pool.servers[0].weight = 3;
    pool.trims[1].z = std::log(2);
    pool.servers[2].up = false;
    BOOST_TEST(*mean_load(pool.servers) == (3 * 0.2 + 2 * 0.8) / 5, kTight);
    pool.servers[0].weight = 0;  // drained
    BOOST_TEST(*mean_load(pool.servers) == 0.8, kTight);
    pool.servers[1].up = false;
    BOOST_TEST(!mean_load(pool.servers).has_value());
}

BOOST_AUTO_TEST_CASE(trim_stays_within_its_clip) {
    Pool pool(2);
    pool.know_load(0.5);
    pool.reply(0, 0);
    for (int t = 5; t < 5000; t += 5) {
        pool.work(0, 5, 1.0, 0);
        pool.reply(0, t);
        pool.trims[1].load = 0.1;
    }
    BOOST_TEST(pool.trims[0].z == -std::log(8), kTight);
    for (int t = 5000; t < 10000; t += 5) {
        pool.work(0, 5, 0.0, 0);
        pool.reply(0, t);
        pool.trims[1].load = 0.9;
    }
    BOOST_TEST(pool.trims[0].z == std::log(2), kTight);
    BOOST_TEST(clip_trim(pool.settings, std::nan("")) == 0.0);
}

BOOST_AUTO_TEST_CASE(pool_starts_with_the_mean_of_first_loads) {
    Pool pool(2);
    pool.reply(0, 0);
    pool.reply(1, 2);
    pool.work(0, 5, 0.2, 0);
    pool.reply(0, 5);
    BOOST_TEST(!pool.trims[0].load.has_value());
    pool.work(1, 5, 0.6, 0);
    pool.reply(1, 7);
    BOOST_TEST(*pool.trims[0].load == 0.4, kTight);
    BOOST_TEST(*pool.trims[1].load == 0.4, kTight);
    BOOST_TEST(pool.trims[0].z == 0.0);
}

BOOST_AUTO_TEST_CASE(servers_that_tell_nothing_or_are_down_do_not_hold_up_the_start) {
    Pool pool(3);
    pool.servers[2].up = false;
    ProbeResult bare;
    bare.outcome = ProbeOutcome::Reply;
    trim_on_reply(pool.settings, pool.servers, 1, bare, 0);
    pool.reply(0, 0);
    pool.work(0, 5, 0.2, 0);
    pool.reply(0, 5);
    BOOST_TEST(*pool.trims[0].load == 0.2, kTight);
    BOOST_TEST(!pool.trims[1].load.has_value());
    BOOST_TEST(pool.trims[1].z == 0.0);
}

BOOST_AUTO_TEST_CASE(server_added_later_begins_with_the_mean) {
    Pool pool(3);
    pool.trims[0].load = 0.4;
    pool.trims[1].load = 0.6;
    pool.reply(2, 0);
    pool.work(2, 5, 0.0, 0);
    pool.reply(2, 5);
    BOOST_TEST(*pool.trims[2].load == 0.5, kTight);
    BOOST_TEST(pool.trims[2].z == 0.0);
}

BOOST_AUTO_TEST_CASE(server_that_fails_fast_loses_weight) {
    Pool pool(3);
    pool.know_load(0.5);
    for (std::size_t i = 0; i < 3; ++i) {
        pool.reply(i, 0);
    }
    double before = 0;
    for (int t = 5; t <= 300; t += 5) {
        for (std::size_t i = 0; i < 3; ++i) {
            // From 100 s on server 0 takes nothing: idle, its counters stand still.
            if (i != 0 || t <= 100) {
                pool.work(i, 5, 0.5, 50);
            }
            pool.reply(i, t);
        }
        if (t == 100) {
            before = pool.trims[0].z;
        }
    }
    BOOST_TEST(pool.trims[0].z < before - 1);
    // Until it is found out (a minute) its idleness pulls the mean down; not for longer.
    BOOST_TEST(pool.trims[1].z > -0.7);
}

BOOST_AUTO_TEST_CASE(idle_server_of_a_pool_with_little_mail_is_not_called_ill) {
    Pool pool(3);
    pool.know_load(0.1);
    for (std::size_t i = 0; i < 3; ++i) {
        pool.reply(i, 0);
    }
    for (int t = 5; t <= 300; t += 5) {
        for (std::size_t i = 0; i < 3; ++i) {
            pool.work(i, 5, i == 0 ? 0.0 : 0.1, i == 0 ? 0 : 1);
            pool.reply(i, t);
        }
    }
    BOOST_TEST(pool.trims[0].z > 0);
}

BOOST_AUTO_TEST_CASE(gauge_alone_is_enough_to_trim) {
    Pool pool(2);
    pool.know_load(0.5);
    pool.gauge(0, 0, 0.9);
    BOOST_TEST(pool.trims[0].z == 0.0);
    for (int t = 5; t <= 60; t += 5) {
        pool.gauge(0, t, 0.9);
        pool.gauge(1, t + 1, 0.3);
    }
    BOOST_TEST(pool.trims[0].z < -0.1);
    BOOST_TEST(pool.trims[1].z > 0.05);
    BOOST_TEST(pool.trims[0].accepted_rate == 0.0);
}

BOOST_AUTO_TEST_CASE(restart_skips_the_step_and_ramps_when_up) {
    Pool pool(3);
    pool.trims[0].load = 0.2;
    pool.trims[1].load = 0.4;
    pool.trims[2].load = 0.6;
    pool.work(0, 1000, 0.5, 100);
    pool.reply(0, 1000);
    pool.trims[0].z = 0.25;
    pool.counters[0] = {8, 100, 1, 0, 1};
    BOOST_TEST(pool.reply(0, 1005));
    BOOST_TEST(pool.trims[0].z == 0.25);
    BOOST_TEST(*pool.trims[0].load == 0.2);
    BOOST_TEST(pool.trims[0].restarted);
    trim_on_up(pool.servers, 0, 1010);
    BOOST_TEST(*pool.trims[0].load == 0.5, kTight);
    BOOST_TEST(ramp_factor(pool.settings, pool.trims[0], 1010) == 0.1);
    BOOST_TEST(ramp_factor(pool.settings, pool.trims[0], 1040) == 0.25, kTight);
    BOOST_TEST(ramp_factor(pool.settings, pool.trims[0], 1130) == 1.0);
    // No step while it ramps, one right after.
    pool.work(0, 100, 0.0, 0);
    pool.reply(0, 1129);
    BOOST_TEST(pool.trims[0].z == 0.25);
    pool.reply(0, 1131);
    BOOST_TEST(pool.trims[0].z > 0.25);
}

BOOST_AUTO_TEST_CASE(counter_that_went_back_is_a_restart_even_with_the_same_start) {
    for (int field = 0; field < 4; ++field) {
        Pool pool(1);
        pool.know_load(0.5);
        pool.counters[0] = {7, 1000, 1000, 1000, 1000};
        BOOST_TEST(!pool.reply(0, 0));
        pool.counters[0].busy_us -= field == 0 ? 1 : 0;
        pool.counters[0].arrivals -= field == 1 ? 1 : 0;
        pool.counters[0].refused -= field == 2 ? 1 : 0;
        pool.counters[0].accepted -= field == 3 ? 1 : 0;
        BOOST_TEST(pool.reply(0, 5));
    }
}

BOOST_AUTO_TEST_CASE(coming_back_without_a_restart_changes_nothing) {
    Pool pool(2);
    pool.know_load(0.5);
    pool.trims[0].z = -0.3;
    trim_on_up(pool.servers, 0, 100);
    BOOST_TEST(pool.trims[0].z == -0.3);
    BOOST_TEST(ramp_factor(pool.settings, pool.trims[0], 100) == 1.0);
}

BOOST_AUTO_TEST_CASE(fixed_or_down_servers_do_not_move) {
    Pool pool(2);
    pool.know_load(0.5);
    pool.servers[0].fixed = true;
    pool.servers[1].up = false;
    for (int t = 0; t <= 50; t += 5) {
        for (std::size_t i = 0; i < 2; ++i) {
            pool.work(i, 5, 1.0, 1);
            pool.reply(i, t);
        }
    }
    BOOST_TEST(pool.trims[0].z == 0.0);
    BOOST_TEST(*pool.trims[0].load > 0.8);
    BOOST_TEST(pool.trims[1].z == 0.0);
    BOOST_TEST(*pool.trims[1].load == 0.5);
}

BOOST_AUTO_TEST_CASE(impossible_figures_are_cut) {
    Pool pool(1);
    pool.know_load(0.5);
    pool.reply(0, 0);
    pool.counters[0].busy_us += 1'000'000'000'000;
    pool.counters[0].refused += 50;
    pool.counters[0].arrivals += 5;
    pool.reply(0, 5);
    BOOST_TEST(*pool.trims[0].load <= 2.0);
    pool.reply(0, 5);  // two at one time: no interval to divide by
    BOOST_TEST(std::isfinite(*pool.trims[0].load));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
