#!/usr/bin/env python3
"""PostgreSQL fails over under load: a synchronous standby takes over, connections are cut at any
byte, a primary goes silent, an asynchronous standby that lost commits takes over, an old backup is
put back. Nothing acknowledged is lost or doubled, and no UID that a client has seen ever gets
another body."""

import collections
import contextlib
import imaplib
import os
import pathlib
import re
import shutil
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, dns_client, main, wait_until  # noqa: E402
from postgres_pair import Pair  # noqa: E402
from postgres_server import OWNER  # noqa: E402
from smtp_load import Load  # noqa: E402

# For psql: our own programs look for the primary by themselves.
os.environ["PGTARGETSESSIONATTRS"] = "primary"
READERS = ("alice", "bob")  # get mail over SMTP
WRITER = "carol"  # appends, flags and expunges
TOKEN = re.compile(rb"load ([0-9a-f]{32})")
IMAP_ERRORS = (OSError, imaplib.IMAP4.error, AttributeError)


def login(cluster, server, user):
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address(user), cluster.password)
    return imap


def subjects(imap, first="1"):
    """(UID, token, flags) of the selected mailbox from a UID on."""
    _, data = imap.uid("FETCH", f"{first}:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    for item in data:
        if isinstance(item, tuple):
            yield (int(re.search(rb"UID (\d+)", item[0]).group(1)),
                   TOKEN.search(item[1]).group(1).decode(),
                   re.search(rb"FLAGS \(([^)]*)\)", item[0]).group(1).decode().split())


class Registry:
    """Which body clients have seen under each UID, on any access server, at any time."""

    def __init__(self):
        self.bodies = {}
        self.changed = []

    def look(self, cluster, server, user):
        imap = login(cluster, server, user)
        if imap.select("INBOX", readonly=True)[0] != "OK":
            raise imaplib.IMAP4.error("not now")
        validity = int(imap.response("UIDVALIDITY")[1][0])
        rows = list(subjects(imap))
        imap.logout()
        for uid, token, _ in rows:
            before = self.bodies.setdefault((user, validity, uid), token)
            if before != token:
                self.changed.append((user, validity, uid, before, token))
        return rows

    def look_everywhere(self, cluster):
        for server in cluster.endpoints.access_servers:
            for user in (*READERS, WRITER):
                self.look(cluster, server, user)


class Watching(threading.Thread):
    """Looks again and again while things happen."""

    def __init__(self, cluster, registry):
        super().__init__()
        self.cluster, self.registry, self.done = cluster, registry, threading.Event()

    def run(self):
        servers = self.cluster.endpoints.access_servers
        turn = 0
        while not self.done.is_set():
            turn += 1
            with contextlib.suppress(*IMAP_ERRORS):
                self.registry.look(self.cluster, servers[turn % len(servers)],
                                   READERS[turn // 2 % len(READERS)])
            self.done.wait(0.2)


class Writing(threading.Thread):
    """One IMAP client that appends, flags and expunges, and keeps what it was told is done."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster, self.done = cluster, threading.Event()
        self.appended, self.flagged, self.expunged = {}, set(), set()
        self.doubtful = set()  # an expunge or a flag without an answer
        self.last, self.longest, self.reconnects = time.monotonic(), 0.0, 0

    def told(self):
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now

    def run(self):
        imap = None
        servers = self.cluster.endpoints.access_servers
        while not self.done.is_set():
            try:
                if imap is None:
                    imap = login(self.cluster, servers[self.reconnects % len(servers)], WRITER)
                    imap.select("INBOX")
                self.step(imap)
            except IMAP_ERRORS:
                self.reconnects += 1
                with contextlib.suppress(*IMAP_ERRORS):
                    imap.shutdown()
                imap = None
                self.done.wait(0.1)
        with contextlib.suppress(*IMAP_ERRORS):
            imap.logout()

    def step(self, imap):
        token = uuid.uuid4().hex
        answer, data = imap.append("INBOX", None, None,
                                   f"Subject: load {token}\r\n\r\n{token}\r\n".encode())
        if answer != "OK":
            self.done.wait(0.05)
            return
        uid = re.search(rb"APPENDUID \d+ (\d+)", data[0])
        self.appended[token] = uid and int(uid.group(1))
        self.told()
        if uid is None:
            return  # acknowledged, catalogued later
        imap.noop()
        number = uid.group(1).decode()
        self.doubtful.add(token)
        # A session that could not ask for news does not know the UID yet, which is no error.
        answer, data = imap.uid("STORE", number, "+FLAGS", r"(\Flagged)")
        if answer != "OK" or data == [None]:
            return
        self.flagged.add(token)
        if len(self.appended) % 5 == 0:
            if (imap.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)")[0] != "OK"
                    or imap.uid("EXPUNGE", number)[0] != "OK"):
                return
            self.expunged.add(token)
        self.doubtful.discard(token)
        self.told()


class PacedLoad(Load):
    """So much that something is always on its way, and not more than can be read back soon; keeps
    the longest time in which nothing was acknowledged."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.last, self.longest, self.slowest = None, 0.0, 0.0
        self.stop = threading.Event()

    def _take(self):
        return None if self.stop.wait(0.1) else super()._take()

    def _attempt(self, smtp, message):
        started = time.monotonic()
        taken = super()._attempt(smtp, message)
        now = time.monotonic()
        with self.lock:
            self.slowest = max(self.slowest, now - started)
            if taken:
                self.longest = max(self.longest, now - (self.last or now))
                self.last = now
        return taken


@contextlib.contextmanager
def traffic(cluster, registry, sessions=8):
    """Load of all kinds; when it ends, what was sent and what was written."""
    def servers():
        return [cluster.endpoints.smtp(host)
                for host in dns_client.best_hosts(cluster.endpoints.dns, cluster.domain)]

    load = PacedLoad(servers, [cluster.address(user) for user in READERS], 100_000, sessions)
    writing, watching = Writing(cluster), Watching(cluster, registry)
    sending = threading.Thread(target=load.run)
    threads = (sending, writing, watching)
    for thread in threads:
        thread.start()
    try:
        yield load, writing
    finally:
        load.stop.set()
        writing.done.set()
        watching.done.set()
        for thread in threads:
            thread.join()


def goes_on(load, writing, messages=150, writes=10):
    """Waits until so many more were acknowledged."""
    goal, writes_goal = load.acknowledged() + messages, len(writing.appended) + writes
    wait_until(f"{messages} more messages", lambda: load.acknowledged() >= goal, 120)
    wait_until(f"{writes} more writes", lambda: len(writing.appended) >= writes_goal, 120)


def check_mail(cluster, registry, sent):
    """Every acknowledged message once in its mailbox, on each access server."""
    acknowledged = {m.token: m for m in sent if m.acknowledged}
    attempts = {m.token: len(m.unclear) for m in sent}

    def complete():
        views = []
        for server in cluster.endpoints.access_servers:
            tokens = collections.Counter()
            for user in READERS:
                tokens.update(token for _, token, _ in registry.look(cluster, server, user))
            views.append(tokens)
        # Copies that an unclear attempt left may still be on their way.
        same = all(view == views[0] for view in views)
        return views[0] if same and set(acknowledged) <= set(views[0]) else None

    tokens = wait_until("every acknowledged message on each access server", complete, 90, 1)
    doubled = [t for t, count in tokens.items() if count > 1 + attempts.get(t, 0)]
    assert not doubled, f"{len(doubled)} doubled: {doubled[:5]}"
    rows = cluster.sql("SELECT count(*) FROM (SELECT message_id, account_id FROM catalog.delivery "
                       "GROUP BY 1, 2 HAVING count(*) > 1) AS t", OWNER)
    assert rows == [["0"]], rows


def check_writes(cluster, registry, writing, flags_kept):
    rows = registry.look(cluster, cluster.endpoints.access_servers[0], WRITER)
    count = collections.Counter(token for _, token, _ in rows)
    flags = {token: words for _, token, words in rows}
    kept = set(writing.appended) - writing.expunged - writing.doubtful
    wait_until("every appended message", lambda: kept <= {
        token for _, token, _ in registry.look(
            cluster, cluster.endpoints.access_servers[0], WRITER)}, 60, 1)
    assert all(each == 1 for each in count.values()), "an appended message is there twice"
    if flags_kept:
        back = writing.expunged & set(count)
        assert not back, f"{len(back)} expunged messages are back"
        lost = [t for t in writing.flagged & set(flags) if r"\Flagged" not in flags[t]]
        assert not lost, f"{len(lost)} flags lost"


def check_uids(registry):
    assert not registry.changed, f"UIDs with two bodies: {registry.changed[:3]}"


def jumps(cluster):
    return int(cluster.sql("SELECT jumps FROM catalog.lineage", OWNER)[0][0])


def verdict(cluster):
    return cluster.sql("SELECT verdict FROM report.failover")[0][0]


def report(name, load, writing, started):
    print(f"{name}: {load.acknowledged()} messages and {len(writing.appended)} appends in "
          f"{time.monotonic() - started:.0f} s; longest without an acknowledgement: SMTP "
          f"{load.longest:.1f} s, IMAP writes {writing.longest:.1f} s; slowest transaction "
          f"{load.slowest:.1f} s", flush=True)


def a_synchronous_standby_takes_over():
    with Pair() as pair, Cluster(users=(*READERS, WRITER),
                                 up_options=["--database", pair.conninfo]) as cluster:
        assert "no standby" in verdict(cluster), verdict(cluster)
        pair.add_standby(synchronous=True)
        assert "loses nothing" in verdict(cluster), verdict(cluster)
        registry = Registry()
        started = time.monotonic()
        session = login(cluster, cluster.endpoints.access_servers[0], READERS[0])
        session.select("INBOX")
        with traffic(cluster, registry) as (load, writing):
            goes_on(load, writing)
            pair.a.kill()
            pair.to_a.close()
            pair.b.promote()
            goes_on(load, writing, 400, 40)
        report("synchronous failover", load, writing, started)
        check_mail(cluster, registry, load.sent)
        check_writes(cluster, registry, writing, flags_kept=True)
        check_uids(registry)
        assert jumps(cluster) == 1, jumps(cluster)
        # Numbers have jumped: a session of before is told that it may not have seen all, and ends.
        try:
            session.noop()
            raise AssertionError("a session of before the failover went on")
        except imaplib.IMAP4.abort as bye:
            assert "sign in again" in str(bye), bye
        assert "no standby" in cluster.run("status").stdout
        # Notices come from the new primary: the directory's changes are followed at once.
        cluster.run("account", "add", f"new@{cluster.domain}", "--password-stdin",
                    stdin="x y z 1\n")
        late = Load(lambda: [cluster.best_smtp()], [f"new@{cluster.domain}"], 1, 1)
        assert late.run()[0].acknowledged
        assert load.longest < 20 and writing.longest < 30, "stalled for too long"


def cut_connections_leave_nothing_in_doubt():
    with Pair() as pair, Cluster(users=(*READERS, WRITER),
                                 up_options=["--database", pair.conninfo]) as cluster:
        registry = Registry()
        started = time.monotonic()
        with traffic(cluster, registry) as (load, writing):
            goes_on(load, writing)
            for limit in (400, 4_000, 40_000, 400_000):
                pair.to_a.cut_after = limit
                threading.Event().wait(5)
            pair.to_a.cut_after = None
            goes_on(load, writing)
        report(f"{pair.to_a.cuts} connections cut", load, writing, started)
        assert pair.to_a.cuts > 20
        check_mail(cluster, registry, load.sent)
        check_writes(cluster, registry, writing, flags_kept=True)
        check_uids(registry)
        assert jumps(cluster) == 0, "nothing was lost"


def a_silent_primary_does_not_stop_acceptance():
    """Half-open connections: nothing comes, nobody hangs up; then another primary answers."""
    with Pair() as pair, Cluster(users=(*READERS, WRITER),
                                 up_options=["--database", pair.conninfo]) as cluster:
        pair.add_standby(synchronous=True)
        registry = Registry()
        started = time.monotonic()
        with traffic(cluster, registry) as (load, writing):
            goes_on(load, writing)
            load.slowest = load.longest = 0.0
            pair.to_a.hold()
            goes_on(load, writing, messages=300, writes=0)
            assert load.slowest < 12, f"a transaction took {load.slowest:.1f} s"
            pair.a.kill()
            pair.b.promote()
            goes_on(load, writing, 300, 20)
        report("silent primary", load, writing, started)
        check_mail(cluster, registry, load.sent)
        check_writes(cluster, registry, writing, flags_kept=True)
        check_uids(registry)
        assert jumps(cluster) == 1, jumps(cluster)
        assert writing.longest < 90, f"IMAP writes stalled for {writing.longest:.1f} s"


def lost_commits_reuse_no_uid():
    with Pair() as pair, Cluster(users=(*READERS, WRITER),
                                 up_options=["--database", pair.conninfo]) as cluster:
        pair.add_standby(synchronous=False)
        assert "may lose" in verdict(cluster), verdict(cluster)
        registry = Registry()
        started = time.monotonic()
        with traffic(cluster, registry) as (load, writing):
            goes_on(load, writing)
            pair.stream.hold()
            goes_on(load, writing, 600, 40)
            registry.look_everywhere(cluster)
            kept, had = (int(each.sql("SELECT count(*) FROM catalog.delivery", "mail")[0][0])
                         for each in (pair.b, pair.a))
            pair.a.kill()
            pair.to_a.close()
            pair.stream.close()
            pair.b.promote()
            goes_on(load, writing, 400, 20)
        report(f"{had - kept} deliveries lost with the primary", load, writing,
               started)
        assert had - kept > 300
        check_mail(cluster, registry, load.sent)
        check_writes(cluster, registry, writing, flags_kept=False)
        registry.look_everywhere(cluster)
        check_uids(registry)
        assert jumps(cluster) == 1, jumps(cluster)


def an_old_backup_reuses_no_uid():
    with Pair() as pair, Cluster(users=(*READERS, WRITER),
                                 up_options=["--database", pair.conninfo]) as cluster:
        registry = Registry()
        started = time.monotonic()
        with traffic(cluster, registry) as (load, writing):
            goes_on(load, writing)
            pair.b.copy_of(pair.a.port)
            goes_on(load, writing, 400, 30)
            registry.look_everywhere(cluster)
            pair.a.kill()
            shutil.rmtree(pair.a.data)
            pair.b.data.rename(pair.a.data)
            pair.a.start()
            goes_on(load, writing, 400, 20)
        report("old backup", load, writing, started)
        check_mail(cluster, registry, load.sent)
        check_writes(cluster, registry, writing, flags_kept=False)
        registry.look_everywhere(cluster)
        check_uids(registry)
        assert jumps(cluster) == 1, jumps(cluster)


if __name__ == "__main__":
    main([a_synchronous_standby_takes_over, cut_connections_leave_nothing_in_doubt,
          a_silent_primary_does_not_stop_acceptance, lost_commits_reuse_no_uid,
          an_old_backup_reuses_no_uid])
