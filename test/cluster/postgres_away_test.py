#!/usr/bin/env python3
"""PostgreSQL is away while mail goes on: more messages than an agent keeps in memory, agents killed
meanwhile, some large messages, then the database comes back under load. Each message is catalogued
once, in the order of its segment, with the time at which it came. Then small storage servers fill
up while the database is away."""

import contextlib
import datetime
import imaplib
import os
import pathlib
import re
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, dns_client, main, wait_until  # noqa: E402
from ports import free_port  # noqa: E402
from smtp_load import Load  # noqa: E402

MESSAGES = int(os.environ.get("AWAY_TEST_MESSAGES", "25000"))
LARGE = 36  # of 5 MiB: each agent fills a segment
LATER = 3000  # while the database comes back
USERS = ("alice", "bob", "carol", "dave")


class TimedLoad(Load):
    """Remembers between which times each message was taken."""

    def _attempt(self, smtp, message):
        started = time.time()
        taken = super()._attempt(smtp, message)
        if taken:
            message.between = (started, time.time())
        return taken


def postgres_runs(cluster):
    return any(d["daemon"] == "postgres" and d["pid"] for d in cluster.json("daemon", "list"))


def stop_postgres(cluster):
    cluster.run("daemon", "stop", "postgres")
    wait_until("PostgreSQL stopped", lambda: not postgres_runs(cluster), 60)


def open_admin_ports(cluster, names):
    """Gives daemons an admin port; returns name -> port."""
    ports = {}
    for name in names:
        ports[name] = free_port()
        config = next(cluster.directory.rglob(f"{name}.yaml"))
        with config.open("a") as file:
            file.write(f'admin_listen: "127.0.0.1:{ports[name]}"\n')
        cluster.wait_restarted(name, cluster.kill(name))
    return ports


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith((name + " ", name + "{")):
                return float(line.split()[-1])
    raise KeyError(name)


def metric_or_none(port, name):
    try:
        return metric(port, name)
    except (OSError, KeyError):
        return None


def servers_of(cluster):
    endpoints = cluster.endpoints

    def servers():
        return [endpoints.smtp(host)
                for host in dns_client.best_hosts(endpoints.dns, cluster.domain)]

    return servers


def unknown_is_refused(cluster):
    """A name server that was too busy a moment ago is not asked: 451 until it is once more."""
    with smtplib.SMTP(*servers_of(cluster)()[0], timeout=30) as smtp:
        smtp.ehlo("client.invalid")
        smtp.mail("a@client.invalid")
        code = smtp.rcpt(f"nobody@{cluster.domain}")[0]
    assert code in (451, 550), code
    return code == 550


def delivered(cluster):
    return int(cluster.sql("SELECT count(*) FROM catalog.delivery", "roundtable")[0][0])


