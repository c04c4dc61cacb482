// roundtable-path-helper ROOT IDENTITY: touches the files of one storage path for one daemon, so
// that a hung mount hangs this process and not the daemon. Started by the daemon (see
// storage/path/helper_process.h); of no use by hand.

#include <csignal>
#include <cstdio>

#include <unistd.h>

#include "storage/path/helper.h"

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: roundtable-path-helper ROOT IDENTITY (started by the daemons)\n",
                   stderr);
        return 2;
    }
    // A terminal's ctrl-C is for the daemon: it still needs us to write what it has accepted.
    (void)std::signal(SIGINT, SIG_IGN);
    (void)std::signal(SIGHUP, SIG_IGN);
    (void)std::signal(SIGPIPE, SIG_IGN);
    if (::chdir("/") != 0) {  // hold no directory busy
        return 1;
    }
    return storage::helper::serve(argv[1], argv[2]);
}
