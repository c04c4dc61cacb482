#!/usr/bin/env python3
"""A client with no messages is told so, by POP3, IMAP and `roundtable message list`; and nobody is
told so who has some: while PostgreSQL is away, while the catalog is rebuilt, while every storage
server that holds them hangs or is gone, when the agent that took them is gone as well."""

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
    """SELECT, EXAMINE and STATUS: none may say that there is nothing when another has some."""
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
            assert data[0] is not None, "IMAP does not say how many there are"
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


@contextlib.contextmanager
def all_stores_hang():
    """Their helpers are stopped; gives a function that stops those that were started since."""
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
        yield stop_helpers
    finally:
        for pid in stopped:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)


def every_storage_server_hangs():
    with all_stores_hang() as stop_helpers:
        for _ in range(3):
            answers = nobody_says_none("alice")
            stop_helpers()
        assert answers["command"] == SOME, answers
        # The agents live, and have told the catalog all.
        assert set(everybody("bob").values()) <= {NONE, UNAVAILABLE}
        assert command("bob") == NONE
    all_answer("alice", SOME)


def the_database_is_away():
    with daemon_stopped("postgres"):
        answers = nobody_says_none("alice")
        assert set(answers.values()) == {UNAVAILABLE}, answers
        # Who has none is not told so either: nobody knows.
        assert set(everybody("bob").values()) == {UNAVAILABLE}
    all_answer("alice", SOME)
    all_answer("bob", NONE)


def database_answers():
    try:
        return cluster.sql("SELECT 1")
    except RuntimeError:
        return False


def send_to(number, user, subject):
    """As soon as it is taken: the storage servers may have been away."""
    server = cluster.endpoints.mail_servers[number]

    def taken():
        with smtplib.SMTP(server["address"], server["smtp_port"], timeout=60) as smtp:
            try:
                smtp.sendmail("a@client.invalid", [cluster.address(user)],
                              f"Subject: {subject}\r\n\r\nhello\r\n")
            except smtplib.SMTPException:
                return False
        return True

    wait_until(f"{server['name']} takes mail", taken)


@contextlib.contextmanager
def gone_for_good(name):
    """Killed, and each successor ends at once."""
    config = cluster.directory / "config" / f"{name}.yaml"
    config.rename(f"{config}.away")
    try:
        cluster.kill(name)
        yield
    finally:
        pathlib.Path(f"{config}.away").rename(config)
        cluster.run("daemon", "stop", name, check=False)
        cluster.run("daemon", "start", name)


def an_agent_is_gone_and_what_it_took_is_out_of_reach():
    """Taken while PostgreSQL was away, catalogued by nobody, on storage servers that hang."""
    with contextlib.ExitStack() as gone:
        with contextlib.ExitStack() as hanging:
            with daemon_stopped("postgres"):
                for number in range(SENT):
                    send_to(0, "carol", number)
                gone.enter_context(gone_for_good("mail1"))
                stop_helpers = hanging.enter_context(all_stores_hang())
                # Longer than the agent's last sign of life counts.
                began = time.monotonic()
                while time.monotonic() < began + 8:
                    nobody_says_none("carol")
            wait_until("PostgreSQL", database_answers, 60)
            for _ in range(5):
                stop_helpers()
                answers = nobody_says_none("carol")
                assert set(answers.values()) == {UNAVAILABLE}, answers
            # Who has some is shown them, though there may be more.
            assert command("alice") == SOME
            assert command("bob") == UNAVAILABLE
        # The storage servers are back, the agent is not.
        all_answer("carol", SOME)
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
    with Cluster(users=("alice", "bob", "carol")) as cluster:
        main([who_has_none_is_told_so,
              who_is_asked_wrongly_is_told_what_is_wrong,
              who_has_some_sees_them,
              no_storage_server_answers,
              every_storage_server_hangs,
              the_database_is_away,
              an_agent_is_gone_and_what_it_took_is_out_of_reach,
              the_catalog_is_rebuilt])


if __name__ == "__main__":
    with_cluster()