def fetched(imap, first, last, items):
    """(UID, INTERNALDATE as seconds, token) of messages by sequence number."""
    _, data = imap.fetch(f"{first}:{last}", items)
    found = []
    for item in data:
        if isinstance(item, tuple):
            uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
            date = re.search(rb'INTERNALDATE "([^"]+)"', item[0]).group(1).decode()
            at = datetime.datetime.strptime(date.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
            found.append((uid, at, re.search(rb"load ([0-9a-f]{32})", item[1]).group(1).decode()))
    return found


def examined(imap):
    """How many messages the INBOX has; None: not now."""
    answer, data = imap.select("INBOX", readonly=True)
    return int(data[0]) if answer == "OK" else None


def view_of(cluster, server, user):
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=120)
    imap.login(cluster.address(user), cluster.password)
    # [UNAVAILABLE] until it is known again what storage servers may hold that nobody catalogued.
    wait_until("the mailbox", lambda: examined(imap) is not None, 60, 0.5)
    count = examined(imap)
    rows = []
    for first in range(1, count + 1, 1000):
        rows += fetched(imap, first, min(first + 999, count),
                        "(UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    imap.logout()
    return rows


def check_once_and_in_order(cluster, sent):
    """Every acknowledged message once, but for attempts without a clear reply; UIDs ascend in each
    segment; INTERNALDATE is when it came."""
    by_token = {m.token: m for m in sent if m.acknowledged}
    seen = {}
    for user in USERS:
        rows = view_of(cluster, cluster.endpoints.access_servers[0], user)
        for _, at, token in rows:
            seen.setdefault(token, []).append(at)
    lost = set(by_token) - set(seen)
    assert not lost, f"{len(lost)} lost: {sorted(lost)[:5]}"
    doubled = [t for t, m in by_token.items() if len(seen[t]) - 1 > len(m.unclear)]
    assert not doubled, f"{len(doubled)} doubled: {doubled[:5]}"
    for token, message in by_token.items():
        begin, end = message.between
        assert any(int(begin) <= at <= end for at in seen[token]), (
            f"{token} has INTERNALDATE {seen[token]}, was taken between {begin} and {end}")
    # Sessions of one moment have no order among them.
    disorder = cluster.sql("""
        SELECT count(*), count(DISTINCT segment_id), max(late) FROM (
            SELECT m.segment_id, d.uid, max(d.uid) OVER (
                       PARTITION BY m.segment_id, d.mailbox_id ORDER BY m.received_at
                       RANGE BETWEEN UNBOUNDED PRECEDING AND '2 seconds' PRECEDING) AS before,
                   d.delivered_at - m.received_at AS late
            FROM catalog.delivery d JOIN catalog.message m ON m.id = d.message_id) AS t
        WHERE uid < before""", "roundtable")
    assert disorder[0][0] == "0", f"UIDs against the order of a segment: {disorder}"


def mail_is_taken_and_catalogued_later():
    with Cluster(users=USERS) as cluster:
        agents = ("mail1", "mail2", "mail3")
        ports = open_admin_ports(cluster, agents + ("tracker1",))
        cluster.wait_ready()
        addresses = [cluster.address(user) for user in USERS]
        before = TimedLoad(servers_of(cluster), addresses, 40, 4)
        sent = before.run()
        wait_until("the first messages in the catalog", lambda: delivered(cluster) == 40, 30)
        server = cluster.endpoints.access_servers[0]
        imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
        imap.login(addresses[0], cluster.password)
        imap.select("INBOX")
        first = imap.fetch("1:*", "(UID BODY.PEEK[])")[1]

        stop_postgres(cluster)
        stopped = time.monotonic()
        wait_until("an unknown address is refused as before", lambda: unknown_is_refused(cluster))
        sent += fill(cluster, addresses, ports)
        took = time.monotonic() - stopped
        print(f"{len(sent)} messages, {took:.0f} s without PostgreSQL", flush=True)
        assert imap.fetch("1:*", "(UID BODY.PEEK[])")[1] == first, "an open session reads on"
        wait_until("an unknown address is refused", lambda: unknown_is_refused(cluster))

        waiting = sum(metric(ports[name], "roundtable_catalog_waiting_messages")
                      for name in agents)
        left = sum(metric(ports[name], "roundtable_catalog_left_to_trackers_total")
                   for name in agents)
        oldest = [metric(ports[name], "roundtable_catalog_oldest_waiting_timestamp_seconds")
                  for name in agents]
        age = time.time() - min(at for at in oldest if at > 0)
        print(f"waiting {waiting:.0f}, left to trackers {left:.0f}, oldest {age:.0f} s", flush=True)
        assert waiting > 0 and left > 0 and 0 < age <= took + 5

        later = TimedLoad(servers_of(cluster), addresses, LATER, 8, seed=3)
        thread = threading.Thread(target=later.run)
        thread.start()
        cluster.run("daemon", "start", "postgres")
        wait_until("PostgreSQL answers", lambda: count_or_zero(cluster), 60)
        started = time.monotonic()
        already = count_or_zero(cluster)
        goal = len(sent)
        wait_until("the messages of the outage in the catalog",
                   lambda: count_or_zero(cluster) >= goal, 180)
        caught_up = time.monotonic() - started
        # Trackers leave the newest messages to their agents for a while: the busiest seconds say
        # how fast they are. A figure to read, not a bound: it depends on the machine.
        fastest = [int(row[0]) for row in cluster.sql(
            "SELECT count(*) FROM catalog.delivery GROUP BY date_trunc('second', delivered_at) "
            "ORDER BY 1 DESC LIMIT 3", "roundtable")]
        print(f"caught up in {caught_up:.1f} s with {goal - already} messages; most in a second: "
              f"{fastest}", flush=True)
        thread.join()
        sent += later.sent
        assert len([m for m in sent if m.acknowledged]) == len(sent)
        wait_until("every message in the catalog",
                   lambda: delivered(cluster) >= len(sent), 120)
        wait_until("nothing waits", lambda: sum(
            metric(ports[name], "roundtable_catalog_waiting_messages") for name in agents) == 0, 30)
        assert all(metric(ports[name], "roundtable_catalog_oldest_waiting_timestamp_seconds") == 0
                   for name in agents)
        check_once_and_in_order(cluster, sent)
        imap.noop()
        assert int(imap.select("INBOX")[1][0]) > len(first) // 2, "the session goes on"
        imap.logout()


def count_or_zero(cluster):
    with contextlib.suppress(RuntimeError):
        return delivered(cluster)
    return 0


def fill(cluster, addresses, ports):
    """Mail for known addresses while the database is away; two agents are killed on the way."""
    load = TimedLoad(servers_of(cluster), addresses, MESSAGES - LARGE, 24, size=1024, seed=1)
    large = TimedLoad(servers_of(cluster), addresses, LARGE, 3, size=5 << 20, seed=2)
    done = threading.Event()
    failures, extra = [], []

    def inject():
        try:
            for share, name in ((0.3, "mail1"), (0.6, "mail2")):
                wait_until(f"{share:.0%} of the messages", lambda: done.is_set() or (
                    load.acknowledged() >= share * load.count), 900)
                cluster.wait_restarted(name, cluster.kill(name))
                # Started without a database, it takes mail and says so.
                server = cluster.endpoints.smtp(f"{name}.{cluster.domain}")
                one = TimedLoad(lambda at=server: [at], addresses[:1], 1, 1)
                extra.extend(one.run())
                wait_until(f"a message waits on {name}", lambda: (metric_or_none(
                    ports[name], "roundtable_catalog_waiting_messages") or 0) > 0, 60)
            # One that was busy starting may have been taken out a moment ago.
            wait_until("two hosts are best", lambda: len(dns_client.best_hosts(
                cluster.endpoints.dns, cluster.domain)) >= 2, 30)
        except BaseException as error:  # handed to the main thread below
            failures.append(error)

    others = [threading.Thread(target=inject), threading.Thread(target=large.run)]
    for thread in others:
        thread.start()
    try:
        load.run()
    finally:
        done.set()
        for thread in others:
            thread.join()
    assert not failures, failures
    # More than the queue of an agent holds, whomever the steering preferred.
    server = cluster.endpoints.smtp(f"mail3.{cluster.domain}")
    for seed in range(10, 16):
        if metric(ports["mail3"], "roundtable_catalog_left_to_trackers_total") > 0:
            break
        extra.extend(TimedLoad(lambda: [server], addresses, 2000, 24, size=1024, seed=seed).run())
    return load.sent + large.sent + extra


@contextlib.contextmanager
def small_stores(names, megabytes):
    """Small file systems, one for each storage server."""
    mounts = {}
    try:
        for name in names:
            mounts[name] = pathlib.Path(tempfile.mkdtemp(prefix=f"roundtable-{name}-"))
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "small",
                            mounts[name]], check=True)
        yield mounts
    finally:
        for mount in mounts.values():
            subprocess.run(["umount", "-l", mount], check=False)
            mount.rmdir()


