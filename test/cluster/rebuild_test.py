#!/usr/bin/env python3
"""The catalog is dropped while everything runs, and rebuilt from the storage servers: every mailbox
comes back as it was, with its UIDVALIDITY, UIDs, flags, keywords, dates, bodies, names and
subscriptions; mail goes on being accepted, and each message is delivered exactly once. Then the
whole database is lost, the directory with it, and comes back from the storage servers alone.

REBUILD_TEST_MESSAGES and REBUILD_TEST_MAILBOXES say how much there is in the mailboxes,
REBUILD_TEST_SENT how many of them come over SMTP, each with a frame of its own (COPY makes the
rest), REBUILD_TEST_IDLE for how many seconds nothing changes before the drop."""

import hashlib
import imaplib
import json
import os
import pathlib
import poplib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402
from receivers import Browser  # noqa: E402
from smtp_load import Load  # noqa: E402

MESSAGES = int(os.environ.get("REBUILD_TEST_MESSAGES", "3000"))
MAILBOXES = int(os.environ.get("REBUILD_TEST_MAILBOXES", "12"))
IDLE = float(os.environ.get("REBUILD_TEST_IDLE", "0"))
USERS = ("alice", "bob", "carol", "dave")
SENT = int(os.environ.get("REBUILD_TEST_SENT", min(400, MESSAGES // 4)))
TOKEN = re.compile(rb"load ([0-9a-f]{32})")
imaplib._MAXLINE = 50_000_000


def sign_in(cluster, server, user):
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=600)
    imap.login(cluster.address(user), cluster.password)
    return imap


def done(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def names_of(answer):
    return sorted(re.search(rb'"/" "?([^"]*)"?$', line).group(1).decode()
                  for line in answer if line)


def mailbox_view(imap, name):
    """UIDVALIDITY and, by UID, flags, keywords, internal date, size and a digest of the body."""
    count = int(done(imap.select(f'"{name}"', readonly=True))[0])
    validity = imap.response("UIDVALIDITY")[1][0]
    messages = {}
    for first in range(1, count + 1, 2000):
        last = min(first + 1999, count)
        data = done(imap.fetch(f"{first}:{last}",
                               "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
        for item in data:
            if not isinstance(item, tuple):
                continue
            uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
            flags = sorted(set(re.search(rb"FLAGS \(([^)]*)\)", item[0]).group(1).split())
                           - {rb"\Recent"})
            date = re.search(rb'INTERNALDATE "([^"]*)"', item[0]).group(1)
            size = re.search(rb"RFC822.SIZE (\d+)", item[0]).group(1)
            token = TOKEN.search(item[1]).group(1)
            messages[uid] = (flags, date, size, hashlib.sha1(item[1]).digest(), token)
    return validity, messages


def account_view(cluster, server, user):
    imap = sign_in(cluster, server, user)
    names = names_of(done(imap.list()))
    view = {"names": names, "subscribed": names_of(done(imap.lsub())),
            "mailboxes": {name: mailbox_view(imap, name) for name in names}}
    imap.logout()
    return view


def view_of(cluster, server):
    return {user: account_view(cluster, server, user) for user in USERS}


def fill(cluster, server):
    """Everything that a client can do to mailboxes, until they hold MESSAGES messages."""
    for user in USERS:
        imap = sign_in(cluster, server, user)
        boxes = [f"Box{n}" for n in range(MAILBOXES // len(USERS) - 1)]
        for box in boxes:
            done(imap.create(box))
        done(imap.create("Gone"))
        done(imap.create("Old/Deep"))
        inbox = int(done(imap.select("INBOX"))[0])
        each = (MESSAGES - SENT) // len(USERS) // max(1, len(boxes))
        # What came over SMTP is spread over the mailboxes where it is more than INBOX should hold.
        moved = max(0, inbox - 400) // max(1, len(boxes))
        for box in boxes:
            if moved:
                done(imap.uid("MOVE", f"{inbox - moved + 1}:{inbox}", box))
                inbox -= moved
            copied = 0
            while copied < each:
                count = min(inbox, each - copied)
                done(imap.copy(f"1:{count}", box))
                copied += count
        done(imap.copy("1:3", "Gone"))
        done(imap.uid("STORE", "1:10", "+FLAGS", r"(\Seen $Label1 Custom)"))
        done(imap.uid("STORE", "5:7", "FLAGS", r"(\Flagged \Answered)"))
        done(imap.uid("MOVE", "8:9", "Old/Deep"))
        done(imap.uid("STORE", "11:12", "+FLAGS", r"(\Deleted)"))
        done(imap.expunge())
        done(imap.uid("MOVE", "13:14", "Gone"))
        done(imap.delete("Gone"))
        done(imap.rename("Old", "Older"))
        done(imap.subscribe("INBOX"))
        done(imap.subscribe("Older/Deep"))
        done(imap.subscribe("Nowhere"))
        if boxes:
            done(imap.select(boxes[0]))
            done(imap.store("1:*", "+FLAGS", r"(\Seen)"))
        imap.logout()


def servers_of(cluster):
    return lambda: [(server["address"], server["smtp_port"])
                    for server in cluster.endpoints.mail_servers]


def wait_journaled(cluster):
    """Until all that is there now is in the journal."""
    began = cluster.sql("SELECT extract(epoch FROM clock_timestamp())", user="roundtable")[0][0]
    wait_until("the journal", lambda: cluster.sql(
        "SELECT coalesce(bool_or(extract(epoch FROM caught_up_at) > " + began +
        "), false) FROM report.journal")[0][0] == "t", 60)


def is_unavailable(cluster, server, user):
    """True if a mailbox is refused as unavailable, False if it opens; anything else is an error."""
    imap = sign_in(cluster, server, user)
    try:
        status, data = imap.select("INBOX", readonly=True)
        if status == "OK":
            return False
        assert data[0].startswith(b"[UNAVAILABLE]"), data
        return True
    finally:
        imap.logout()


def pop3_answer(cluster, server, user):
    """What POP3 answers to a good password while no mailbox can be opened."""
    pop3 = poplib.POP3(server["address"], server["pop3_port"], timeout=60)
    try:
        pop3.user(cluster.address(user))
        return pop3.pass_(cluster.password)
    except poplib.error_proto as refused:
        return refused.args[0]
    finally:
        pop3.close()


def rebuild(cluster, *options):
    """`roundtable catalog rebuild` to its end; returns what it printed."""
    endpoints = cluster.endpoints
    command = subprocess.run(
        [endpoints.program, "--dir", str(endpoints.directory), "catalog", "rebuild", *options,
         "--json"], capture_output=True, text=True, timeout=1200)
    print(command.stderr, flush=True)
    assert command.returncode == 0, command.stderr
    report = json.loads(command.stdout)
    assert report["phase"] == "done", report
    # Once more would throw it away: that takes two words.
    refused = cluster.run("catalog", "rebuild", check=False)
    assert refused.returncode == 1 and "--drop" in refused.stderr, refused
    return report


def the_catalog_comes_back():
    with Cluster(users=USERS) as cluster:
        endpoints = cluster.endpoints
        recipients = [cluster.address(user) for user in USERS]
        load = Load(servers_of(cluster), recipients, SENT, 20)
        assert all(message.acknowledged for message in load.run())
        wait_until("every message in the catalog", lambda: int(cluster.sql(
            "SELECT count(DISTINCT message_id) FROM report.delivery")[0][0]) >= SENT, 120)
        one, two = endpoints.access_servers[:2]
        fill(cluster, one)
        before = view_of(cluster, one)
        assert before == view_of(cluster, two)
        messages = sum(len(box[1]) for view in before.values()
                       for box in view["mailboxes"].values())
        boxes = sum(len(view["mailboxes"]) for view in before.values())
        wait_journaled(cluster)
        time.sleep(IDLE)
        held = sign_in(cluster, two, "alice")
        done(held.select("INBOX"))

        # Mail goes on from here to the end.
        ended = threading.Event()
        meanwhile = []

        def send():
            while not ended.is_set():
                more = Load(servers_of(cluster), recipients, 20, 2)
                meanwhile.extend(more.run())
                ended.wait(0.5)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            wait_until("mail before the drop", lambda: len(meanwhile) >= 20, 60)
            cluster.sql("DROP SCHEMA catalog CASCADE", user="roundtable")
            dropped = time.monotonic()
            at_drop = len(meanwhile)
            wait_until("mail without a catalog", lambda: len(meanwhile) >= at_drop + 40, 60)
            assert is_unavailable(cluster, one, "alice")
            assert is_unavailable(cluster, two, "bob")
            assert held.noop()[0] == "OK"
            assert pop3_answer(cluster, one, "carol").startswith(b"-ERR [SYS/TEMP]")
            report = rebuild(cluster)
            rebuilt = time.monotonic()
        finally:
            ended.set()
            sender.join()
        assert not [m for m in meanwhile if not m.acknowledged]

        # What a session had seen may not be there any more: it has to look afresh.
        try:
            raise AssertionError(f"the session goes on: {held.noop()}")
        except imaplib.IMAP4.abort:
            pass

        def settled():
            views = [view_of(cluster, server) for server in (one, two)]
            tokens = {box[4] for view in views[0].values()
                      for box in view["mailboxes"]["INBOX"][1].values()}
            there = all(m.token.encode() in tokens for m in meanwhile)
            return views if there and views[0] == views[1] else None

        after = wait_until("all mail in the mailboxes", settled, 120, 1)[0]
        new = {message.token.encode() for message in meanwhile}
        found = {}
        for user in USERS:
            was, now = before[user], after[user]
            assert was["names"] == now["names"], (was["names"], now["names"])
            assert was["subscribed"] == now["subscribed"]
            for name, (validity, messages_before) in was["mailboxes"].items():
                assert now["mailboxes"][name][0] == validity, name
                rest = dict(now["mailboxes"][name][1])
                for uid, message in messages_before.items():
                    assert rest.pop(uid) == message, (user, name, uid)
                for uid, message in rest.items():
                    assert name == "INBOX" and message[4] in new, (user, name, uid, message)
                    found[message[4]] = found.get(message[4], 0) + 1
        wrong = {token: count for token, count in found.items() if count != 1}
        unclear = {m.token.encode() for m in meanwhile if m.unclear}
        assert set(found) == new and not set(wrong) - unclear, wrong
        kinds = cluster.sql("SELECT kind, count(*) FROM report.event WHERE kind NOT IN "
                            "('catalog_replayed', 'catalog_rebuilt') GROUP BY 1")
        assert not [row for row in kinds if row[0] in ("frame_not_catalogued", "uid_jump",
                                                       "dead_letter")], kinds
        print(json.dumps({"messages": messages, "mailboxes": boxes, "meanwhile": len(meanwhile),
                          "rebuild_seconds": round(rebuilt - dropped, 1), "report": report}))


def directory_of(cluster):
    """Every row that the journal keeps, without what a name server writes at any time."""
    tables = [row[0] for row in cluster.sql(
        "SELECT table_name FROM catalog.journal_tables() ORDER BY place", user="roundtable")]
    return {table: sorted(row[0] for row in cluster.sql(
        "SELECT to_jsonb(d) - ARRAY['serial', 'priority_index', 'first_share', 'cause', "
        f"'changed_at'] FROM directory.{table} d", user="roundtable")) for table in tables}


def set_notifications(cluster):
    """One rule of each channel, with its secrets, and a box of a telephone system."""
    alice, bob = cluster.address("alice"), cluster.address("bob")
    cluster.run("notify", "configure", "smarthost=smtp://192.0.2.1:25", "mail_from=n@example.test",
                "vapid_subject=mailto:n@example.test", "allowed_networks=10.0.0.0/8")
    for words in (("email", "--to", "a@phone.invalid", "--folder", "INBOX", "--quiet",
                   "22:00-07:00", "--zone", "Europe/Berlin"),
                  ("sms", "--to", "+4930123456", "--kind", "fax", "--event", "MessageAppend"),
                  ("webhook", "--to", "https://hook.invalid/x", "--secret-stdin")):
        cluster.run("notify", "set", alice, "--by", *words, stdin="the secret of a webhook\n")
    cluster.run("notify", "set", bob, "--by", "webpush", "--event", "FlagsSet",
                "--subscription-stdin", stdin=Browser("https://push.invalid/x").subscription())
    cluster.run("voicemail", "box", "add", "1001@default", alice)
    cluster.sql("INSERT INTO directory.message_waiting (context, mailbox, method, target, author) "
                "VALUES ('default', '1001', 'webhook', 'https://mwi.invalid/', 'a test')",
                user="roundtable")


def a_lost_database_comes_back_with_its_directory():
    with Cluster(users=USERS) as cluster:
        endpoints = cluster.endpoints
        server = endpoints.access_servers[0]
        recipients = [cluster.address(user) for user in USERS]
        sent = Load(servers_of(cluster), recipients, 40, 4).run()
        wait_until("every message in the catalog", lambda: int(cluster.sql(
            "SELECT count(DISTINCT message_id) FROM report.delivery")[0][0]) >= 40, 60)
        cluster.run("block", "add", "--address", "spammer@bad.test", "--reason", "a test")
        set_notifications(cluster)
        imap = sign_in(cluster, server, "alice")
        done(imap.create("Kept"))
        done(imap.select("INBOX"))
        done(imap.uid("STORE", "1:3", "+FLAGS", r"(\Seen Custom)"))
        done(imap.uid("MOVE", "2", "Kept"))
        imap.logout()
        before, directory = view_of(cluster, server), directory_of(cluster)
        assert [len(directory[table]) for table in (
            "notification", "notification_secret", "voicemail_box", "message_waiting")] == [
            4, 2, 1, 1], directory
        wait_journaled(cluster)
        roots = [row[0] for row in cluster.sql(
            "SELECT directory FROM directory.storage_path ORDER BY id", user="roundtable")]

        refused = cluster.run("catalog", "rebuild", "--directory-from", roots[0], check=False)
        assert refused.returncode != 0 and "not empty" in refused.stderr, refused
        cluster.sql("DROP SCHEMA directory, catalog, report CASCADE; "
                    "DROP TABLE public.schema_migration", user="roundtable")
        refused = cluster.run("catalog", "rebuild", "--directory-from", "/nowhere", check=False)
        assert refused.returncode != 0 and "roundtable-store" in refused.stderr, refused
        rebuild(cluster, *(word for root in roots for word in ("--directory-from", root)))

        restored = directory_of(cluster)
        assert restored == directory, [
            (table, set(rows) ^ set(restored.get(table, ()))) for table, rows in directory.items()
            if rows != restored.get(table)]
        after = wait_until("the same mailboxes", lambda: view_of(cluster, server), 60, 1)
        differing = {user: [(name, before[user]["mailboxes"].get(name), box)
                            for name, box in after[user]["mailboxes"].items()
                            if before[user]["mailboxes"].get(name) != box]
                     for user in USERS if after[user] != before[user]}
        assert after == before, differing
        later = Load(servers_of(cluster), recipients, 8, 2).run()
        assert all(message.acknowledged for message in (*sent, *later))
        wait_until("new mail in the mailboxes", lambda: int(cluster.sql(
            "SELECT count(DISTINCT message_id) FROM report.delivery")[0][0]) >= 48, 60)
        cluster.run("account", "add", f"new@{cluster.domain}", "--password-stdin",
                    stdin="x y z 1\n")
        assert Load(servers_of(cluster), [f"new@{cluster.domain}"], 1, 1).run()[0].acknowledged


if __name__ == "__main__":
    main([the_catalog_comes_back, a_lost_database_comes_back_with_its_directory])
