#!/usr/bin/env python3
"""Expunged mail: it can be restored; when its time is over every store gives its room back."""

import contextlib
import imaplib
import pathlib
import poplib
import smtplib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

KEPT = (3, 8)
COUNT = 10


def text(number):
    body = "".join(f"line {line} of {number}\r\n" for line in range(2000))
    return (f"From: <sender@client.invalid>\r\nTo: <alice@example.test>\r\n"
            f"Subject: message {number}\r\n\r\n{body}")


def send(cluster, number):
    with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
        smtp.sendmail("sender@client.invalid", [cluster.address("alice")], text(number))


@contextlib.contextmanager
def mailbox(cluster, server=0):
    where = cluster.endpoints.access_servers[server]
    imap = imaplib.IMAP4(where["address"], where["imap_port"], timeout=30)
    imap.login(cluster.address("alice"), cluster.password)
    imap.select("INBOX")
    yield imap
    imap.logout()


def uids(imap):
    """UIDs by subject number, lists of them."""
    found = {}
    for uid in imap.uid("SEARCH", "ALL")[1][0].split():
        _, data = imap.uid("FETCH", uid.decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        number = int(data[0][1].split(b"message ")[1].split()[0])
        found.setdefault(number, []).append(int(uid))
    return found


def fetch(imap, uid):
    return imap.uid("FETCH", str(uid), "(BODY.PEEK[])")[1][0][1]


def segment_files(cluster):
    """Files of segments on all storage servers, with their sizes."""
    return {path: path.stat().st_size
            for server in cluster.endpoints.storage_servers
            for path in pathlib.Path(server["directories"][0]).glob("segments/*/*.seg")}


def admin(cluster, statement):
    return cluster.sql(statement, "roundtable")


def what_is_expunged_can_be_restored(cluster):
    send(cluster, 0)
    with mailbox(cluster) as imap:
        wait_until("the message", lambda: imap.noop() and 0 in uids(imap), 30)
        uid = uids(imap)[0][0]
        whole = fetch(imap, uid)
        imap.uid("STORE", str(uid), "+FLAGS", r"(\Seen \Deleted)")
        imap.expunge()
        assert uids(imap) == {}
        removed = cluster.json("message", "removed", "--account", cluster.address("alice"))
        assert len(removed) == 1 and removed[0]["mailbox"] == "INBOX", removed
        restored = cluster.json("message", "restore", removed[0]["message_id"])
        assert restored["mailbox"] == "INBOX" and restored["uid"] > uid, restored
    for server in range(len(cluster.endpoints.access_servers)):
        with mailbox(cluster, server) as imap:
            assert uids(imap) == {0: [restored["uid"]]}, uids(imap)
            assert fetch(imap, restored["uid"]) == whole
            flags = imap.uid("FETCH", str(restored["uid"]), "(FLAGS)")[1][0]
            assert b"\\Seen" in flags and b"\\Deleted" not in flags, flags
    assert cluster.json("message", "removed", "--account", cluster.address("alice")) == []


def pop3_deletes_are_retained(cluster):
    where = cluster.endpoints.access_servers[0]
    pop = poplib.POP3(where["address"], where["pop3_port"], timeout=30)
    pop.user(cluster.address("alice"))
    pop.pass_(cluster.password)
    pop.dele(1)
    pop.quit()
    removed = cluster.json("message", "removed", "--account", cluster.address("alice"))
    assert len(removed) == 1, removed


def room_is_given_back(cluster):
    for number in range(1, COUNT + 1):
        send(cluster, number)
    with mailbox(cluster) as imap:
        wait_until("all messages", lambda: imap.noop() and len(uids(imap)) == COUNT, 60)
        before = {n: fetch(imap, found[0]) for n, found in uids(imap).items()}
        for number, found in uids(imap).items():
            if number not in KEPT:
                imap.uid("STORE", str(found[0]), "+FLAGS", r"(\Deleted)")
        imap.expunge()
    # The agents seal what they have open when they stop.
    for name in ("mail1", "mail2", "mail3"):
        with contextlib.suppress(OSError):
            old = cluster.kill(name, 15)
            cluster.wait_restarted(name, old)
    wait_until("the segments sealed and catalogued", lambda: admin(
        cluster, "SELECT count(*) FROM catalog.message m JOIN catalog.segment s"
        " ON s.id = m.segment_id WHERE s.state = 'open' OR s.catalogued_to < s.length"
    ) == [["0"]], 90)
    full = segment_files(cluster)
    old = {row[0] for row in admin(cluster, "SELECT DISTINCT segment_id FROM catalog.message")}
    # So slow that the tracker can be killed in the midst of it.
    admin(cluster, "UPDATE directory.cluster SET expunged_retention = '0', superseded_grace = '0',"
          " upkeep_bytes_per_second = 65536")
    wait_until("the end of the retention", lambda: admin(
        cluster, "SELECT count(*) FROM catalog.retained") == [["0"]], 60)
    cluster.run("storage", "compact")
    wait_until("a claim", lambda: admin(
        cluster, "SELECT count(*) FROM catalog.segment WHERE upkeep_by IS NOT NULL") != [["0"]], 60)
    tracker = cluster.kill("tracker1")
    cluster.wait_restarted("tracker1", tracker)
    done = cluster.json("storage", "compact", "--wait", "--patience", "120")
    assert done["left"] == 0, done
    wait_until("the old segments to be forgotten", lambda: admin(
        cluster, "SELECT count(*) FROM catalog.segment WHERE superseded_at IS NOT NULL"
    ) == [["0"]], 90)
    left = segment_files(cluster)
    for path in left:
        assert path.name.split(".")[0] not in old, path
    assert sum(left.values()) < sum(full.values()) / 2, (full, left)
    for server in range(len(cluster.endpoints.access_servers)):
        with mailbox(cluster, server) as imap:
            found = uids(imap)
            assert sorted(found) == sorted(KEPT), found
            for number in KEPT:
                assert fetch(imap, found[number][0]) == before[number]
    copies = cluster.sql("SELECT message_id, count(*) FROM report.message_copy "
                         "WHERE state = 'active' GROUP BY 1")
    assert len(copies) == len(KEPT) and all(int(row[1]) >= 2 for row in copies), copies


def expunged_mail_from_restore_to_its_end():
    with Cluster(users=("alice",)) as cluster:
        what_is_expunged_can_be_restored(cluster)
        pop3_deletes_are_retained(cluster)
        room_is_given_back(cluster)


if __name__ == "__main__":
    main([expunged_mail_from_restore_to_its_end])
