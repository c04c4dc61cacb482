#!/usr/bin/env python3
"""Acts out on a running cluster what Roundtable promises, and exits 0 only if each step was seen.

usage: demo.py DIRECTORY ROUNDTABLE [--domain example.test] [--user alice] [--password-file FILE]

DIRECTORY is the state directory of `roundtable up`; ROUNDTABLE is the command to run.
"""

import argparse
import imaplib
import pathlib
import smtplib
import socket
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import dns_client  # noqa: E402
from endpoints import Endpoints, wait_until  # noqa: E402

BUSY_SECONDS = 90


class Demo:
    def __init__(self, options):
        self.cluster = Endpoints(options.directory, options.roundtable)
        self.domain = options.domain
        self.address = f"{options.user}@{options.domain}"
        self.password = pathlib.Path(options.password_file).read_text().strip()
        self.token = uuid.uuid4().hex
        self.message_id = None
        self.track = None

    # -- what a step may ask for ------------------------------------------------------------------

    def best(self, network=0):
        return dns_client.best_hosts(self.cluster.dns, self.domain, f"127.3.{network}.1")

    def shares(self):
        return dns_client.first_shares(self.cluster.dns, self.domain)

    def answered_hosts(self):
        reply = dns_client.query(self.cluster.dns, self.domain, "MX")
        return {record.data[1] for record in reply.answers if record.rtype == 15}

    def mail_server(self, index):
        return self.cluster.mail_servers[index]

    def smtp(self, endpoint):
        return smtplib.SMTP(endpoint[0], endpoint[1], local_hostname="client.invalid", timeout=30)

    # -- the steps --------------------------------------------------------------------------------

    def mx_answer(self):
        records = wait_until("an MX answer with two hosts at the best preference",
                             lambda: len(self.best()) >= 2 and dns_client.query(
                                 self.cluster.dns, self.domain, "MX").answers)
        return ", ".join(f"{r.data[0]} {r.data[1]}" for r in records)

    def busy_server(self):
        busy = self.mail_server(0)
        before = wait_until("a share of first places for " + busy["host_name"],
                            lambda: self.shares().get(busy["host_name"]))
        connections = []
        try:
            started = time.monotonic()
            for _ in range(int(busy["session_limit"] * 0.9)):
                connection = socket.create_connection((busy["address"], busy["smtp_port"]), 10)
                connections.append(connection)
            after = wait_until(
                f"the share of {busy['host_name']} below half of {before:.2f}",
                lambda: (lambda share: (share,) if share < before / 2 else None)(
                    self.shares().get(busy["host_name"], 0.0)),
                BUSY_SECONDS, 1.0)[0]
            seconds = time.monotonic() - started
        finally:
            for connection in connections:
                connection.close()
        return (f"{busy['name']} with {len(connections)} sessions open: its share of first places "
                f"fell from {before:.2f} to {after:.2f} in {seconds:.0f} s")

    def stopped_server(self):
        server = self.mail_server(1)
        host = server["host_name"]
        wait_until(f"{host} in the answers", lambda: host in self.answered_hosts())
        self.cluster.run("daemon", "stop", server["name"])
        started = time.monotonic()
        wait_until(f"{host} leaves the answers", lambda: host not in self.answered_hosts(), 30)
        left = time.monotonic() - started
        self.cluster.run("daemon", "start", server["name"])
        started = time.monotonic()
        wait_until(f"{host} returns to the answers", lambda: host in self.answered_hosts(), 60)
        return (f"{server['name']} stopped: gone from the answers after {left:.1f} s; "
                f"started: back after {time.monotonic() - started:.1f} s")

    def override(self):
        server = self.mail_server(2)
        host = server["host_name"]
        self.cluster.run("mx", "drain", server["name"], "--reason", "shown by the demonstration")
        started = time.monotonic()
        wait_until(f"{host} leaves after drain", lambda: host not in self.answered_hosts(), 5)
        left = time.monotonic() - started
        self.cluster.run("mx", "clear", server["name"])
        wait_until(f"{host} returns after clear", lambda: host in self.answered_hosts(), 5)
        row = self.cluster.json("mx", "history", "--limit", "20")
        if not any(entry["server"] == server["name"] for entry in row):
            raise RuntimeError("the override is not in the history")
        return (f"drain of {server['name']} in force after {left:.2f} s, cleared, "
                "kept in the history")

    def send(self):
        host = self.best()[0]
        with self.smtp(self.cluster.smtp(host)) as smtp:
            smtp.ehlo()
            smtp.mail("sender@client.invalid")
            code, text = smtp.rcpt(self.address)
            if code != 250:
                raise RuntimeError(f"RCPT was answered {code} {text}")
            code, text = smtp.data(
                f"From: Sender <sender@client.invalid>\r\nTo: <{self.address}>\r\n"
                f"Subject: Roundtable demonstration {self.token}\r\n"
                f"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
                f"Message-ID: <{self.token}@client.invalid>\r\n\r\n"
                f"Two copies before 250: {self.token}\r\n")
        if code != 250:
            raise RuntimeError(f"DATA was answered {code} {text}")
        # The reply reads "2.0.0 <message id> ...": the id is what `message track` takes.
        self.message_id = text.decode().split()[1]
        return f"{host} answered: 250 {text.decode()}"

    def catalog_row(self):
        def tracked():
            result = self.cluster.run("message", "track", self.message_id, "--json", check=False)
            return result.returncode == 0 and self.cluster.json("message", "track", self.message_id)

        self.track = wait_until("the catalog's row", tracked)
        copies = [copy for copy in self.track["copies"] if copy["state"] == "active"]
        if len({copy["storage_server"] for copy in copies}) < 2:
            raise RuntimeError(f"fewer than two copies in the catalog: {self.track}")
        rows = self.cluster.sql("SELECT DISTINCT storage_server FROM report.message_copy "
                                f"WHERE message_id = '{self.message_id}' ORDER BY 1")
        return f"message {self.message_id} is on " + " and ".join(row[0] for row in rows)

    def copies_equal(self):
        frames = {}
        for copy in self.track["copies"]:
            path = pathlib.Path(copy["path"])
            with path.open("rb") as segment:
                segment.seek(self.track["offset"])
                frames[copy["storage_server"]] = segment.read(self.track["length"])
        if len(frames) < 2 or len(set(frames.values())) != 1:
            raise RuntimeError("the copies differ")
        frame = next(iter(frames.values()))
        if len(frame) != self.track["length"] or self.token.encode() not in frame:
            raise RuntimeError("the copies do not hold the message")
        return f"{len(frames)} copies, {len(frame)} octets each, byte for byte equal"

    def read_by_imap(self, address):
        server = self.cluster.access(address)
        client = imaplib.IMAP4(address, server["imap_port"], timeout=30)
        try:
            client.login(self.address, self.password)
            client.select("INBOX", readonly=True)
            _, found = client.search(None, "SUBJECT", f'"{self.token}"')
            uids = found[0].split()
            if len(uids) != 1:
                raise RuntimeError(f"{server['name']} found {len(uids)} messages")
            _, data = client.fetch(uids[0], "(BODY.PEEK[])")
            if self.token.encode() not in data[0][1]:
                raise RuntimeError(f"{server['name']} sent another message")
        finally:
            client.logout()
        return server["name"]

    def storage_gone(self):
        lost = self.track["copies"][0]["storage_server"]
        server = next(s for s in self.cluster.storage_servers if s["name"] == lost)
        roots = [pathlib.Path(directory) for directory in server["directories"]]
        for root in roots:
            root.rename(str(root) + ".taken-away")
        try:
            def access_addresses():
                reply = dns_client.query(self.cluster.dns, f"imap.{self.domain}", "A")
                found = {record.data for record in reply.answers if record.rtype == 1}
                return found if len(found) >= 2 else None

            addresses = wait_until("two access servers in DNS", access_addresses)
            names = [self.read_by_imap(address) for address in sorted(addresses)]
        finally:
            for root in roots:
                if root.exists():
                    raise RuntimeError(f"something made {root} anew while it was away")
                pathlib.Path(str(root) + ".taken-away").rename(root)
        return f"{lost} taken away; the message was read through " + " and ".join(names)

    def unknown_recipient(self):
        with self.smtp(self.cluster.smtp(self.best()[0])) as smtp:
            smtp.ehlo()
            smtp.mail("sender@client.invalid")
            code, text = smtp.rcpt(f"nobody-{self.token}@{self.domain}")
        if code != 550:
            raise RuntimeError(f"an unknown recipient was answered {code} {text}")
        return f"{code} {text.decode()}"

    def blocked_sender(self):
        blocked = f"{self.token[:12]}.invalid"
        self.cluster.run("block", "add", "--subtree", blocked, "--reason", "demonstration")

        def refused():
            with self.smtp(self.cluster.smtp(self.best()[0])) as smtp:
                smtp.ehlo()
                code, text = smtp.mail(f"someone@mx.{blocked}")
                if code < 400:
                    code, text = smtp.rcpt(self.address)
            return (code, text) if code == 550 else None

        try:
            code, text = wait_until("550 for a blocked sender", refused, 10)
        finally:
            self.cluster.run("block", "remove", "--subtree", blocked)
        return f"{code} {text.decode()}"

    STEPS = (
        ("an MX answer", mx_answer),
        ("a message by SMTP to the server that DNS prefers", send),
        ("the catalog's row with its storage servers", catalog_row),
        ("the copies are byte-equal", copies_equal),
        ("a storage server taken away, read over IMAP through each access server", storage_gone),
        ("an unknown recipient is refused", unknown_recipient),
        ("a blocked sender is refused", blocked_sender),
        ("an operator's override at work", override),
        ("a stopped mail server leaves the answers and returns", stopped_server),
        ("a busy mail server loses first places", busy_server),
    )

    def run(self):
        for number, (title, step) in enumerate(self.STEPS, 1):
            print(f"[{number:2}/{len(self.STEPS)}] {title} ...", flush=True)
            try:
                seen = step(self)
            except Exception as error:  # each step's failure ends the demonstration with its reason
                print(f"        NOT SEEN: {error}", flush=True)
                return 1
            print(f"        seen: {seen}", flush=True)
        print(f"All {len(self.STEPS)} steps were seen.")
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("roundtable")
    parser.add_argument("--domain", default="example.test")
    parser.add_argument("--user", default="alice")
    parser.add_argument("--password-file", required=True)
    return Demo(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
