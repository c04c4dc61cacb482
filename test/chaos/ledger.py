"""What the clients of the cluster know: each message that was sent, what was answered, and all that
access servers have shown. Everything the checker demands at the end is from here."""

import base64
import hashlib
import random
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

SIZE_MIN, SIZE_MAX = 200, 200_000
PROBLEMS_KEPT = 200


@dataclass
class Message:
    token: str
    size: int
    digest: str
    recipients: tuple
    acknowledged: set = field(default_factory=set)  # users
    sent_whole: int = 0  # attempts in which the server may have seen the end of the message
    # Attempts without a clear answer, or with 4xx after the end: each may have left a copy.
    unclear: int = 0


def content_of(token, size, recipients):
    """The octets of a message: the same for the same arguments."""
    randomness = random.Random(token)
    head = (f"X-Chaos-Id: {token}\r\nFrom: <load@client.invalid>\r\n"
            f"To: {', '.join(recipients)}\r\nSubject: chaos {token}\r\n"
            f"Message-ID: <{token}@client.invalid>\r\n\r\n").encode()
    lines = base64.b64encode(randomness.randbytes(max(1, size * 3 // 4)))
    body = b"".join(lines[n:n + 76] + b"\r\n" for n in range(0, len(lines), 76))
    return head + b".a line that begins with a dot\r\n..\r\n" + body


class Ledger:
    """Any thread.

    epoch: odd while commits may be lost (an asynchronous standby is behind). What happened within
    one even epoch lasts.
    """

    def __init__(self, seed):
        self.lock = threading.Lock()
        self.seed = seed
        self.random = random.Random(f"messages {seed}")
        self.messages = {}
        self.copies = Counter()      # (token, user) -> instances that our own COPY may have made
        self.excused = set()         # (token, user) that our own client may have expunged
        self.shown = {}              # (user, mailbox, validity, uid) -> token
        self.lasting = set()         # keys of shown that no lost commit can take back
        self.removed = set()         # keys that our own MOVE or EXPUNGE may have taken
        self.expunged = set()        # keys whose expunge was acknowledged
        self.flags = defaultdict(dict)   # key -> {flag: True, False, None (not known)}
        self.marks = {}              # (user, mailbox) -> (validity, uid_next, modseq), highest seen
        self.client_cuts = Counter()
        self.problems = defaultdict(list)
        self.counts = Counter()
        self.epoch = 0

    def lasts(self, since):
        """Whether what was asked in the epoch `since` and is answered now cannot be lost."""
        return since % 2 == 0 and self.epoch == since

    def problem(self, kind, text):
        with self.lock:
            self.counts[kind] += 1
            if len(self.problems[kind]) < PROBLEMS_KEPT:
                self.problems[kind].append(text)

    # -- messages ---------------------------------------------------------------------------------

    def new_message(self, users, recipients_max=3):
        """A message nobody has sent yet, and its octets."""
        with self.lock:
            token = f"{self.seed}-{len(self.messages):07d}"
            # Most are small, as mail is; a few reach the maximum.
            size = int(SIZE_MIN * (SIZE_MAX / SIZE_MIN) ** (self.random.random() ** 2))
            chosen = tuple(self.random.sample(users, self.random.randint(
                1, min(recipients_max, len(users)))))
            content = content_of(token, size, chosen)
            message = Message(token, len(content), hashlib.sha256(content).hexdigest(), chosen)
            self.messages[token] = message
        return message, content

    def acknowledge(self, message, users):
        with self.lock:
            message.acknowledged |= set(users)

    def cuts(self):
        """Connections that a client cut, as a kind of fault."""
        with self.lock:
            return Counter({f"client_cut_{kind}": n for kind, n in self.client_cuts.items()})

    def acknowledged_count(self):
        with self.lock:
            return sum(1 for message in self.messages.values() if message.acknowledged)

    def is_intact(self, token, content):
        """The octets as sent, behind whatever trace fields the servers put before them."""
        message = self.messages.get(token)
        return (message is not None and len(content) >= message.size and
                hashlib.sha256(content[-message.size:]).hexdigest() == message.digest)

    # -- views ------------------------------------------------------------------------------------

    def expunged_now(self):
        """For show(): what a look that begins now must not show."""
        with self.lock:
            return frozenset(self.expunged)

    def show(self, key, token, lasting, expunged=frozenset()):
        """An access server has shown a message under this (user, mailbox, validity, UID)."""
        with self.lock:
            before = self.shown.setdefault(key, token)
            if lasting:
                self.lasting.add(key)
        if before != token:
            self.problem("uid_reused", f"{key}: {before}, then {token}")
        if key in expunged:
            self.problem("resurrected", f"{key}: shown after its expunge was acknowledged")

    def mark(self, user, mailbox):
        """What a look that begins now must not fall below."""
        with self.lock:
            return self.marks.get((user, mailbox), (0, 0, 0))

    def see_mark(self, user, mailbox, floor, seen, where):
        """seen: (validity, UIDNEXT, HIGHESTMODSEQ), 0 for what was not told."""
        validity, uid_next, modseq = seen
        if validity < floor[0] or (validity == floor[0] and (
                (uid_next and uid_next < floor[1]) or (modseq and modseq < floor[2]))):
            self.problem("went_back", f"{user} {mailbox} on {where}: {seen} after {floor}")
        with self.lock:
            highest = self.marks.get((user, mailbox), (0, 0, 0))
            if validity == highest[0]:
                seen = (validity, max(uid_next, highest[1]), max(modseq, highest[2]))
            self.marks[user, mailbox] = max(seen, highest)
