#!/usr/bin/env python3
"""Messages of each kind, by `roundtable ingest` and by SMTP: mirrored, in the folder that the
account wants, with their keyword, in the reports. A key is delivered once: handed in by several
processes at several mail servers at the same moment; while PostgreSQL is away and mail servers are
killed."""

import concurrent.futures
import contextlib
import imaplib
import json
import os
import pathlib
import signal
import smtplib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

TEMPFAIL = 75
NEVER = 65
HEADER = ("From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
          "Date: Wed, 25 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n")
# RFC 3965: a fax that a T.37 gateway sends.
T37 = HEADER.format(sender="FAX=+4930111@gateway.invalid", to="FAX=+4930222/T33S=17@example.test",
                    subject="T.37 fax") + (
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/tiff; "
    "application=faxbw\r\nContent-Transfer-Encoding: base64\r\nContent-Duration: 61\r\n\r\n"
    "SUkqAAgAAAA=\r\n--b--\r\n")
# RFC 3801: what a voicemail system sends to another.
VPIM = HEADER.format(sender="J. Caller <+4930333@vm.invalid>", to="+4930444@example.test",
                     subject="VPIM voicemail") + (
    "Importance: High\r\nContent-Type: multipart/voice-message; version=2.0; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: audio/32kadpcm\r\nContent-Transfer-Encoding: base64\r\n"
    "Content-Disposition: inline; voice=Voice-Message\r\nContent-Duration: 9\r\n\r\n"
    "AAAA\r\n--b--\r\n")


def message(subject):
    return HEADER.format(sender="fax@example.test", to="alice@example.test",
                         subject=subject) + "\r\nhello\r\n"


def ingest(cluster, *arguments, stdin=""):
    """(exit code, what it said as JSON or None, standard error)"""
    done = subprocess.run(
        [cluster.directory / "bin" / "roundtable", "--dir", cluster.directory, "--json", "ingest",
         *arguments], input=stdin.encode(), capture_output=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.decode()


def ingest_until_done(cluster, *arguments, stdin=""):
    """As a program does that gets 75: again, with the same key."""
    last = []

    def done():
        last[:] = ingest(cluster, *arguments, stdin=stdin)
        return last[0] != TEMPFAIL

    wait_until(f"an answer to {arguments}", done, 120)
    assert last[0] == 0, last
    return last[1]


def sockets(cluster):
    return [server["ingest_socket"] for server in cluster.endpoints.mail_servers]


def mailbox(cluster, user, name):
    server = cluster.endpoints.access_servers[0]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=30)
    imap.login(cluster.address(user), cluster.password)
    assert imap.select(f'"{name}"', readonly=True)[0] == "OK", name
    return imap


def search(imap, *criteria):
    status, data = imap.search(None, *criteria)
    assert status == "OK", data
    return data[0].split()


def aborted(cluster):
    """Messages that are never delivered, because another has their key."""
    return int(cluster.sql("SELECT count(*) FROM catalog.aborted", "roundtable_operator")[0][0])


def answers(cluster):
    try:
        return cluster.sql("SELECT 1")
    except RuntimeError:
        return False


