#pragma once

// A file system that answers its mount and nothing after it, like a hard NFS mount whose server is
// gone: whoever touches it waits, and not even SIGKILL gets him out (he is in state D). release()
// or the destructor end the wait: all that hang get an error, and the mount is taken away.
//
// It speaks FUSE to the kernel itself (linux/fuse.h), so that nothing but the kernel is between.
// Needs root and /dev/fuse.

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"

namespace storage_test {

class HangingFs {
  public:
    explicit HangingFs(std::string mount_point) : mount_point_(std::move(mount_point)) {
        BOOST_REQUIRE_MESSAGE(::geteuid() == 0, "this test mounts a file system: run it as root");
        device_ = base::Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
        BOOST_REQUIRE_MESSAGE(device_, "this test needs /dev/fuse");
        const std::string data = "fd=" + std::to_string(device_.get()) +
                                 ",rootmode=40000,user_id=0,group_id=0,allow_other";
        BOOST_REQUIRE(
            ::mount("hang", mount_point_.c_str(), "fuse", MS_NOSUID | MS_NODEV, data.c_str()) == 0);
        std::array<int, 2> ends{};
        BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        stop_read_ = base::Fd(ends[0]);
        stop_write_ = base::Fd(ends[1]);
        server_ = std::thread([this] { serve(); });
    }

    ~HangingFs() { release(); }

    HangingFs(const HangingFs&) = delete;
    HangingFs& operator=(const HangingFs&) = delete;

    void release() {
        if (!server_.joinable()) {
            return;
        }
        stop_write_.reset();
        server_.join();
        device_.reset();  // ends the connection: every request fails
        (void)::umount2(mount_point_.c_str(), MNT_DETACH);
    }

  private:
    void serve() {
        alignas(8) std::array<char, 1U << 17U> buffer{};
        for (;;) {
            std::array<pollfd, 2> wait{pollfd{device_.get(), POLLIN, 0},
                                       pollfd{stop_read_.get(), POLLIN, 0}};
            if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) {
                return;
            }
            if (wait[1].revents != 0) {
                return;
            }
            const ssize_t size = ::read(device_.get(), buffer.data(), buffer.size());
            if (size < 0 && errno != EAGAIN && errno != EINTR && errno != ENOENT) {
                return;
            }
            fuse_in_header in{};
            if (size >= static_cast<ssize_t>(sizeof in)) {
                std::memcpy(&in, buffer.data(), sizeof in);
                if (in.opcode == FUSE_INIT) {
                    answer_init(in.unique);
                }  // whatever else: taken, and never answered
            }
        }
    }

    void answer_init(std::uint64_t unique) const {
        struct {
            fuse_out_header header;
            fuse_init_out init;
        } out{};

        out.header.len = sizeof out;
        out.header.unique = unique;
        out.init.major = FUSE_KERNEL_VERSION;
        out.init.minor = FUSE_KERNEL_MINOR_VERSION;
        out.init.max_write = 1U << 16U;
        out.init.max_readahead = 1U << 16U;
        (void)!::write(device_.get(), &out, sizeof out);
    }

    std::string mount_point_;
    base::Fd device_;
    base::Fd stop_read_;
    base::Fd stop_write_;
    std::thread server_;
};

}  // namespace storage_test
