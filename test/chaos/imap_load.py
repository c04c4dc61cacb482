"""IMAP load: one writer for each user, who changes flags, copies, moves, appends and expunges, and
watchers who look at everybody's mailboxes on each access server. All that is shown is recorded."""

import random
import re
import threading

from imap_client import Imap, Lost, Refused, number_of, token_of
from testbed import DOMAIN, PASSWORD, USERS

MAILBOXES = ("INBOX", "Copies", "Archive", "Saved")
FLAGS = ("\\Flagged", "\\Answered", "$chaos1", "$chaos2")
IDENTIFY = "UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Chaos-Id)]"
WINDOW = 60


def look(imap, ledger, user, mailbox, where, window=WINDOW):
    """Selects the mailbox and records its newest messages; returns (validity, {uid: token})."""
    epoch = ledger.epoch
    expunged = ledger.expunged_now()
    floor = ledger.mark(user, mailbox)
    seen = imap.select(mailbox)
    ledger.see_mark(user, mailbox, floor, seen, where)
    validity = seen[0]
    newest = {}
    # The jump after a lost commit leaves gaps in the UIDs: count from the end of the list.
    _, found = imap.run("UID SEARCH ALL")
    uids = [int(word) for text, _ in found if text.startswith("* SEARCH")
            for word in text.split()[2:] if word.isdigit()][-window:]
    if uids:
        for uid, flags, header in imap.fetch(",".join(map(str, uids)), IDENTIFY):
            token = token_of(header)
            if token is not None:
                ledger.show((user, mailbox, validity, uid), token, ledger.lasts(epoch), expunged)
                newest[uid] = (token, flags)
    return validity, newest


class Client:
    """A thread that talks to the access servers, and connects anew after each trouble."""

    def __init__(self, ledger, servers, chance):
        self.ledger = ledger
        self.servers = servers  # {name: endpoint}
        self.chance = chance
        self.ended = threading.Event()
        self.imap = None
        self.where = ""
        self.thread = threading.Thread(target=self._run, daemon=True)

    def connect(self, user, where=None, cut_after=None):
        self.where = where or self.chance.choice(sorted(self.servers))
        self.imap = Imap(self.servers[self.where], f"{user}@{DOMAIN}", PASSWORD,
                         cut_after=cut_after)

    def disconnect(self):
        if self.imap is not None:
            if self.imap.was_cut:
                with self.ledger.lock:
                    self.ledger.client_cuts["imap"] += 1
            self.imap.close()
            self.imap = None

    def _run(self):
        while not self.ended.is_set():
            try:
                self.round()
            except (Lost, Refused):
                self.disconnect()
                self.ended.wait(0.3 + self.chance.random() * 0.4)
        self.disconnect()


class Watcher(Client):
    """Looks at every mailbox through one access server."""

    def __init__(self, ledger, servers, where):
        super().__init__(ledger, servers, random.Random(f"watcher {ledger.seed} {where}"))
        self.only = where

    def round(self):
        user = self.chance.choice(USERS)
        self.connect(user, self.only)
        for mailbox in MAILBOXES:
            validity, newest = look(self.imap, self.ledger, user, mailbox, self.where)
            if newest:
                self.verify(user, mailbox, validity, self.chance.choice(sorted(newest)), newest)
            self.ended.wait(0.2)
        self.disconnect()

    def verify(self, user, mailbox, validity, uid, newest):
        for found, _, content in self.imap.fetch(uid, "UID BODY.PEEK[]"):
            token = newest[uid][0]
            if found == uid and content is not None and not self.ledger.is_intact(token, content):
                self.ledger.problem("corrupt_served", f"{user} {mailbox} {validity}/{uid} {token}: "
                                    f"{len(content)} octets on {self.where}")


