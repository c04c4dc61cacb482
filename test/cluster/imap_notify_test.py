#!/usr/bin/env python3
"""NOTIFY (RFC 5465) between two access servers: a client that sends nothing is told of mail that
comes by SMTP, of flags and expunges, of mailboxes that another client makes, renames, deletes and
subscribes to; of nothing after NONE or after too much."""

import contextlib
import imaplib
import pathlib
import re
import smtplib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

AT_ONCE = 5  # seconds: what a person takes for at once, on a machine that is busy
MESSAGES = "MessageNew MessageExpunge FlagChange"
cluster = None


class Listener:
    """A client that listens all the time, whatever it is waiting for."""

    def __init__(self, server, user="alice"):
        self.socket = socket.create_connection((server["address"], server["imap_port"]), 30)
        self.text = ""
        self.tags = 0
        self.until(r"\* OK .*\r\n")
        self.run(f'LOGIN {cluster.address(user)} "{cluster.password}"')

    def _read(self, seconds):
        self.socket.settimeout(max(seconds, 0.001))
        with contextlib.suppress(TimeoutError):
            data = self.socket.recv(65536)
            assert data, f"the server is gone: {self.text}"
            self.text += data.decode()

    def until(self, pattern, seconds=AT_ONCE):
        """What was said up to and including the first match."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            left = end - time.monotonic()
            assert left > 0, f"not told {pattern!r}, only {self.text!r}"
            self._read(left)
        said, self.text = self.text[:found.end()], self.text[found.end():]
        return said

    def send(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def run(self, command, end="OK"):
        self.tags += 1
        self.send(f"t{self.tags} {command}")
        said = self.until(rf"t{self.tags} .*\r\n", 30)
        assert f"t{self.tags} {end}" in said, said
        return said

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def sessions():
    """A listener on the first access server, a busy client of the same account on the second."""
    first, second = cluster.endpoints.access_servers[:2]
    listener = Listener(first)
    busy = imaplib.IMAP4(second["address"], second["imap_port"], timeout=30)
    busy.login(cluster.address("alice"), cluster.password)
    try:
        yield listener, busy
    finally:
        listener.close()
        busy.logout()


def deliver(subject):
    text = (f"From: <bob@client.invalid>\r\nTo: <{cluster.address('alice')}>\r\n"
            f"Subject: {subject}\r\n\r\nbody\r\n")
    with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
        smtp.sendmail("bob@client.invalid", [cluster.address("alice")], text)


def it_is_offered_and_says_what():
    with sessions() as (listener, _):
        assert " NOTIFY " in listener.run("CAPABILITY")
        said = listener.run("NOTIFY SET (personal (ServerMetadataChange))", "NO")
        assert "[BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)]" \
            in said, said
        listener.run("NOTIFY SET (personal (MessageNew))", "BAD")


def mail_for_a_mailbox_that_is_not_selected():
    with sessions() as (listener, busy):
        busy.create("Elsewhere")
        listener.run("SELECT Elsewhere")
        said = listener.run(f"NOTIFY SET STATUS (selected ({MESSAGES})) (personal ({MESSAGES}))")
        first = int(re.search(r'\* STATUS "INBOX" \(MESSAGES (\d+) UIDNEXT \d+ UIDVALIDITY \d+ '
                              r"UNSEEN \d+ HIGHESTMODSEQ \d+\)", said)[1])
        assert '"Elsewhere"' not in said, said
        deliver("not selected")
        listener.until(rf'\* STATUS "INBOX" \(MESSAGES {first + 1} UIDNEXT ')
        busy.select("INBOX")
        busy.store("*", "+FLAGS", "\\Deleted")
        listener.until(rf'\* STATUS "INBOX" \(MESSAGES {first + 1} UIDNEXT .* HIGHESTMODSEQ \d+\)')
        busy.expunge()
        listener.until(rf'\* STATUS "INBOX" \(MESSAGES {first} UIDNEXT ')
        listener.run("UNSELECT")
        busy.delete("Elsewhere")


def mail_for_the_selected_mailbox():
    with sessions() as (listener, busy):
        listener.run("SELECT INBOX")
        listener.run("NOTIFY SET (selected (MessageNew (uid body.peek[header.fields (subject)]) "
                     "MessageExpunge FlagChange))")
        deliver("selected")
        said = listener.until(r"\* \d+ FETCH \(UID (\d+) BODY.*\r\nSubject: selected\r\n\r\n\)")
        uid = re.search(r"UID (\d+)", said)[1]
        assert "EXISTS" in said.split("FETCH")[0], said
        busy.select("INBOX")
        busy.uid("store", uid, "+FLAGS", "(\\Flagged)")
        listener.until(rf"FETCH \(UID {uid} FLAGS \(.*\\Flagged")
        busy.uid("store", uid, "+FLAGS", "(\\Deleted)")
        busy.expunge()
        listener.until(r"\* \d+ EXPUNGE\r\n")
        listener.send("idle IDLE")
        listener.until(r"\+ idling\r\n")
        deliver("in idle")
        listener.until(r"FETCH \(UID \d+ BODY.*\r\nSubject: in idle\r\n")
        listener.send("DONE")
        listener.until(r"idle OK")


def expunges_are_delayed_if_it_is_wished():
    with sessions() as (listener, busy):
        deliver("to be expunged")
        listener.run("SELECT INBOX")
        listener.run("NOTIFY SET (selected-delayed (MessageNew MessageExpunge))")
        busy.select("INBOX")
        busy.store("*", "+FLAGS", "\\Deleted")
        busy.expunge()
        deliver("after it")
        assert "EXPUNGE" not in listener.until(r"EXISTS\r\n")
        assert "EXPUNGE" not in listener.run("FETCH 1 UID")
        assert "EXPUNGE" in listener.run("NOOP")


def names_and_subscriptions():
    with sessions() as (listener, busy):
        listener.run("NOTIFY SET (personal (MailboxName SubscriptionChange)) "
                     "(mailboxes Later (MessageNew MessageExpunge)) "
                     "(subscribed (MessageNew MessageExpunge))")
        busy.create("Lists/one")
        listener.until(r'\* LIST \(\\HasChildren\) "/" "Lists"\r\n')
        listener.until(r'\* LIST \(\\HasNoChildren\) "/" "Lists/one"\r\n')
        busy.rename("Lists/one", "Lists/two")
        listener.until(r'\* LIST \(\\HasNoChildren\) "/" "Lists/two" '
                       r'\("OLDNAME" \("Lists/one"\)\)\r\n')
        busy.subscribe("Lists/two")
        listener.until(r'\* LIST \(\\Subscribed \\HasNoChildren\) "/" "Lists/two"\r\n')
        # It matches from now on, and so does one that is made later.
        text = b"Subject: x\r\n\r\nx\r\n"
        busy.append("Lists/two", None, None, text)
        listener.until(r'\* STATUS "Lists/two" \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)\r\n')
        busy.unsubscribe("Lists/two")
        listener.until(r'\* LIST \(\\HasNoChildren\) "/" "Lists/two"\r\n')
        busy.create("Later")
        listener.until(r'"Later"\r\n')
        busy.append("Later", None, None, text)
        listener.until(r'\* STATUS "Later" \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)\r\n')
        busy.delete("Later")
        listener.until(r'\* LIST \(\\NonExistent \\HasNoChildren\) "/" "Later"\r\n')
        # What it does itself it knows.
        said = listener.run("CREATE Own") + listener.run("RENAME Own Mine") + \
            listener.run("SUBSCRIBE Mine") + listener.run("DELETE Mine") + listener.run("NOOP")
        assert "* " not in said, said
        # Nobody is told of another account.
        bob = Listener(cluster.endpoints.access_servers[0], "bob")
        bob.run(f"NOTIFY SET (personal ({MESSAGES} MailboxName)) "
                f"(mailboxes Lists/two ({MESSAGES}))")
        busy.append("Lists/two", None, None, text)
        busy.delete("Lists/two")
        listener.until(r'\* LIST \(\\NonExistent .* "Lists/two"\r\n')
        assert "* " not in bob.run("NOOP")
        bob.close()
        busy.delete("Lists")


def none_is_none():
    with sessions() as (listener, busy):
        listener.run("SELECT INBOX")
        listener.run(f"NOTIFY SET (selected ({MESSAGES})) (personal ({MESSAGES} MailboxName))")
        listener.run("NOTIFY NONE")
        deliver("to nobody")
        busy.create("Unheard")
        wait_until("the message", lambda: (busy.select("INBOX"), busy.search(
            None, "SUBJECT", '"to nobody"')[1] != [b""])[1], 10)
        assert "* " not in listener.run("NOOP") + listener.run("NOOP")
        # Asked for again, it is told what has gathered.
        assert "EXISTS" in listener.run(f"NOTIFY SET (selected ({MESSAGES}))")
        busy.delete("Unheard")


def too_much_is_said_once():
    names = [f"Many/{'n' * 200}{number}" for number in range(340)]
    account = f"(SELECT id FROM directory.account WHERE login = '{cluster.address('alice')}')"
    with sessions() as (listener, busy):
        listener.run("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
        values = ", ".join(f"({account}, '{name}')" for name in names)
        cluster.sql(f"INSERT INTO catalog.mailbox (account_id, name) VALUES {values}", "roundtable")
        listener.until(r"\* OK \[NOTIFICATIONOVERFLOW\] .*\r\n")
        deliver("after too much")
        busy.select("INBOX")
        wait_until("the message", lambda: (busy.noop(), busy.search(
            None, "SUBJECT", '"after too much"')[1] != [b""])[1], 10)
        assert "* " not in listener.run("NOOP")
        cluster.sql(f"DELETE FROM catalog.mailbox WHERE account_id = {account} "
                    "AND name LIKE 'Many/%'", "roundtable")
        listener.run("NOTIFY SET (inboxes (MessageNew MessageExpunge))")
        deliver("again")
        listener.until(r'\* STATUS "INBOX" ')


def a_catalog_that_was_away_is_looked_at_when_it_is_back():
    with sessions() as (listener, _):
        listener.run("NOTIFY SET (inboxes (MessageNew MessageExpunge))")
        # The connections of the access servers, the one that listens too.
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = 'roundtable_accessd'", "roundtable")
        deliver("meanwhile")
        listener.until(r'\* STATUS "INBOX" ', 30)


if __name__ == "__main__":
    with Cluster() as started:
        cluster = started
        main([
            it_is_offered_and_says_what,
            mail_for_a_mailbox_that_is_not_selected,
            mail_for_the_selected_mailbox,
            expunges_are_delayed_if_it_is_wished,
            names_and_subscriptions,
            none_is_none,
            too_much_is_said_once,
            a_catalog_that_was_away_is_looked_at_when_it_is_back,
        ])