def raw(path, octets):
    """What the socket answers to octets that no client of ours would send."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(path)
        client.sendall(octets)
        with client.makefile() as lines:
            return json.loads(lines.readline())


def each_kind_by_both_ways():
    with Cluster() as cluster:
        alice = cluster.address("alice")
        cluster.run("account", "set", alice, "--fax-folder", "Office/Fax")
        ids = []
        for verb, attributes in (
                ("mail", ()),
                ("fax", ("pages=3", "called=+49 30 1", "sender-id=ACME", "device=ttyACM0")),
                ("voicemail", ("duration=12", "caller=+49 30 2", "caller-name=Jürgen"))):
            options = [word for each in attributes for word in ("--attribute", each)]
            code, told, error = ingest(cluster, verb, "--to", alice, "--from", "fax@example.test",
                                       *options, stdin=message(f"ingested {verb}"))
            assert code == 0 and told["copies"] == 2 and not told["again"], (code, told, error)
            ids.append(told["id"])
        with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
            for text in (T37, VPIM):
                smtp.sendmail("gateway@client.invalid", [alice], text)
        ids += [row[0] for row in cluster.sql(
            "SELECT message_id FROM report.message_copy WHERE sender = 'gateway@client.invalid' "
            "GROUP BY 1")]
        assert len(ids) == 5, ids
        for identity in ids:
            copies = cluster.copies(identity)
            assert len(copies) == 2 and copies[0] == copies[1], identity

        imap = mailbox(cluster, "alice", "Office/Fax")
        assert search(imap, "KEYWORD", "$Fax") == [b"1", b"2"]
        assert search(imap, "UNKEYWORD", "$Fax") == []
        _, data = imap.fetch("1:2", "(FLAGS)")
        assert all(b"$Fax" in line and b"Seen" not in line for line in data), data
        _, data = imap.fetch("1", "(BODY.PEEK[])")
        assert data[0][1].startswith(b"Return-Path: <fax@example.test>\r\nReceived: by "), data
        assert data[0][1].endswith(message("ingested fax").encode()), data
        imap.logout()
        imap = mailbox(cluster, "alice", "INBOX")
        assert search(imap, "KEYWORD", "$Voicemail") == [b"2", b"3"]
        assert search(imap, "UNKEYWORD", "$Voicemail", "UNKEYWORD", "$Fax") == [b"1"]
        imap.logout()

        rows = cluster.sql("SELECT coalesce(caller, '-'), called, coalesce(subaddress, '-'), "
                           "coalesce(sender_id, '-'), coalesce(pages, 0), coalesce(duration_s, 0), "
                           "coalesce(device, '-'), recipients FROM report.fax ORDER BY received_at")
        assert [list(map(str, row)) for row in rows] == [
            ["-", "+49 30 1", "-", "ACME", "3", "0", "ttyACM0", alice],
            ["+4930111", "+4930222", "17", "-", "0", "61", "-", alice]], rows
        rows = cluster.sql("SELECT caller, coalesce(caller_name, '-'), coalesce(called, '-'), "
                           "duration_s, urgent FROM report.voicemail ORDER BY received_at")
        assert [list(map(str, row))[:4] for row in rows] == [
            ["+49 30 2", "Jürgen", "-", "12"], ["+4930333", "J. Caller", "+4930444", "9"]], rows
        rows = cluster.sql("SELECT kind, messages FROM report.messages_by_kind ORDER BY 1")
        assert [list(map(str, row)) for row in rows] == [
            ["email", "1"], ["fax", "2"], ["voicemail", "2"]], rows


def a_key_is_delivered_once():
    with Cluster() as cluster:
        alice = cluster.address("alice")
        # At the same moment, from several processes, at two mail servers.
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            told = list(pool.map(
                lambda n: ingest_until_done(
                    cluster, "fax", "--to", alice, "--key", "call 1", "--socket",
                    sockets(cluster)[n % 2], stdin=message("at once")), range(8)))
        assert len({each["id"] for each in told}) == 1, told
        assert len([each for each in told if not each["again"]]) == 1, told
        assert len(search(mailbox(cluster, "alice", "INBOX"), "SUBJECT", '"at once"')) == 1

        before = aborted(cluster)

        # While PostgreSQL is away nobody can know; the one who took it is killed.
        cluster.run("daemon", "stop", "postgres")
        wait_until("PostgreSQL stopped", lambda: not any(
            d["daemon"] == "postgres" and d["pid"] for d in cluster.json("daemon", "list")), 60)
        for server in cluster.endpoints.mail_servers:
            ids = {ingest_until_done(cluster, "fax", "--to", alice, "--key", "call 2", "--socket",
                                     server["ingest_socket"], stdin=message("away"))["id"]
                   for _ in range(2)}
            assert len(ids) == 2, ids
            if server["name"] != cluster.endpoints.mail_servers[-1]["name"]:
                cluster.wait_restarted(server["name"], cluster.kill(server["name"]))
        cluster.run("daemon", "start", "postgres")
        wait_until("PostgreSQL answers", lambda: answers(cluster), 60)
        frames = 2 * len(cluster.endpoints.mail_servers)
        wait_until("one frame of the key delivered, the others dealt with",
                   lambda: aborted(cluster) - before == frames - 1, 120)
        known = ingest_until_done(cluster, "fax", "--to", alice, "--key", "call 2",
                                  stdin=message("away"))
        assert known["again"], known
        assert known["id"] == cluster.sql("SELECT message_id FROM catalog.ingest_key "
                                          "WHERE key = 'call 2'", "roundtable_operator")[0][0]
        assert len(search(mailbox(cluster, "alice", "INBOX"), "SUBJECT", "away")) == 1
        assert len(search(mailbox(cluster, "alice", "INBOX"), "ALL")) == 2


def exit_codes_say_try_again_or_never():
    with Cluster() as cluster:
        alice = cluster.address("alice")
        cluster.run("block", "add", "--address", "spammer@bad.invalid", "--reason", "test")
        spam = ("mail", "--to", alice, "--from", "spammer@bad.invalid", "--key", "spam")
        wait_until("the blocklist is known", lambda: "blocklist" in ingest(
            cluster, *spam, stdin=message("spam"))[2])
        before = len(search(mailbox(cluster, "alice", "INBOX"), "ALL"))
        gone = str(cluster.directory / "nobody-listens")
        cases = (
            (0, ("fax", "--to", alice), "", message("fine")),
            (0, ("fax", "--to", alice, "--socket", gone, "--socket", sockets(cluster)[1]), "",
             message("the second socket takes it")),
            (TEMPFAIL, ("fax", "--to", alice, "--socket", gone), "nobody-listens", message("x")),
            (NEVER, ("fax", "--to", "nobody@example.test"), "not an address of ours", message("x")),
            (NEVER, ("fax", "--to", alice, "--to", "x@elsewhere.invalid"), "x@elsewhere.invalid",
             message("x")),
            (NEVER, ("fax", "--to", "no address"), "no address", message("x")),
            (NEVER, spam[:-2], "blocklist", message("x")),
            (NEVER, ("fax", "--to", alice), "NUL", message("x") + "\0"),
            (NEVER, ("fax", "--to", alice), "empty", ""),
            (NEVER, ("fax", "--to", alice, "--attribute", "key=x"), "not the client's",
             message("x")),
            (2, ("fax",), "--to", message("x")),
            (2, ("fax", "--to", alice, "--attribute", "pages"), "name=value", message("x")),
            (2, ("fax", "--to", alice, gone), "nobody-listens", ""),
        )
        for want, arguments, says, text in cases:
            code, _, error = ingest(cluster, *arguments, stdin=text)
            assert code == want and says in error, (arguments, code, error)

        # Whoever gave no key learns which one the message has, and delivers it once.
        code, told, error = ingest(cluster, "fax", "--to", alice, "--socket", gone,
                                   stdin=message("x"))
        key = told["try_again_with_key"]
        assert code == TEMPFAIL and key.startswith("once-") and f"--key '{key}'" in error, error

        path = sockets(cluster)[0]
        header = json.dumps({"kind": "fax", "recipients": [alice], "size": 4}).encode() + b"\n"
        for octets, says in ((header + b"a\nb\n", "bare"), (header + b"a\rb\n", "bare"),
                             (header + b"abcd", "CRLF"), (b"nonsense\n", "JSON"),
                             (b"[" * 70000, "65536"), (header[:-2] + b',"x":1}\n', '"x"')):
            answer = raw(path, octets)
            assert answer["status"] == "never" and says in answer["reason"], (octets[:80], answer)
        # The next message of a session follows one that was refused.
        good = header.replace(b"4", b"6")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(path)
            client.sendall(header + b"a\nb\n" + good + b"ab\r\n\r\n" + good + b"ab\r\n\r\n")
            with client.makefile() as lines:
                assert [json.loads(lines.readline())["status"] for _ in range(3)] == [
                    "never", "stored", "stored"]
        assert len(search(mailbox(cluster, "alice", "INBOX"), "ALL")) == before + 4

        # Too few storage servers for two copies: later.
        names = [server["name"] for server in cluster.endpoints.storage_servers]
        with contextlib.ExitStack() as stack:
            for name in names[1:]:
                stack.enter_context(cluster.storage_away(name))
            wait_until("mail servers see that they are gone", lambda: ingest(
                cluster, "fax", "--to", alice, stdin=message("x"))[0] == TEMPFAIL, 60)
            code, _, error = ingest(cluster, "fax", "--to", alice, "--key", "k", stdin=message("y"))
            assert code == TEMPFAIL, (code, error)
        told = ingest_until_done(cluster, "fax", "--to", alice, "--key", "k", stdin=message("y"))
        assert not told["again"] or told["id"], told

        def found():
            # UNAVAILABLE until access servers, too, have seen that the storage servers are back.
            status, data = mailbox(cluster, "alice", "INBOX").search(None, "SUBJECT", '"y"')
            return status == "OK" and data[0].split()

        assert len(wait_until("it can be read", found, 60)) == 1


def helpers_of(cluster, daemon, roots):
    """Process ids of the path helpers that a daemon has for these storage roots."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if (words[0].endswith(b"roundtable-path-helper") and parent == cluster.pid(daemon)
                    and {str(root).encode() for root in roots} & set(words)):
                found.append(int(entry.name))
    return found