def free_bytes(mount):
    space = os.statvfs(mount)
    return space.f_bavail * space.f_frsize


def reply_to_large(cluster, token, size):
    """The code of a message of that size; 250 or what was said instead."""
    try:
        with smtplib.SMTP(*cluster.endpoints.smtp(f"mail1.{cluster.domain}"), timeout=60) as smtp:
            smtp.sendmail("f@client.invalid", [cluster.address("alice")],
                          f"Subject: load {token}\r\n\r\n" + ("y" * 76 + "\r\n") * (size // 78))
        return 250
    except smtplib.SMTPRecipientsRefused as refused:
        return next(iter(refused.recipients.values()))[0]
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code


def tokens_of(cluster):
    return [token for _, _, token in
            view_of(cluster, cluster.endpoints.access_servers[0], "alice")]


def full_stores_say_no_before_they_are_full():
    with small_stores(("store1", "store2", "store3"), 380) as mounts, \
            Cluster(stores=mounts) as cluster:
        stop_postgres(cluster)
        acknowledged, codes = [], []
        started = time.monotonic()
        while True:
            token = f"{len(codes):032x}"
            codes.append(reply_to_large(cluster, token, 4 << 20))
            if codes[-1] != 250:
                break
            acknowledged.append(token)
            assert time.monotonic() - started < 300, "the stores never were too full"
        room = sorted(free_bytes(mount) for mount in mounts.values())
        print(f"{len(acknowledged)} messages, then {codes[-1]}; free MiB: "
              f"{[r >> 20 for r in room]}", flush=True)
        assert codes[-1] in (421, 451, 452), codes[-1]
        assert len(acknowledged) > 5 and room[0] > 64 << 20, "stopped before the disk was full"
        # Room is made, as an operator would: the file systems grow. Mail goes on.
        for mount in mounts.values():
            subprocess.run(["mount", "-o", "remount,size=900m", mount], check=True)
        wait_until("mail goes on", lambda: reply_to_large(cluster, "f" * 32, 1 << 20) == 250, 60, 1)
        cluster.run("daemon", "start", "postgres")
        wait_until("every message over IMAP", lambda: set(acknowledged) <= set(
            tokens_or_none(cluster)), 120, 1)
        seen = tokens_of(cluster)
        assert all(seen.count(token) == 1 for token in acknowledged), "catalogued more than once"


def tokens_or_none(cluster):
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        return tokens_of(cluster)
    return []


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("this test mounts small file systems: run it as root")
    main([mail_is_taken_and_catalogued_later, full_stores_say_no_before_they_are_full])