class Writer(Client):
    """The one client that changes the mailboxes of a user, so that it knows what is in them."""

    def __init__(self, ledger, servers, user):
        super().__init__(ledger, servers, random.Random(f"writer {ledger.seed} {user}"))
        self.user = user
        self.made = False

    def round(self):
        if self.imap is None:
            cut = self.chance.random() < 0.2
            self.connect(self.user, cut_after=150 + int(self.chance.random() ** 2 * 60_000)
                         if cut else None)
            if not self.made:
                self._make_mailboxes()
        mailbox = self.chance.choice(MAILBOXES[:1] * 3 + MAILBOXES)
        self.mailbox = mailbox
        self.validity, self.newest = look(self.imap, self.ledger, self.user, mailbox, self.where)
        actions = [self.set_flag] * 6 + [self.copy, self.move, self.append, self.expunge]
        for action in self.chance.choices(actions, k=4):
            if action == self.append:
                self.append()
            elif self.newest:
                uid = self.chance.choice(sorted(self.newest))
                action(uid, (self.user, mailbox, self.validity, uid), self.newest[uid][0])
        if self.chance.random() < 0.15:
            self.disconnect()  # and come back on any access server
        self.ended.wait(0.1 + self.chance.random() * 0.3)

    def _make_mailboxes(self):
        for mailbox in MAILBOXES[1:]:
            try:
                self.imap.run(f"CREATE {mailbox}")
            except Refused as error:
                if "ALREADYEXISTS" not in str(error):
                    raise
        self.made = True

    def set_flag(self, uid, key, _):
        flag = self.chance.choice(FLAGS)
        on = self.chance.random() < 0.7
        state = self.ledger.flags[key]
        if state.get(flag, False) is None:
            return  # an earlier change without an answer may still come
        epoch = self.ledger.epoch
        state[flag] = None
        _, untagged = self.imap.run(f"UID STORE {uid} {'+' if on else '-'}FLAGS ({flag})")
        for text, _ in untagged:
            flags = re.search(r"FLAGS \(([^)]*)\)", text)
            if flags and number_of("UID", text) == uid:
                shown = flag.lower() in flags.group(1).lower().split()
                if shown == on and self.ledger.lasts(epoch):
                    state[flag] = on

    def copy(self, uid, _, token):
        with self.ledger.lock:
            self.ledger.copies[token, self.user] += 1
        self.imap.run(f"UID COPY {uid} Copies")

    def move(self, uid, key, token):
        if self.mailbox == "Archive":
            return
        epoch = self.ledger.epoch
        with self.ledger.lock:
            self.ledger.removed.add(key)
        state = self.ledger.flags.pop(key, {})
        self.newest.pop(uid)
        tagged, untagged = self.imap.run(f"UID MOVE {uid} Archive")
        told = re.search(r"COPYUID (\d+) (\d+) (\d+)",
                         tagged + " ".join(text for text, _ in untagged))
        if told and int(told.group(2)) == uid and self.ledger.lasts(epoch):
            moved = (self.user, "Archive", int(told.group(1)), int(told.group(3)))
            self.ledger.flags[moved].update(state)
            self.ledger.show(moved, token, True)

    def expunge(self, uid, key, token):
        if self.chance.random() < 0.5:
            return
        epoch = self.ledger.epoch
        with self.ledger.lock:
            self.ledger.excused.add((token, self.user))
            self.ledger.removed.add(key)
        self.newest.pop(uid)
        self.imap.run(f"UID STORE {uid} +FLAGS (\\Deleted)")
        _, untagged = self.imap.run(f"UID EXPUNGE {uid}")
        gone = any("EXPUNGE" in text or "VANISHED" in text for text, _ in untagged)
        if gone and self.ledger.lasts(epoch):
            with self.ledger.lock:
                self.ledger.expunged.add(key)

    def append(self):
        message, content = self.ledger.new_message([self.user], 1)
        with self.ledger.lock:
            message.sent_whole += 1
            message.unclear += 1
        self.imap.run("APPEND Saved", content)
        with self.ledger.lock:
            message.unclear -= 1
        self.ledger.acknowledge(message, [self.user])


class ImapLoad:
    def __init__(self, ledger, servers, writers=USERS):
        self.clients = [Writer(ledger, servers, user) for user in writers]
        self.clients += [Watcher(ledger, servers, where) for where in sorted(servers)]

    def start(self):
        for client in self.clients:
            client.thread.start()

    def stop(self):
        for client in self.clients:
            client.ended.set()
        for client in self.clients:
            client.thread.join(120)
