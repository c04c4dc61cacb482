"""SMTP load: parallel sessions, pipelined, with connections that the client cuts at any octet."""

import random
import re
import socket
import threading
import time

from testbed import DOMAIN, USERS

TIMEOUT_S = 45


class Lost(Exception):
    """The connection went, or nothing came in time."""


class Smtp:
    """One connection. cut_after: the client resets it once it has sent so many octets."""

    def __init__(self, endpoint, cut_after=None):
        self.left = cut_after
        try:
            self.socket = socket.create_connection(endpoint, 10)
        except OSError as error:
            raise Lost(str(error)) from None
        self.socket.settimeout(TIMEOUT_S)
        self.lines = self.socket.makefile("rb")
        self.reply()

    def send(self, octets):
        cut = self.left is not None and self.left < len(octets)
        try:
            self.socket.sendall(octets[:self.left] if cut else octets)
        except OSError as error:
            raise Lost(str(error)) from None
        if cut:
            self.close()
            raise Lost("cut by the client")
        if self.left is not None:
            self.left -= len(octets)

    def reply(self):
        """The code of the next reply."""
        try:
            while True:
                line = self.lines.readline(2000)
                if not re.match(rb"\d{3}[ -]", line):
                    raise Lost("hung up")
                if line[3:4] == b" ":
                    return int(line[:3])
        except OSError as error:
            raise Lost(str(error)) from None

    def close(self):
        self.socket.close()
        self.lines.close()


class MailLoad:
    """sessions threads that send about rate messages a second between them, until stop()."""

    def __init__(self, ledger, servers, sessions=6, rate=20.0, cut_share=0.03, users=USERS):
        self.ledger = ledger
        self.servers = servers  # {name: endpoint}
        self.sessions = sessions
        self.rate = rate
        self.cut_share = cut_share
        self.users = users
        self.ended = threading.Event()
        self.threads = []

    def start(self):
        for number in range(self.sessions):
            thread = threading.Thread(target=self._run, args=(number,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self):
        """Attempts that are under way still get their answer."""
        self.ended.set()
        for thread in self.threads:
            thread.join(3 * TIMEOUT_S)

    def _run(self, number):
        chance = random.Random(f"session {self.ledger.seed} {number}")
        smtp = None
        while not self.ended.is_set():
            message, content = self.ledger.new_message(self.users)
            while not message.acknowledged and not self.ended.is_set():
                smtp = self._attempt(smtp, message, content, chance)
                if smtp is None:
                    self.ended.wait(0.1 + chance.random() * 0.2)
            if smtp is not None and chance.random() < 0.1:
                smtp.close()
                smtp = None
            self.ended.wait(chance.random() * 2 * self.sessions / self.rate)
        if smtp is not None:
            smtp.close()

    def _attempt(self, smtp, message, content, chance):
        """One try; returns the connection if it is still of use."""
        cut = None
        if smtp is None or chance.random() < self.cut_share:
            if smtp is not None:
                smtp.close()
                cut = int(chance.random() * (len(content) + 400))
            try:
                smtp = Smtp(chance.choice(sorted(self.servers.values())), cut)
                smtp.send(b"EHLO client.invalid\r\n")
                smtp.reply()
            except Lost:
                return None
        try:
            return smtp if deliver(smtp, self.ledger, message, content) else None
        except Lost:
            smtp.close()
            return None
        finally:
            if cut is not None and smtp.socket.fileno() < 0:
                with self.ledger.lock:
                    self.ledger.client_cuts["smtp"] += 1


def deliver(smtp, ledger, message, content):
    """One transaction; False: end the connection. What was acknowledged is in the ledger."""
    addresses = [f"{user}@{DOMAIN}" for user in message.recipients]
    smtp.send(b"MAIL FROM:<load@client.invalid>\r\n" +
              b"".join(f"RCPT TO:<{address}>\r\n".encode() for address in addresses) + b"DATA\r\n")
    mail = smtp.reply()
    accepted = [user for user in message.recipients if smtp.reply() == 250]
    data = smtp.reply()
    if data != 354:
        smtp.send(b"RSET\r\n")
        smtp.reply()
        time.sleep(0.1)
        return mail == 250 and data < 500
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line
                           for line in content.split(b"\r\n"))
    # Before the last octet the server cannot have taken it; from there on it may have.
    smtp.send(stuffed + b".\r")
    with ledger.lock:
        message.sent_whole += 1
        message.unclear += 1
    smtp.send(b"\n")
    code = smtp.reply()
    if code == 250:
        ledger.acknowledge(message, accepted)
    if code // 100 == 2 or code // 100 == 5:
        with ledger.lock:
            message.unclear -= 1
    if code // 100 == 5:
        ledger.problem("refused", f"{message.token}: {code} after DATA")
    return code == 250
