"""A small IMAP client: commands, literals, and the numbers that the harness watches."""

import re
import socket

TIMEOUT_S = 45


class Lost(Exception):
    """The connection went, or nothing came in time: what was asked may have happened."""


class Refused(Exception):
    """NO or BAD."""


class Imap:
    """One connection. cut_after: the client resets it once it has sent so many octets."""

    def __init__(self, endpoint, user, password, timeout=TIMEOUT_S, cut_after=None):
        self.tag = 0
        self.left = cut_after
        self.was_cut = False
        try:
            self.socket = socket.create_connection(endpoint, 10)
        except OSError as error:
            raise Lost(str(error)) from None
        self.socket.settimeout(timeout)
        self.file = self.socket.makefile("rb")
        self._response()
        signed_in, _ = self.run(f'LOGIN "{user}" "{password}"')
        self.condstore = "CONDSTORE" in signed_in

    def close(self):
        self.socket.close()
        self.file.close()

    def _send(self, octets):
        self.was_cut = self.left is not None and self.left < len(octets)
        try:
            self.socket.sendall(octets[:self.left] if self.was_cut else octets)
        except OSError as error:
            raise Lost(str(error)) from None
        if self.was_cut:
            self.close()
            raise Lost("cut by the client")
        if self.left is not None:
            self.left -= len(octets)

    def _line(self):
        try:
            line = self.file.readline()
        except OSError as error:
            raise Lost(str(error)) from None
        if not line.endswith(b"\n"):
            raise Lost("hung up")
        return line

    def _response(self):
        """(text, literals): literals stand as NUL in the text."""
        text, literals = b"", []
        while True:
            line = self._line().rstrip(b"\r\n")
            literal = re.search(rb"\{(\d+)\}$", line)
            if not literal:
                return (text + line).decode("utf-8", "replace"), literals
            size = int(literal.group(1))
            try:
                octets = self.file.read(size)
            except OSError as error:
                raise Lost(str(error)) from None
            if len(octets) != size:
                raise Lost("hung up in a literal")
            literals.append(octets)
            text += line[:literal.start()] + b"\0"

    def run(self, command, literal=None):
        """(text of the tagged OK, untagged responses). Raises Refused or Lost."""
        self.tag += 1
        tag = f"A{self.tag}"
        size = "" if literal is None else f" {{{len(literal)}}}"
        self._send(f"{tag} {command}{size}\r\n".encode())
        untagged = []
        while True:
            text, literals = self._response()
            if text.startswith("+") and literal is not None:
                self._send(literal + b"\r\n")
            elif text.startswith(tag + " "):
                if text.split()[1] != "OK":
                    raise Refused(text)
                return text, untagged
            else:
                if text.startswith("* BYE"):
                    raise Lost(text)
                untagged.append((text, literals))

    def select(self, mailbox, command="SELECT"):
        """(validity, UIDNEXT, HIGHESTMODSEQ); 0 for what was not told."""
        option = " (CONDSTORE)" if self.condstore else ""
        tagged, untagged = self.run(f"{command} {mailbox}{option}")
        text = " ".join(line for line, _ in untagged) + tagged
        return tuple(number_of(name, text) for name in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"))

    def fetch(self, uids, items):
        """[(uid, flags, first literal or None)] of UID FETCH."""
        _, untagged = self.run(f"UID FETCH {uids} ({items})")
        found = []
        for text, literals in untagged:
            uid = re.search(r"\bUID (\d+)", text)
            flags = re.search(r"FLAGS \(([^)]*)\)", text)
            if uid and " FETCH " in text:
                found.append((int(uid.group(1)), set(flags.group(1).split()) if flags else None,
                              literals[0] if literals else None))
        return found


def number_of(name, text):
    found = re.search(rf"\b{name} (\d+)", text)
    return int(found.group(1)) if found else 0


def token_of(header):
    found = re.search(rb"X-Chaos-Id: (\S+)", header or b"")
    return found.group(1).decode() if found else None
