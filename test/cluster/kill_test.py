#!/usr/bin/env python3
"""10,000 messages from 50 parallel sessions while each mail agent in turn is killed with -9 and one
storage directory is taken away; then every acknowledged message is there on each access server."""

import collections
import imaplib
import json
import os
import pathlib
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, dns_client, main, wait_until  # noqa: E402
from smtp_load import Load  # noqa: E402

MESSAGES = int(os.environ.get("KILL_TEST_MESSAGES", "10000"))
SESSIONS = 50
TOKEN = re.compile(rb"load ([0-9a-f]{32})")


def found_over_imap(cluster, server, user):
    """token -> list of UIDs whose subject carries it, and the tokens whose body was read whole."""
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=120)
    imap.login(cluster.address(user), cluster.password)
    count = int(imap.select("INBOX", readonly=True)[1][0])
    uids = collections.defaultdict(list)
    whole = set()
    for first in range(1, count + 1, 500):
        last = min(first + 499, count)
        _, data = imap.fetch(f"{first}:{last}", "(UID BODY.PEEK[])")
        for item in data:
            if not isinstance(item, tuple):
                continue
            token = TOKEN.search(item[1]).group(1).decode()
            uids[token].append(int(re.search(rb"UID (\d+)", item[0]).group(1)))
            if item[1].count(token.encode()) > 20:
                whole.add(token)
    imap.logout()
    return uids, whole


def view_of(cluster, server):
    """What one access server shows of all users."""
    seen, whole = {}, set()
    for user in cluster.users:
        uids, read = found_over_imap(cluster, server, user)
        seen.update(uids)
        whole |= read
    return seen, whole


def faults(cluster, load, done):
    """Kills each mail agent at a quarter, a half and three quarters; a storage directory is away
    between 40 % and 60 % of the messages."""
    def reached(share):
        wait_until(f"{share:.0%} of the messages",
                   lambda: load.acknowledged() >= share * MESSAGES or done.is_set(), 900)

    reached(0.25)
    cluster.kill("mail1")
    reached(0.40)
    with cluster.storage_away("store2"):
        reached(0.50)
        cluster.kill("mail2")
        reached(0.60)
    reached(0.75)
    cluster.kill("mail3")


def nothing_acknowledged_is_lost():
    with Cluster(users=("alice", "bob", "carol", "dave")) as cluster:
        endpoints = cluster.endpoints

        def servers():
            hosts = dns_client.best_hosts(endpoints.dns, cluster.domain)
            return [endpoints.smtp(host) for host in hosts]

        load = Load(servers, [cluster.address(user) for user in cluster.users], MESSAGES, SESSIONS)
        done = threading.Event()
        failures = []

        def inject():
            try:
                faults(cluster, load, done)
            except BaseException as error:  # handed to the main thread below
                failures.append(error)

        injector = threading.Thread(target=inject)
        injector.start()
        try:
            sent = load.run()
        finally:
            done.set()
            injector.join()
        assert not failures, failures
        acknowledged = {message.token: message for message in sent if message.acknowledged}
        assert len(acknowledged) == MESSAGES, len(acknowledged)

        # What an agent acknowledged while its commit was in doubt is catalogued by the tracker.
        def catalogued():
            rows = cluster.sql("SELECT count(DISTINCT message_id) FROM report.delivery")
            return int(rows[0][0]) >= MESSAGES

        wait_until("every message in the catalog", catalogued, 120)

        # A duplicate that a killed agent left may still be on its way into the catalog.
        def settled():
            views = [view_of(cluster, server) for server in endpoints.access_servers]
            return views if all(view == views[0] for view in views) else None

        views = wait_until("the same mailboxes on each access server", settled, 120, 1)
        tokens, whole = views[0]
        lost = set(acknowledged) - set(tokens)
        assert not lost, f"{len(lost)} lost: {sorted(lost)[:5]}"
        assert set(acknowledged) <= whole, "a message was read cut short"

        duplicates = {token: uids for token, uids in tokens.items() if len(uids) > 1}
        untraced = [token for token, uids in duplicates.items()
                    if len(uids) - 1 > len(acknowledged[token].unclear)]
        assert not untraced, f"duplicates without a lost reply or a 451: {untraced[:5]}"
        assert len(duplicates) <= MESSAGES // 100, len(duplicates)

        # Each message has two copies, or the missing one is listed as owed with its reason.
        bare = cluster.sql("""
            SELECT message_id FROM report.message_copy GROUP BY message_id
            HAVING count(*) FILTER (WHERE state = 'active') = 0 LIMIT 5""")
        assert not bare, f"no good copy: {bare}"
        single = cluster.sql("""
            SELECT count(*) FROM catalog.message m
            WHERE (SELECT count(*) FROM report.message_copy l
                   WHERE l.message_id = m.id AND l.state = 'active') < 2
              AND NOT EXISTS (SELECT FROM report.copy_owed o WHERE o.segment_id = m.segment_id)""",
                             user="roundtable")
        assert single == [["0"]], f"{single} messages miss a copy that is not listed as owed"
        owed = cluster.sql("SELECT storage_server, reason, count(*) FROM report.copy_owed "
                           "GROUP BY 1, 2 ORDER BY 1, 2")
        assert all(row[1] for row in owed), f"an owed copy without a reason: {owed}"
        print(json.dumps({"messages": MESSAGES, "acknowledged": len(acknowledged),
                          "duplicates": len(duplicates),
                          "unclear": sum(len(m.unclear) for m in sent), "owed": owed}))


if __name__ == "__main__":
    main([nothing_acknowledged_is_lost])
