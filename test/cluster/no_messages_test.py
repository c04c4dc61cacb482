#!/usr/bin/env python3
"""A client with no messages is told so, by POP3, IMAP and `roundtable message list`; and nobody is
told so who has some: while PostgreSQL is away, while the catalog is rebuilt, while every storage
server that holds them hangs or is gone."""

import contextlib
import imaplib
import os
import pathlib
import poplib
import signal
import smtplib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

SENT = 3
cluster = None

# What may be answered to the question of what there is.
NONE, SOME, UNAVAILABLE = "none", "some", "unavailable"


def pop3(user, server=0):
    access = cluster.endpoints.access_servers[server]
    try:
        session = poplib.POP3(access["address"], access["pop3_port"], timeout=60)
    except (OSError, poplib.error_proto):
        return UNAVAILABLE
    try:
        session.user(cluster.address(user))
        session.pass_(cluster.password)
        answer = session._shortcmd("STAT").decode()
        session.quit()
    except (OSError, poplib.error_proto):
        return UNAVAILABLE
    if answer.startswith("+OK 0 0"):
        return NONE
    assert answer.split()[:2] == ["+OK", str(SENT)], answer
    return SOME


def imap(user, server=0):
    """SELECT, EXAMINE and STATUS: all must say the same."""
    access = cluster.endpoints.access_servers[server]
    found = set()
    try:
        session = imaplib.IMAP4(access["address"], access["imap_port"], timeout=60)
        session.login(cluster.address(user), cluster.password)
        for ask in (lambda: session.select("INBOX", readonly=True),
                    lambda: session.select("INBOX"),
                    lambda: session.status("INBOX", "(MESSAGES)")):
            status, data = ask()
            if status != "OK":
                found.add(UNAVAILABLE)
                continue
            text = data[0].decode()
            count = int(text.rsplit("MESSAGES", 1)[1].strip(" )")) if "(" in text else int(text)
            assert count in (0, SENT), data
            found.add(SOME if count else NONE)
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            session.logout()
    except (OSError, imaplib.IMAP4.error):
        found.add(UNAVAILABLE)
    # Between two commands a rebuild may have come to this mailbox.
    assert not {SOME, NONE} <= found, found
    return found.pop() if len(found) == 1 else (found - {UNAVAILABLE}).pop()


def command(user):
    result = cluster.run("message", "list", cluster.address(user), check=False)
    if result.returncode != 0:
        assert result.returncode == 5, result
        assert "no messages" not in result.stdout + result.stderr, result
        assert result.stderr.strip(), result
        return UNAVAILABLE
    if result.stdout == "no messages\n":
        return NONE
    # A line of names, and one for each message.
    assert len(result.stdout.splitlines()) == 1 + SENT, result.stdout
    return SOME


def everybody(user):
    answers = {"command": command(user)}
    for number in range(len(cluster.endpoints.access_servers)):
        answers[f"pop3 {number}"] = pop3(user, number)
        answers[f"imap {number}"] = imap(user, number)
    return answers


def nobody_says_none(user):
    answers = everybody(user)
    assert NONE not in answers.values(), answers
    return answers


@contextlib.contextmanager
def daemon_stopped(name):
    cluster.run("daemon", "stop", name)
    wait_until(f"{name} stopped", lambda: not any(
        d["daemon"] == name and d["pid"] for d in cluster.json("daemon", "list")), 60)
    try:
        yield
    finally:
        cluster.run("daemon", "start", name)


def all_answer(user, wanted):
    wait_until(f"everybody says {wanted} of {user}",
               lambda: set(everybody(user).values()) == {wanted}, 60, 0.2)


# -- tests ----------------------------------------------------------------------------------------


def who_has_none_is_told_so():
    assert set(everybody("bob").values()) == {NONE}, everybody("bob")
    assert cluster.json("message", "list", cluster.address("bob")) == []
    inbox = cluster.run("message", "list", cluster.address("bob"), "--mailbox", "inbox")
    assert inbox.stdout == "no messages\n", inbox
    # The words of the protocols, not only what libraries make of them.
    access = cluster.endpoints.access_servers[0]
    with socket.create_connection((access["address"], access["pop3_port"]), 10) as raw:
        lines = raw.makefile("rwb", buffering=0)
        lines.readline()
        for line in (f"USER {cluster.address('bob')}", f"PASS {cluster.password}"):
            lines.write(line.encode() + b"\r\n")
            assert lines.readline().startswith(b"+OK")
        lines.write(b"STAT\r\n")
        assert lines.readline() == b"+OK 0 0\r\n"
    with socket.create_connection((access["address"], access["imap_port"]), 10) as raw:
        lines = raw.makefile("rwb", buffering=0)
        lines.readline()
        lines.write(f'a LOGIN {cluster.address("bob")} "{cluster.password}"\r\n'.encode())
        while not lines.readline().startswith(b"a OK"):
            pass
        lines.write(b"b SELECT INBOX\r\n")
        answer = []
        while not answer or not answer[-1].startswith(b"b "):
            answer.append(lines.readline())
        assert b"* 0 EXISTS\r\n" in answer, answer


