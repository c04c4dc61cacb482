#include "dns/snapshot_holder.h"

#include <urcu/urcu-qsbr.h>

// ThreadSanitizer does not see into liburcu: it is told what the grace period orders.
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define RT_TSAN_RELEASE(address) __tsan_release(address)
#define RT_TSAN_ACQUIRE(address) __tsan_acquire(address)
#else
#define RT_TSAN_RELEASE(address) (void)(address)
#define RT_TSAN_ACQUIRE(address) (void)(address)
#endif

namespace dns {
namespace {

// One address for all: what it stands for is liburcu's own global state.
char g_grace_period = 0;

}  // namespace

SnapshotHolder::~SnapshotHolder() {
    const std::unique_ptr<const Snapshot> last(current_.exchange(nullptr));
}

void SnapshotHolder::publish(std::unique_ptr<const Snapshot> snapshot) {
    const std::unique_ptr<const Snapshot> old(
        current_.exchange(snapshot.release(), std::memory_order_acq_rel));
    wait_for_readers();
}

void SnapshotHolder::wait_for_readers() {
    urcu_qsbr_synchronize_rcu();
    RT_TSAN_ACQUIRE(&g_grace_period);
}

SnapshotReader::SnapshotReader(const SnapshotHolder& holder) : holder_(holder) {
    urcu_qsbr_register_thread();
    urcu_qsbr_thread_offline();
}

SnapshotReader::~SnapshotReader() {
    RT_TSAN_RELEASE(&g_grace_period);
    urcu_qsbr_unregister_thread();
}

void SnapshotReader::online() noexcept {
    urcu_qsbr_thread_online();
}

void SnapshotReader::offline() noexcept {
    RT_TSAN_RELEASE(&g_grace_period);
    urcu_qsbr_thread_offline();
}

void SnapshotReader::quiescent() noexcept {
    RT_TSAN_RELEASE(&g_grace_period);
    urcu_qsbr_quiescent_state();
}

}  // namespace dns
