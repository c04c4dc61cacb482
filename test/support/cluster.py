"""Starts a whole private cluster for a test: free ports, a temporary directory, real daemons under
`roundtable up`, stopped by the supervisor's own process id."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "ops" / "demo"))
import dns_client  # noqa: E402,F401
import ran  # noqa: E402
from endpoints import Endpoints, wait_until  # noqa: E402

START_SECONDS = 90
STOP_SECONDS = 60


def programs():
    """The directory of the built programs; ROUNDTABLE_BIN names another than the release build."""
    return pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build" / "release" / "bin"))


class Cluster:
    """with Cluster() as cluster: cluster.endpoints, cluster.run(...), cluster.kill("mail1") ...

    The directory goes when the test passed, and stays, with its logs, when it failed or when
    KEEP_CLUSTER is set.
    """

    def __init__(self, domain="example.test", users=("alice", "bob"), stores=None, up_options=(),
                 settings=None, environment=None):
        self.domain = domain
        self.users = users
        self.stores = stores or {}  # storage server -> another directory than the layout's own
        self.up_options = list(up_options)
        self.settings = settings or {}  # top-level keys of cluster.yaml, over what `up` writes
        self.environment = environment or {}  # of the daemons, beside what `up` gives them
        self.password = "correct horse 7"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roundtable-test-"))
        self.directory.chmod(0o755)
        self.process = None
        self.endpoints = None
        self._install()

    def _install(self):
        """Programs are linked into the directory: the daemons' user may not reach the checkout."""
        target = self.directory / "bin"
        target.mkdir(mode=0o755)
        self._link_programs(target)
        if self.environment:
            self._wrap_daemons(target)

    @staticmethod
    def _link_programs(target):
        for program in programs().glob("roundtable*"):
            try:
                os.link(program, target / program.name)
            except OSError:
                shutil.copy2(program, target / program.name)

    def _wrap_daemons(self, target):
        """`up` gives daemons a clean environment: scripts in their place add to it."""
        plain = target / "plain"
        plain.mkdir(mode=0o755)
        self._link_programs(plain)
        settings = "".join(f"export {name}='{value}'\n"
                           for name, value in self.environment.items())
        for daemon in ("dnsd", "mtad", "accessd", "trackerd"):
            script = target / f"roundtable-{daemon}"
            script.unlink()
            script.write_text(f'#!/bin/sh\n{settings}exec {plain}/roundtable-{daemon} "$@"\n')
            script.chmod(0o755)

    def __enter__(self):
        try:
            self.start()
            if self.settings:
                self.stop()
                self._edit_layout()
                self.start()
            self.run("domain", "add", self.domain)
            for user in self.users:
                self.run("account", "add", f"{user}@{self.domain}", "--password-stdin",
                         stdin=self.password + "\n")
            self.wait_ready()
        except BaseException:
            self.stop()
            self._show_logs()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
        if kind is not None:
            self._show_logs()
        elif not os.environ.get("KEEP_CLUSTER"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def _edit_layout(self):
        file = self.directory / "cluster.yaml"
        lines = [line for line in file.read_text().splitlines()
                 if line.split(":")[0] not in self.settings]
        lines += [f"{key}: {value}" for key, value in self.settings.items()]
        file.write_text("\n".join(lines) + "\n")
        (self.directory / "endpoints.json").unlink(missing_ok=True)

    def start(self):
        for name, directory in self.stores.items():
            (self.directory / "stores").mkdir(exist_ok=True)
            link = self.directory / "stores" / name
            if not link.is_symlink():
                link.symlink_to(directory)
        self.log = (self.directory / "up.log").open("ab")
        self.process = subprocess.Popen(
            [self.directory / "bin" / "roundtable", "--dir", self.directory, "up",
             *([] if "--standard-ports" in self.up_options else ["--free-ports"]),
             *self.up_options],
            stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        file = self.directory / "endpoints.json"

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"roundtable up ended with {self.process.returncode}")
            return file.exists()

        wait_until("endpoints.json", ready, START_SECONDS)
        self.endpoints = Endpoints(self.directory, self.directory / "bin" / "roundtable")

    def wait_ready(self):
        """Until DNS prefers at least two mail servers and the accounts are known."""
        ep = self.endpoints
        wait_until("two mail servers at the best preference",
                   lambda: len(dns_client.best_hosts(ep.dns, self.domain)) >= 2, 60)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"roundtable up did not stop within {STOP_SECONDS} s") from None
        self.log.close()

    def _show_logs(self):
        print(f"--- logs of {self.directory}", flush=True)
        for log in [self.directory / "up.log", *sorted((self.directory / "log").glob("*.log"))]:
            with contextlib.suppress(OSError):
                lines = log.read_text(errors="replace").splitlines()
                print(f"--- {log.name} (last 25 of {len(lines)} lines)")
                print("\n".join(lines[-25:]), flush=True)

    # -- what tests do to it ----------------------------------------------------------------------

    def run(self, *arguments, **options):
        return self.endpoints.run(*arguments, **options)

    def json(self, *arguments):
        return self.endpoints.json(*arguments)

    def sql(self, statement, user="roundtable_report"):
        return self.endpoints.sql(statement, user)

    def address(self, user):
        return f"{user}@{self.domain}"

    def pid(self, name):
        """The process id of a daemon, as the supervisor last started it."""
        return int((self.directory / "run" / f"{name}.pid").read_text())

    def kill(self, name, number=signal.SIGKILL):
        """Sends a signal to a daemon; returns the process id that got it."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def wait_restarted(self, name, old_pid, seconds=30):
        def changed():
            with contextlib.suppress(OSError, ValueError):
                return self.pid(name) != old_pid
            return False

        wait_until(f"{name} restarted", changed, seconds)

    @contextlib.contextmanager
    def storage_away(self, name):
        """Takes a storage server's directories away, and brings them back."""
        server = next(s for s in self.endpoints.storage_servers if s["name"] == name)
        roots = [pathlib.Path(d) for d in server["directories"]]
        for root in roots:
            root.rename(f"{root}.away")
        try:
            yield
        finally:
            for root in roots:
                pathlib.Path(f"{root}.away").rename(root)

    def copies(self, identity):
        """The octets of each catalogued copy of a message, read from its storage server."""
        frames = []
        for path, offset, length in self.sql(
                "SELECT path, frame_offset, frame_length FROM report.message_copy "
                f"WHERE message_id = '{identity}'"):
            with open(path, "rb") as file:
                file.seek(int(offset))
                frames.append(file.read(int(length)))
                assert len(frames[-1]) == int(length), (path, offset, length)
        return frames

    def best_smtp(self, source=None):
        """(address, port) of a mail server that DNS prefers now."""
        return self.endpoints.smtp(
            dns_client.best_hosts(self.endpoints.dns, self.domain, source)[0])


def main(tests, chosen=None):
    """Runs test functions in order; prints ctest-friendly lines; exit 1 on the first failure.
    Arguments that are names of tests choose them: `smoke_test.py a_message_is_mirrored`."""
    program = ran.program_of(sys.argv[0])
    if chosen is None:
        chosen = [word for word in sys.argv[1:] if not word.startswith("-")]
    unknown = set(chosen) - {test.__name__ for test in tests}
    if unknown:
        names = ", ".join(test.__name__ for test in tests)
        raise SystemExit(f"no test {', '.join(sorted(unknown))}; there are: {names}")
    passed = []
    ran.record(program, passed)
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        started = time.monotonic()
        print(f"[ RUN  ] {test.__name__}", flush=True)
        test()
        passed.append(test.__name__)
        ran.record(program, passed)
        print(f"[ PASS ] {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{len(passed)} passed, 0 failed")
