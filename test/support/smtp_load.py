"""Sends many messages over SMTP from parallel sessions and keeps what was answered: each message
has a token in its subject and body, so that it can be found again, and its outcome (250, 4xx, lost
reply).
"""

import concurrent.futures
import random
import smtplib
import socket
import threading
import uuid
from dataclasses import dataclass, field


@dataclass
class Sent:
    token: str
    recipient: str
    acknowledged: bool = False
    # Attempts that ended without a clear answer (lost reply) or with 4xx after DATA: each may have
    # left a copy behind, so it is what a duplicate is traced to.
    unclear: list = field(default_factory=list)


def body(token, size):
    line = f"{token} " + "x" * (70 - len(token)) + "\r\n"
    return line * max(1, size // len(line))


class Load:
    """servers() -> list of (address, port) to try, best first; called before each connection."""

    def __init__(self, servers, recipients, count, sessions, size=2048, seed=1):
        self.servers = servers
        self.recipients = recipients
        self.count = count
        self.sessions = sessions
        self.size = size
        self.random = random.Random(seed)
        self.sent = []
        self.lock = threading.Lock()
        self.next = 0

    def _take(self):
        with self.lock:
            if self.next >= self.count:
                return None
            message = Sent(uuid.uuid4().hex, self.recipients[self.next % len(self.recipients)])
            self.next += 1
            self.sent.append(message)
            return message

    def acknowledged(self):
        with self.lock:
            return sum(1 for message in self.sent if message.acknowledged)

    def _attempt(self, smtp, message):
        """True when 250 came; False when the attempt ended clearly without acceptance."""
        code, _ = smtp.mail("load@client.invalid")
        if code != 250:
            smtp.rset()
            return False
        code, _ = smtp.rcpt(message.recipient)
        if code != 250:
            smtp.rset()
            return False
        code, text = smtp.docmd("DATA")
        if code != 354:
            return False
        text = (f"From: <load@client.invalid>\r\nTo: <{message.recipient}>\r\n"
                f"Subject: load {message.token}\r\nMessage-ID: <{message.token}@client.invalid>\r\n"
                f"\r\n{body(message.token, self.size)}.\r\n")
        smtp.send(text)
        try:
            code, reply = smtp.getreply()
        except (OSError, smtplib.SMTPException):
            message.unclear.append("lost reply")
            raise
        if code == 250:
            message.acknowledged = True
            return True
        message.unclear.append(f"{code} {reply.decode(errors='replace')}")
        return False

    def _session(self):
        smtp = None
        message = self._take()
        attempts = 0
        while message is not None:
            try:
                if smtp is None:
                    servers = self.servers()
                    with self.lock:
                        address, port = self.random.choice(servers)
                    smtp = smtplib.SMTP(timeout=30)
                    smtp.connect(address, port)
                    smtp.ehlo("client.invalid")
                if self._attempt(smtp, message):
                    message, attempts = self._take(), 0
                    continue
            except (OSError, smtplib.SMTPException, socket.timeout):
                if smtp is not None:
                    smtp.close()
                smtp = None
            attempts += 1
            if attempts > 300:
                raise RuntimeError(f"message {message.token} was not accepted in {attempts} tries")
            if smtp is not None and attempts % 3 == 0:
                smtp.close()
                smtp = None
            threading.Event().wait(0.05)
        if smtp is not None:
            try:
                smtp.quit()
            except (OSError, smtplib.SMTPException):
                smtp.close()

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(self.sessions) as pool:
            for future in [pool.submit(self._session) for _ in range(self.sessions)]:
                future.result()
        return self.sent
