#!/usr/bin/env python3
"""Mounts that hang so that nothing can end who waits in them: mail goes on, processes stay few, a
daemon that is killed has a successor at once, and what comes back is used again without a hand."""

import concurrent.futures
import contextlib
import imaplib
import os
import pathlib
import pwd
import signal
import smtplib
import socket
import sys
import tempfile
import time
import uuid

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TEST / "support"), str(TEST / "chaos")]
from cluster import Cluster, dns_client, main, programs, wait_until  # noqa: E402
from disks import Disk, needs_root  # noqa: E402

OWNER = "roundtable"
BATCH_DEADLINE = 2.0  # seconds that a replica has for one batch
SLACK = 3.0  # for a machine that does other things, too
SERVE_SECONDS = 10  # for a daemon's successor, its restart included
READ_SECONDS = 20  # for mailboxes whose first copies are read from where nothing answers
BACK_SECONDS = 90  # a store that was away long is probed every 30 seconds
HELPERS_MAX = 2  # of one daemon for one path
DAEMONS = ("mail1", "mail2", "mail3", "access1", "access2", "tracker1")
# Mount points of the disks, as rules number them.
MAIN, SECOND, OF_MAIL1 = 0, 1, 2

cluster = None
store2, store3 = None, None  # Disks
acknowledged = {}  # token -> the body that was sent


# -- mail -----------------------------------------------------------------------------------------


def send(server, count=1):
    """Sends so many messages in one session; the seconds that each took."""
    took = []
    endpoint = cluster.endpoints.smtp(f"{server}.{cluster.domain}")
    with smtplib.SMTP(*endpoint, timeout=30) as smtp:
        for _ in range(count):
            token = uuid.uuid4().hex
            body = f"body of {token} {'x' * 500}\r\n"
            started = time.monotonic()
            smtp.sendmail("f@client.invalid", [cluster.address("alice")],
                          f"Subject: load {token}\r\n\r\n{body}")
            took.append(time.monotonic() - started)
            acknowledged[token] = body
    return took


def try_send(server):
    with contextlib.suppress(smtplib.SMTPException, OSError):
        return send(server)
    return None


def read_all(server):
    """Every message, one FETCH each: token -> text behind the header."""
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address("alice"), cluster.password)
    count = int(imap.select("INBOX", readonly=True)[1][0])
    found = {}
    for number in range(1, count + 1):
        _, data = imap.fetch(str(number), "(BODY.PEEK[])")
        if data and isinstance(data[0], tuple):
            head, _, body = data[0][1].partition(b"\r\n\r\n")
            found[head.split(b"Subject: load ")[1][:32].decode()] = body.decode()
    imap.logout()
    return found


def all_there(expected=None):
    """Every acknowledged message (or what is expected), whole, through each access server."""
    if expected is None:
        expected = acknowledged

    def complete():
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            return all(expected.items() <= read_all(server).items()
                       for server in cluster.endpoints.access_servers)
        return False

    wait_until("every acknowledged message over IMAP", complete, 60, 0.5)


def timed(action, *arguments):
    started = time.monotonic()
    action(*arguments)
    return time.monotonic() - started


def stores_of_newest(server):
    """Storage servers that the newest segment of a mail server is written on."""
    return {row[0] for row in cluster.sql(
        "SELECT s.name FROM catalog.segment_replica r JOIN directory.storage_server s "
        "ON s.id = r.storage_server_id WHERE r.state = 'active' AND r.segment_id = "
        f"(SELECT id FROM catalog.segment WHERE writer = '{server}' ORDER BY id DESC LIMIT 1)",
        OWNER)}


def writes_to(server, store):
    """Sends one; whether it went to that store, too."""
    return try_send(server) is not None and store in stores_of_newest(server)


# -- processes ------------------------------------------------------------------------------------


