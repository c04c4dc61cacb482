// That a warm answer allocates nothing, locks nothing and signs nothing: in answer() itself, and on
// the thread of a UDP server while it answers over a real socket.
//
// malloc and its kin, mutexes, and OpenSSL's signing are replaced by functions of this program that
// count before they do what they should. A program of its own: all tests of another would go
// through them. Not under sanitizers, which replace the same functions.

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <dlfcn.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/clock.h"
#include "dns/udp_server.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/udp_client.h"
#include "test/unit/dns/warm_world.h"

namespace {

struct Counts {
    std::atomic<unsigned> allocations{0};
    std::atomic<unsigned> locks{0};
    std::atomic<unsigned> signatures{0};

    [[nodiscard]] std::string text() const {
        return std::to_string(allocations) + " allocations, " + std::to_string(locks) + " locks, " +
               std::to_string(signatures) + " signatures";
    }
};

constexpr const char* kNothing = "0 allocations, 0 locks, 0 signatures";

// Where calls are counted: in threads that want it, or in all but those that do not.
std::atomic<Counts*> all_threads{nullptr};
thread_local Counts* this_thread = nullptr;
thread_local bool left_out = false;

void count(std::atomic<unsigned> Counts::*what) noexcept {
    Counts* const counts =
        this_thread != nullptr ? this_thread : (left_out ? nullptr : all_threads.load());
    if (counts != nullptr) {
        (counts->*what).fetch_add(1, std::memory_order_relaxed);
    }
}

// What would have been called.
template <typename Function>
Function* next(const char* name) noexcept {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t size);                       // NOLINT: glibc's names
void* __libc_calloc(std::size_t count, std::size_t size);    // NOLINT
void* __libc_realloc(void* block, std::size_t size);         // NOLINT
void* __libc_memalign(std::size_t align, std::size_t size);  // NOLINT

void* malloc(std::size_t size) noexcept {
    count(&Counts::allocations);
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) noexcept {
    count(&Counts::allocations);
    return __libc_calloc(number, size);
}

void* realloc(void* block, std::size_t size) noexcept {
    count(&Counts::allocations);
    return __libc_realloc(block, size);
}

void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    count(&Counts::allocations);
    return __libc_memalign(align, size);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    static auto* const lock = next<int(pthread_mutex_t*)>("pthread_mutex_lock");
    count(&Counts::locks);
    return lock(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
    static auto* const lock = next<int(pthread_mutex_t*)>("pthread_mutex_trylock");
    count(&Counts::locks);
    return lock(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* mutex) noexcept {
    static auto* const lock = next<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
    count(&Counts::locks);
    return lock(mutex);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* mutex) noexcept {
    static auto* const lock = next<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
    count(&Counts::locks);
    return lock(mutex);
}

int EVP_DigestSign(EVP_MD_CTX* context,
                   unsigned char* out,
                   std::size_t* out_size,
                   const unsigned char* in,
                   std::size_t in_size) {
    using Sign = int(EVP_MD_CTX*, unsigned char*, std::size_t*, const unsigned char*, std::size_t);
    static auto* const sign = next<Sign>("EVP_DigestSign");
    count(&Counts::signatures);
    return sign(context, out, out_size, in, in_size);
}

int EVP_DigestSignFinal(EVP_MD_CTX* context, unsigned char* out, std::size_t* out_size) {
    static auto* const sign =
        next<int(EVP_MD_CTX*, unsigned char*, std::size_t*)>("EVP_DigestSignFinal");
    count(&Counts::signatures);
    return sign(context, out, out_size);
}

}  // extern "C"

namespace {

constexpr unsigned kTimes = 500;

std::int64_t now_s() {
    return base::wall_us() / 1'000'000;
}

dns::Client loopback() {
    dns::Client client;
    client.address = {std::byte{127}, std::byte{0}, std::byte{0}, std::byte{1}};
    return client;
}

void check(const dns_test::WarmQuery& query, const std::vector<std::byte>& reply) {
    const auto packet = dns_test::read_packet(reply);
    BOOST_REQUIRE(packet.parsed);
    BOOST_TEST(packet.rcode == query.rcode);
    BOOST_TEST(packet.answer.size() == query.answers);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_answer_warm)

BOOST_AUTO_TEST_CASE(what_is_counted_is_seen) {
    Counts counts;
    std::mutex mutex;
    const dns::dnssec::SigningKey key = dnssec_test::p256_key();
    this_thread = &counts;
    const auto block = std::make_unique<std::string>(100, 'x');
    this_thread = nullptr;
    BOOST_TEST(counts.allocations == 2U);
    this_thread = &counts;
    mutex.lock();
    this_thread = nullptr;
    mutex.unlock();
    BOOST_TEST(counts.locks == 1U);
    this_thread = &counts;
    const std::string signature = key.sign(*block);
    this_thread = nullptr;
    BOOST_TEST(!signature.empty());
    BOOST_TEST(counts.signatures != 0U);  // one call may make another
    Counts others;
    left_out = true;
    all_threads = &others;
    std::thread([&] { BOOST_TEST(std::string(100, 'x') == *block); }).join();
    all_threads = nullptr;
    BOOST_TEST(others.allocations != 0U);
}

BOOST_AUTO_TEST_CASE(answers_are_made_from_what_is_there) {
    dns_test::WarmWorld world(now_s());
    world.warm_up(loopback());
    const auto asks = dns::dnssec::AskQueue::create().take_value();
    dns::ThreadState state(0, dns_test::warm_policy());
    state.asks = asks.get();
    state.guard.set_time(dns::moment_now());
    for (const auto& query : world.queries()) {
        BOOST_TEST_CONTEXT(query.name) {
            std::vector<std::byte> out(dns::kUdpResponseMax);
            std::size_t size = 0;
            Counts counts;
            this_thread = &counts;
            for (unsigned i = 0; i < kTimes; ++i) {
                size = dns::answer(world.snapshot(), query.packet, loopback(), state, out);
            }
            this_thread = nullptr;
            out.resize(size);
            check(query, out);
            BOOST_TEST(counts.text() == kNothing);
        }
    }
    BOOST_TEST(!asks->pop().has_value());
}

BOOST_AUTO_TEST_CASE(so_are_those_of_a_thread_that_serves_a_socket) {
    dns_test::WarmWorld world(now_s());
    world.warm_up(loopback());
    const auto asks = dns::dnssec::AskQueue::create().take_value();
    dns::SnapshotHolder holder;
    const auto queries = world.queries();
    holder.publish(world.take());
    dns::UdpServer::Options options;
    options.endpoints = {base::Endpoint::parse("127.0.0.1:0").take_value()};
    options.answers = dns_test::warm_policy();
    options.asks = asks.get();
    const auto server = dns::UdpServer::create(holder, std::move(options)).take_value();
    dns_test::UdpClient client(server->bound()[0]);
    left_out = true;
    for (const auto& query : queries) {
        BOOST_TEST_CONTEXT(query.name) {
            Counts counts;
            for (unsigned i = 0; i < kTimes; ++i) {
                client.send(query.packet);
                const auto reply = client.receive();
                BOOST_REQUIRE(reply.has_value());
                check(query, *reply);
                all_threads = &counts;  // from the second on: its first use may set things up
            }
            all_threads = nullptr;
            BOOST_TEST(counts.text() == kNothing);
        }
    }
    BOOST_TEST(server->counters()[0]->received.value() == queries.size() * kTimes);
}

BOOST_AUTO_TEST_SUITE_END()

#else

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_CASE(dns_answer_warm_is_not_for_sanitizers) {
    BOOST_TEST(true);
}

#endif
