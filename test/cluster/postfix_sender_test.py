#!/usr/bin/env python3
"""A real sender: Debian's Postfix, which finds our mail servers as everybody does, by the MX that
unbound gets from our name server, and delivers to port 25 of their addresses. A mail server is
drained, then one dies and comes back, while messages go on being sent: each arrives, none bounces.

In a network namespace of its own, where a cluster has the standard ports.
"""

import collections
import imaplib
import pathlib
import re
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import namespace  # noqa: E402
from cluster import Cluster, main, wait_until  # noqa: E402
from postfix import Postfix  # noqa: E402
from unbound import Unbound  # noqa: E402

RESOLVER = "127.0.0.53"
MX_TTL = 2
PER_SECOND = 5
IN_A_ROW = 40  # deliveries that go elsewhere, before a server counts as left alone
STUB = """
stub-zone:
    name: "example.test"
    stub-addr: 127.0.0.1
"""
SENT = re.compile(r"to=<[^>]+>, relay=(mail\d)\S*, .*status=sent")
# What may leave a copy behind though the sender was told nothing.
UNCLEAR = re.compile(r"(?:lost connection|timed out|conversation).*(?:sending end of data|DATA)")


class Sender(threading.Thread):
    """Hands messages to Postfix at its rate until it is told to stop."""

    def __init__(self, port, recipients):
        super().__init__(daemon=True)
        self.port, self.recipients = port, recipients
        self.tokens, self.ended, self.failure = [], threading.Event(), None

    def run(self):
        try:
            start = time.monotonic()
            while not self.ended.wait(max(
                    0, start + len(self.tokens) / PER_SECOND - time.monotonic())):
                self.send()
        except BaseException as error:  # for stop()
            self.failure = error

    def send(self):
        token = uuid.uuid4().hex
        recipient = self.recipients[len(self.tokens) % len(self.recipients)]
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as smtp:
            smtp.sendmail("sender@client.test", [recipient],
                          f"From: <sender@client.test>\r\nTo: <{recipient}>\r\n"
                          f"Subject: load {token}\r\n\r\n{token}\r\n")
        self.tokens.append(token)

    def stop(self):
        self.ended.set()
        self.join(90)
        if self.failure:
            raise self.failure
        return self.tokens


class Log:
    """Postfix's own, as it grows."""

    def __init__(self, postfix):
        self.file = postfix.base / "queue" / "maillog"

    def text(self):
        return self.file.read_text(errors="replace") if self.file.exists() else ""

    def relays(self):
        """Who took each message, in the order of delivery."""
        return SENT.findall(self.text())

    def until_only(self, servers, seconds=300):
        """Until the last deliveries went to these, each of which had some. A server that comes
        back has its full share after two minutes (slow start)."""
        def settled():
            last = self.relays()[-IN_A_ROW:]
            return len(last) == IN_A_ROW and set(last) == set(servers)
        wait_until(f"{IN_A_ROW} deliveries in a row to {servers}", settled, seconds)


def queue_is_empty(postfix):
    return not [file for name in ("maildrop", "incoming", "active", "deferred")
                for file in (postfix.base / "queue" / name).rglob("*") if file.is_file()]


def delivered(cluster):
    """Token -> how many messages in all mailboxes."""
    found = collections.Counter()
    server = cluster.endpoints.access_servers[0]
    for user in cluster.users:
        imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=300)
        imap.login(cluster.address(user), cluster.password)
        count = int(imap.select("INBOX", readonly=True)[1][0])
        for first in range(1, count + 1, 100):
            _, data = imap.fetch(f"{first}:{min(first + 99, count)}",
                                 "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            found.update(item[1].split()[-1].decode() for item in data if isinstance(item, tuple))
        imap.logout()
    return found


def postfix_delivers_where_our_mx_says_through_a_drain_and_a_death():
    namespace.enter(RESOLVER)
    with Cluster(up_options=["--standard-ports"]) as cluster, \
            tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        cluster.sql(f"UPDATE directory.domain SET mx_ttl = {MX_TTL}", user="roundtable_operator")
        resolver = Unbound(directory, RESOLVER, more=STUB)
        try:
            wait_until("the resolver", lambda: mail_servers(cluster.domain) == {
                "mail1", "mail2", "mail3"}, 60)
            # Retries come soon, and nothing waits for a next round of the queue.
            settings = ("minimal_backoff_time = 5s\nmaximal_backoff_time = 10s\n"
                        "queue_run_delay = 5s\nsmtp_dns_support_level = enabled\n"
                        "smtp_host_lookup = dns\nsmtp_tls_security_level = none\n")
            with Postfix(directory, "", settings, "") as postfix:
                through_faults(cluster, postfix)
        finally:
            resolver.stop()


def mail_servers(domain):
    """As the resolver says."""
    text = subprocess.run(["dig", f"@{RESOLVER}", "+short", "+tries=1", "+time=2", domain, "MX"],
                          capture_output=True, text=True).stdout
    return {line.split()[-1].partition(".")[0] for line in text.splitlines() if line[:1].isdigit()}


def through_faults(cluster, postfix):
    log = Log(postfix)
    sender = Sender(postfix.port, [cluster.address(user) for user in cluster.users])
    sender.start()
    log.until_only(["mail1", "mail2", "mail3"])

    cluster.run("mx", "drain", "mail2", "--reason", "test")
    log.until_only(["mail1", "mail3"])
    cluster.run("mx", "clear", "mail2")
    log.until_only(["mail1", "mail2", "mail3"])

    killed = time.monotonic()
    cluster.kill("mail1")
    cluster.run("daemon", "stop", "mail1")
    log.until_only(["mail2", "mail3"])
    print(f"mail1 is left alone {time.monotonic() - killed:.1f} s after its death")
    cluster.run("daemon", "start", "mail1")
    log.until_only(["mail1", "mail2", "mail3"])

    tokens = sender.stop()
    wait_until("an empty queue", lambda: queue_is_empty(postfix), 120, 0.2)
    assert "status=bounced" not in log.text() and "status=expired" not in log.text()
    counts = wait_until("all are in the mailboxes", lambda: (lambda found: found if set(
        tokens) <= set(found) else None)(delivered(cluster)), 300, 1)
    assert set(counts) == set(tokens), "a message that nobody sent (a bounce?)"
    twice = sum(count - 1 for count in counts.values())
    unclear = len(UNCLEAR.findall(log.text()))
    assert twice <= unclear, f"{twice} came twice, {unclear} ended without a clear answer"
    print(f"{len(tokens)} messages, by {dict(collections.Counter(log.relays()))}; "
          f"{len(re.findall('status=deferred', log.text()))} times deferred, {twice} twice")


if __name__ == "__main__":
    main([postfix_delivers_where_our_mx_says_through_a_drain_and_a_death])