def who_is_asked_wrongly_is_told_what_is_wrong():
    unknown = cluster.run("message", "list", f"nobody@{cluster.domain}", check=False)
    assert unknown.returncode == 3 and "no account" in unknown.stderr, unknown
    mailbox = cluster.run("message", "list", cluster.address("bob"), "--mailbox", "Work",
                          check=False)
    assert mailbox.returncode == 3 and "no mailbox Work" in mailbox.stderr, mailbox


def who_has_some_sees_them():
    for number in range(SENT):
        with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
            smtp.sendmail("a@client.invalid", [cluster.address("alice")],
                          f"Subject: {number}\r\n\r\nhello\r\n")
    all_answer("alice", SOME)
    rows = cluster.json("message", "list", cluster.address("alice"))
    assert [row["uid"] for row in rows] == [1, 2, 3], rows
    assert {row["kind"] for row in rows} == {"email"}, rows
    assert {row["sender"] for row in rows} == {"a@client.invalid"}, rows


def no_storage_server_answers():
    """Their directories are gone: what is listed comes from the catalog, what is read fails."""
    with contextlib.ExitStack() as away:
        for server in cluster.endpoints.storage_servers:
            away.enter_context(cluster.storage_away(server["name"]))
        for name in ("access1", "access2"):  # nothing is in a successor's caches
            old = cluster.kill(name)
            cluster.wait_restarted(name, old)
        wait_until("access servers answer", lambda: UNAVAILABLE not in
                   (pop3("bob", 0), pop3("bob", 1)), 60, 0.2)
        answers = nobody_says_none("alice")
        assert answers["command"] == SOME, answers
    all_answer("alice", SOME)


def every_storage_server_hangs():
    """Their helpers are stopped, and so are those that are started in their place."""
    stopped = set()

    def stop_helpers():
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if (words[0].endswith(b"roundtable-path-helper")
                        and words[0].startswith(bytes(cluster.directory))):
                    os.kill(int(entry.name), signal.SIGSTOP)
                    stopped.add(int(entry.name))

    try:
        stop_helpers()
        assert stopped, "no helpers found"
        for _ in range(3):
            answers = nobody_says_none("alice")
            stop_helpers()
        assert answers["command"] == SOME, answers
        assert set(everybody("bob").values()) <= {NONE, UNAVAILABLE}
    finally:
        for pid in stopped:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)
    all_answer("alice", SOME)


def the_database_is_away():
    with daemon_stopped("postgres"):
        answers = nobody_says_none("alice")
        assert set(answers.values()) == {UNAVAILABLE}, answers
        # Who has none is not told so either: nobody knows.
        assert set(everybody("bob").values()) == {UNAVAILABLE}
    all_answer("alice", SOME)
    all_answer("bob", NONE)


def the_catalog_is_rebuilt():
    """From the moment it is dropped until it is whole; first with nobody there to rebuild it."""
    started = cluster.sql("SELECT extract(epoch FROM clock_timestamp())", user="roundtable")[0][0]
    wait_until("the journal", lambda: cluster.sql(
        "SELECT coalesce(bool_or(extract(epoch FROM caught_up_at) > " + started +
        "), false) FROM report.journal")[0][0] == "t", 90)
    with daemon_stopped("tracker1"):
        cluster.run("catalog", "rebuild", "--drop", "--yes", "--no-wait")
        answers = nobody_says_none("alice")
        assert set(answers.values()) == {UNAVAILABLE}, answers
        assert set(everybody("bob").values()) == {UNAVAILABLE}
    deadline = time.monotonic() + 120
    while cluster.sql("SELECT phase FROM report.rebuild", "roundtable")[0][0] != "done":
        nobody_says_none("alice")
        assert time.monotonic() < deadline, "the rebuild does not end"
    all_answer("alice", SOME)
    all_answer("bob", NONE)


def with_cluster():
    global cluster
    with Cluster() as cluster:
        main([who_has_none_is_told_so,
              who_is_asked_wrongly_is_told_what_is_wrong,
              who_has_some_sees_them,
              no_storage_server_answers,
              every_storage_server_hangs,
              the_database_is_away,
              the_catalog_is_rebuilt])


if __name__ == "__main__":
    with_cluster()