def what_is_known_with_one_copy_is_not_yet_safe():
    """A message that was never acknowledged is delivered from the one copy that it has: whoever
    asks for its key must keep his own copy until there are two."""
    with Cluster() as cluster, contextlib.ExitStack() as stack:
        alice = cluster.address("alice")
        server = cluster.endpoints.mail_servers[0]
        ask = ("fax", "--to", alice, "--key", "k", "--socket", server["ingest_socket"])
        first = ingest_until_done(cluster, "fax", "--to", alice, "--key", "first", "--socket",
                                  server["ingest_socket"], stdin=message("first"))
        [path, *_] = [row[0] for row in cluster.sql(
            f"SELECT path FROM report.message_copy WHERE message_id = '{first['id']}'")]
        others = [store for store in cluster.endpoints.storage_servers
                  if not any(path.startswith(f"{root}/") for root in store["directories"])]
        assert len(others) == len(cluster.endpoints.storage_servers) - 1, (path, others)
        # What is written to them is never done, and nothing is put in its place.
        roots = [root for store in others for root in store["directories"]]
        stopped = helpers_of(cluster, server["name"], roots)
        assert stopped, roots
        with contextlib.ExitStack() as cut:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
                stack.callback(go_on, pid)
            for store in others:
                cut.enter_context(cluster.storage_away(store["name"]))
            code, _, error = ingest(cluster, *ask, stdin=message("one copy"))
            assert code == TEMPFAIL, (code, error)
            wait_until("it is delivered all the same", lambda: cluster.sql(
                "SELECT 1 FROM catalog.ingest_key WHERE key = 'k'", "roundtable_operator"), 120)
            for path in sockets(cluster):
                code, _, error = ingest(cluster, "fax", "--to", alice, "--key", "k", "--socket",
                                        path, stdin=message("one copy"))
                assert code == TEMPFAIL and "not yet safe" in error, (code, error)
        for pid in stopped:
            go_on(pid)
        told = ingest_until_done(cluster, *ask, stdin=message("one copy"))
        assert told["again"], told
        assert len(cluster.copies(told["id"])) >= 2, told

        def found():
            status, data = mailbox(cluster, "alice", "INBOX").search(None, "SUBJECT", '"one copy"')
            return status == "OK" and data[0].split()

        assert len(wait_until("it can be read", found, 60)) == 1


def go_on(pid):
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main([each_kind_by_both_ways, a_key_is_delivered_once, exit_codes_say_try_again_or_never,
          what_is_known_with_one_copy_is_not_yet_safe])