def helpers_of(*roots):
    """pid -> parent of each path helper of these roots that has not ended."""
    wanted = {str(root).encode() for root in roots}
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The first thread of a process that was killed is gone while another is stuck.
            lines = [(task / "cmdline").read_bytes().split(b"\0")
                     for task in (entry / "task").iterdir()]
            if any(words[0].endswith(b"roundtable-path-helper") and wanted & set(words)
                   for words in lines):
                found[int(entry.name)] = int(
                    (entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    return found


def is_stuck(pid):
    """A thread of it waits where no signal reaches (state D)."""
    with contextlib.suppress(OSError):
        return any(task.read_text().rsplit(")", 1)[1].split()[0] == "D"
                   for task in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))
    return False


def stuck_helpers(root, parent=None):
    return [pid for pid, its in helpers_of(root).items()
            if is_stuck(pid) and parent in (None, its)]


def numbers(name):
    """Threads and descriptors of a daemon."""
    proc = pathlib.Path(f"/proc/{cluster.pid(name)}")
    return len(list((proc / "task").iterdir())), len(list((proc / "fd").iterdir()))


def root_of(store):
    return cluster.directory / "stores" / store


class Bounds:
    """Processes, threads and descriptors, which may not grow while a mount hangs."""

    def __init__(self):
        self.before = {name: numbers(name) for name in DAEMONS}

    def check(self, roots, lives=1):
        """roots: of the paths that hang. lives: how often each daemon was started since."""
        for root in roots:
            helpers = helpers_of(root)
            assert len(helpers) <= HELPERS_MAX * len(DAEMONS) * lives, helpers
            for name in DAEMONS:
                own = [pid for pid, parent in helpers.items() if parent == cluster.pid(name)]
                assert len(own) <= HELPERS_MAX, f"{name} has the helpers {own}"
        for name, (threads, descriptors) in self.before.items():
            now = numbers(name)
            # Sessions and segments come and go: a few descriptors more are no leak.
            assert now[0] <= threads + 4 and now[1] <= descriptors + 16, (name, now, self.before)


@contextlib.contextmanager
def hanging(disk, mount="*"):
    disk.rule("hang", "all", "hang", mount=mount)
    try:
        yield
    finally:
        disk.clear("hang")


# -- tests ----------------------------------------------------------------------------------------


def everything_is_used_at_first():
    for server, store in (("mail2", "store2"), ("mail3", "store3"), ("mail1", "store2")):
        wait_until(f"{server} writes to {store}", lambda s=server, t=store: writes_to(s, t), 30)
    for server in ("mail1", "mail2", "mail3"):
        send(server, 5)
    all_there()


def a_store_that_hangs_costs_one_batch_its_deadline():
    """And its helpers, which nobody can kill, stay two a daemon, while it hangs."""
    # Nothing is in a successor's caches; it takes store2 for healthy when the mount hangs.
    for name in ("access1", "access2"):
        restart(name, "path-healthy path=store2-1")
    bounds = Bounds()
    with concurrent.futures.ThreadPoolExecutor(1) as pool, hanging(store2):
        reading = pool.submit(timed, all_there, dict(acknowledged))
        for server in ("mail2", "mail1", "mail3"):
            first, *later = send(server, 21)
            print(f"  {server}: first {first:.2f} s, then at most {max(later):.2f} s", flush=True)
            assert first < BATCH_DEADLINE + SLACK, first
            assert max(later) < BATCH_DEADLINE, later
            assert "store2" not in stores_of_newest(server)
        took = reading.result()
        print(f"  read everything from other copies in {took:.1f} s", flush=True)
        assert took < READ_SECONDS, took
        wait_until("all helpers stuck, two for each daemon", lambda: len(
            stuck_helpers(root_of("store2"))) == HELPERS_MAX * len(DAEMONS), 60)
        others_may_die(bounds)
        killed_daemons_have_successors()
        bounds.check([root_of("store2")], lives=2)
    comes_back("store2", ("mail1", "mail2"))
    bounds.check([root_of("store2")], lives=1)


def others_may_die(bounds):
    """The helpers of the stores that are well end, again and again; the counts stay."""
    for _ in range(5):
        others = helpers_of(root_of("store1"), root_of("store3"))
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until("the next helpers", lambda gone=frozenset(others): len(
            helpers_of(root_of("store1"), root_of("store3")).keys() - gone) == len(gone), 30)
        for server in ("mail1", "mail2", "mail3"):
            wait_until("mail is accepted again", lambda s=server: try_send(s), 30)
        bounds.check([root_of("store2")])


def killed_daemons_have_successors():
    for name, serves in (("mail2", lambda: try_send("mail2")), ("access1", lambda: reads(0)),
                         ("access2", lambda: reads(1)), ("tracker1", tracks)):
        old = cluster.pid(name)
        left = stuck_helpers(root_of("store2"), old)
        assert left, f"no helper of {name} is stuck"
        cluster.kill(name)
        started = time.monotonic()
        cluster.wait_restarted(name, old, SERVE_SECONDS)
        wait_until(f"{name} serves", serves, SERVE_SECONDS)
        took = time.monotonic() - started
        print(f"  {name} served {took:.1f} s after kill -9", flush=True)
        assert took < SERVE_SECONDS, took
        assert all(is_stuck(pid) for pid in left), f"{left} are not stuck any more"
    all_there()


def reads(number):
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        return acknowledged.items() <= read_all(cluster.endpoints.access_servers[number]).items()
    return False


def tracks():
    """The only tracker has read a segment since this was asked first."""
    since = cluster.sql("SELECT now()", OWNER)[0][0]
    wait_until("a segment read by the tracker", lambda: cluster.sql(
        f"SELECT 1 FROM catalog.segment WHERE read_at > '{since}'", OWNER), SERVE_SECONDS)
    return True


def comes_back(store, servers):
    """Nobody does anything about it."""
    for server in servers:
        wait_until(f"{server} writes to {store} again",
                   lambda s=server: writes_to(s, store), BACK_SECONDS, 0.5)
    wait_until("the stuck helpers ended", lambda: len(helpers_of(root_of(store))) == len(DAEMONS)
               and not stuck_helpers(root_of(store)), BACK_SECONDS, 0.2)
    all_there()


def the_second_path_is_used_while_the_first_hangs():
    cluster.run("path", "add", "store2", str(store2.points[SECOND]), "--preference", "20")
    wait_until("helpers of the second path", lambda: len(
        helpers_of(store2.points[SECOND])) == len(DAEMONS), 30)
    with hanging(store2, MAIN):
        wait_until("mail2 writes to store2 by its second path", lambda: try_send("mail2") and
                   writes_by("mail2", store2.points[SECOND]), 30)
        send("mail2", 5)
        all_there()
    wait_until("mail2 finds the first path healthy",
               lambda: last_word("mail2", "path=store2-1") == "path-healthy", BACK_SECONDS, 0.2)
    # A store that drains ends the open segment.
    cluster.sql("UPDATE directory.storage_server SET state = 'draining' WHERE name = 'store3'",
                OWNER)
    wait_until("mail2 writes to store2 by its first path", lambda: try_send("mail2") and
               writes_by("mail2", root_of("store2")), 30)
    cluster.sql("UPDATE directory.storage_server SET state = 'active' WHERE name = 'store3'", OWNER)
    all_there()


def writes_by(name, root):
    """Whether a helper of that daemon and path has its newest segment open."""
    newest = cluster.sql(f"SELECT id FROM catalog.segment WHERE writer = '{name}' "
                         "ORDER BY id DESC LIMIT 1", OWNER)[0][0]
    for pid, parent in helpers_of(root).items():
        with contextlib.suppress(OSError):
            if parent == cluster.pid(name) and any(
                    newest in os.readlink(link)
                    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()):
                return True
    return False


def last_word(name, of_path):
    """The event of the last line in a daemon's log that is about a path."""
    lines = [line.split() for line in (cluster.directory / "log" / f"{name}.log").read_text(
        errors="replace").splitlines() if f" {of_path}" in line]
    return lines[-1][3] if lines else None


def restart(name, sign):
    """kill -9, until its successor has written that to the log."""
    log = cluster.directory / "log" / f"{name}.log"
    begin = log.stat().st_size
    old = cluster.kill(name)
    cluster.wait_restarted(name, old)
    wait_until(f"{name}: {sign}", lambda: sign in log.read_text(errors="replace")[begin:], 30)


def without_any_path_a_server_is_avoided():
    with hanging(store2):
        for server in ("mail2", "mail1"):
            first, *later = send(server, 6)
            assert first < BATCH_DEADLINE + SLACK and max(later) < BATCH_DEADLINE, (first, later)
            assert stores_of_newest(server) == {"store1", "store3"}, server
        all_there()
    comes_back("store2", ("mail2",))


def load_report(name):
    server = next(each for each in cluster.endpoints.mail_servers if each["name"] == name)
    with socket.create_connection((server["address"], server["load_port"]), 10) as connection:
        lines = connection.makefile("rb")
        lines.readline()
        connection.sendall(b"LOAD\r\n")
        return dict(word.split("=", 1) for word in lines.readline().decode().split())


def refusal(name):
    """The code by which a mail server does not take a message now; None: it took it."""
    try:
        send(name)
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    except smtplib.SMTPRecipientsRefused as error:
        return list(error.recipients.values())[0][0]
    return None


def prefers_mail1():
    return f"mail1.{cluster.domain}" in dns_client.best_hosts(cluster.endpoints.dns,
                                                              cluster.domain)


def who_cannot_reach_enough_stores_says_so_and_dns_goes_elsewhere():
    """mail1 has mounts of its own of store2 and store3, and they hang; all others are well."""
    for store, disk, mount in (("store2", store2, OF_MAIL1), ("store3", store3, SECOND)):
        everybody = [name for name in DAEMONS if name != "mail1"]
        cluster.sql(
            "WITH s AS (SELECT id FROM directory.storage_server WHERE name = "
            f"'{store}'), gone AS (DELETE FROM directory.storage_path p USING s WHERE "
            "p.storage_server_id = s.id RETURNING p.id) INSERT INTO directory.storage_path "
            "(storage_server_id, directory, preference, for_server) "
            f"SELECT s.id, '{disk.points[mount]}', 10, 'mail1' FROM s UNION ALL "
            f"SELECT s.id, '{disk.points[MAIN]}', 10, name FROM s, "
            f"unnest(ARRAY{everybody}) name", OWNER)
    wait_until("mail1 uses its own mounts", lambda: all(
        len(helpers_of(point)) == 1 for point in
        (store2.points[OF_MAIL1], store3.points[SECOND])), 30)
    wait_until("mail1 accepts", lambda: try_send("mail1"), 30)
    wait_until("DNS prefers mail1 among others", prefers_mail1, 30)
    with hanging(store2, OF_MAIL1), hanging(store3, SECOND):
        code = wait_until("mail1 refuses for now", lambda: refusal("mail1"), 30)
        assert code in (421, 451, 452), code
        wait_until("mail1 unfit", lambda: load_report("mail1")["fit"] == "0", 30)
        wait_until("DNS prefers the others", lambda: not prefers_mail1(), 30)
        for server in ("mail2", "mail3"):
            assert max(send(server, 5)) < BATCH_DEADLINE + SLACK
        all_there()
    wait_until("mail1 accepts again", lambda: try_send("mail1"), BACK_SECONDS, 0.5)
    wait_until("mail1 fit", lambda: load_report("mail1")["fit"] == "1", 30)
    wait_until("DNS prefers mail1 among others", prefers_mail1, 60)
    all_there()


def run():
    global cluster, store2, store3
    user = pwd.getpwnam("roundtable")
    owner = (user.pw_uid, user.pw_gid)
    fault_fs = programs() / "fault_fs"
    with contextlib.ExitStack() as stack:
        mounts = stack.enter_context(tempfile.TemporaryDirectory(prefix="roundtable-hung-"))
        os.chmod(mounts, 0o755)

        def disk(name, points):
            return stack.enter_context(Disk(
                fault_fs, name, mounts, [f"{mounts}/{name}-{n}" for n in range(points)], owner))

        store2, store3 = disk("store2", 3), disk("store3", 2)
        cluster = stack.enter_context(
            Cluster(stores={"store2": store2.points[MAIN], "store3": store3.points[MAIN]}))
        # Before the cluster is stopped: nothing may hang then.
        for each in (store2, store3):
            stack.callback(each.clear)
        main([everything_is_used_at_first,
              a_store_that_hangs_costs_one_batch_its_deadline,
              the_second_path_is_used_while_the_first_hangs,
              without_any_path_a_server_is_avoided,
              who_cannot_reach_enough_stores_says_so_and_dns_goes_elsewhere])


if __name__ == "__main__":
    needs_root()
    run()
