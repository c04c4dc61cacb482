"""A wall clock that a test moves: libfaketime in the commands that the test starts, and in the
daemons of a cluster that gets its `environment`. Monotonic clocks go on as they are, so that
deadlines and waits keep their length; so does PostgreSQL's clock. Shell scripts do not bear the
library."""

import contextlib
import glob
import os
import pathlib
import tempfile

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class FakeClock:
    def __init__(self, file, environment):
        self._file = file
        self.environment = environment
        self.ahead = 0
        self.forward(0)

    def forward(self, seconds):
        """All clocks go forward, within a second of theirs."""
        self.ahead += seconds
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{self.ahead:+d}\n")
        fresh.chmod(0o644)
        fresh.rename(self._file)


@contextlib.contextmanager
def fake_clock():
    with tempfile.TemporaryDirectory(prefix="clock-") as directory:
        pathlib.Path(directory).chmod(0o755)
        file = pathlib.Path(directory) / "clock"
        settings = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(file),
                    "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "FAKETIME_DONT_RESET": "1", "NO_FAKE_STAT": "1"}
        clock = FakeClock(file, settings)
        before = set(_left_behind())
        os.environ.update(settings)
        try:
            yield clock
        finally:
            for name in settings:
                del os.environ[name]
            # Of processes that were killed.
            for name in set(_left_behind()) - before:
                with contextlib.suppress(OSError):
                    os.unlink(name)


def _left_behind():
    return glob.glob("/dev/shm/*faketime_*")
