"""What must hold when the faults have ended: every acknowledged message readable byte-exact through
every access server, nothing twice without a reason, no UID with two bodies, flags kept."""

import time
from collections import Counter, defaultdict

from imap_client import Imap, Lost, Refused
from imap_load import look
from testbed import DOMAIN, PASSWORD, USERS

CHUNK = 100
READ_TIMEOUT_S = 120
PASSES = 4


def mailboxes_of(imap):
    _, untagged = imap.run('LIST "" "*"')
    names = [text.rsplit(" ", 1)[1].strip('"') for text, _ in untagged if " LIST " in text]
    return [name for name in names if name]


def chunks(items, size):
    for first in range(0, len(items), size):
        yield items[first:first + size]


def wait_caught_up(bed, ledger, seconds):
    """Until every acknowledged message is listed by an access server; returns how long it took."""
    started = time.monotonic()
    missing = {(token, user) for token, message in ledger.messages.items()
               for user in message.acknowledged} - ledger.excused
    where, endpoint = sorted(bed.imap.items())[0]
    while missing and time.monotonic() - started < seconds:
        try:
            for user in {user for _, user in missing}:
                imap = Imap(endpoint, f"{user}@{DOMAIN}", PASSWORD)
                for mailbox in mailboxes_of(imap):
                    _, newest = look(imap, ledger, user, mailbox, where, 100_000)
                    missing -= {(token, user) for token, _ in newest.values()}
                imap.close()
        except (Lost, Refused):
            pass  # looked at again below, until the time is up
        if missing:
            time.sleep(1)
    return time.monotonic() - started, missing


class Checker:
    """check() fills `result` and leaves what it found wrong in ledger.problems."""

    def __init__(self, bed, ledger):
        self.bed = bed
        self.ledger = ledger
        self.instances = {}            # access server -> Counter of (token, user)
        self.present = defaultdict(dict)  # access server -> {key: flags}

    def check(self):
        self._read_views()
        self._nothing_lost()
        self._nothing_twice()
        for where in self.present:
            self._flags_kept(where)
        views = list(self.present.values())
        if any(set(view) != set(views[0]) for view in views):
            self.ledger.problem("views_differ", "access servers list different messages")

    def _read_views(self):
        """What was sent without an answer may still be on its way, and come between the reading of
        one access server and of the next: they are read again until they agree."""
        for _ in range(PASSES):
            self.present.clear()
            for where, endpoint in sorted(self.bed.imap.items()):
                self.instances[where] = Counter()
                for user in USERS:
                    self._read_user(where, endpoint, user)
            views = [set(view) for view in self.present.values()]
            if all(view == views[0] for view in views):
                return

    def _read_user(self, where, endpoint, user):
        try:
            imap = Imap(endpoint, f"{user}@{DOMAIN}", PASSWORD, READ_TIMEOUT_S)
            for mailbox in mailboxes_of(imap):
                self._read_mailbox(imap, where, user, mailbox)
            imap.close()
        except (Lost, Refused) as error:
            self.ledger.problem("unreadable", f"{user} on {where}: {error}")

    def _read_mailbox(self, imap, where, user, mailbox):
        validity, newest = look(imap, self.ledger, user, mailbox, where, 1_000_000)
        for uid, (token, flags) in newest.items():
            self.present[where][user, mailbox, validity, uid] = flags
        for part in chunks(sorted(newest), CHUNK):
            wanted = set(part)
            for uid in self._read_bodies(imap, where, user, mailbox, part, newest):
                wanted.discard(uid)
            for uid in wanted:
                self.ledger.problem("unreadable", f"{user} {mailbox} {uid} {newest[uid][0]} on "
                                    f"{where}: listed, not served")

    def _read_bodies(self, imap, where, user, mailbox, uids, newest):
        try:
            found = imap.fetch(",".join(map(str, uids)), "UID BODY.PEEK[]")
        except Refused:
            found = []
            for uid in uids:
                try:
                    found += imap.fetch(uid, "UID BODY.PEEK[]")
                except Refused:
                    continue  # reported by the caller: it is not among those that were served
        for uid, _, content in found:
            if uid not in newest or content is None:
                continue
            token = newest[uid][0]
            if self.ledger.is_intact(token, content):
                self.instances[where][token, user] += 1
            else:
                sent = self.ledger.messages.get(token)
                self.ledger.problem("corrupt_served", f"{user} {mailbox} {uid} {token} on {where}: "
                                    f"{len(content)} octets, sent {sent.size if sent else 'never'}")
            yield uid

    def _nothing_lost(self):
        for token, message in self.ledger.messages.items():
            for user in message.acknowledged:
                if (token, user) in self.ledger.excused:
                    continue
                absent = [where for where, seen in self.instances.items()
                          if not seen[token, user]]
                if absent:
                    self.ledger.problem("lost", f"{token} of {user}: not on {', '.join(absent)}")

    def _nothing_twice(self):
        for (token, user), count in next(iter(self.instances.values())).items():
            message = self.ledger.messages[token]  # is_intact() knew it
            allowed = message.unclear + (1 if message.acknowledged else 0)
            allowed += self.ledger.copies[token, user]
            if message.sent_whole == 0:
                self.ledger.problem("duplicated", f"{token}: delivered, but never sent to its end")
            elif count > allowed:
                self.ledger.problem("duplicated", f"{token} of {user}: {count} times, {allowed} "
                                    f"explained")
            elif count > self.ledger.copies[token, user] + 1:
                with self.ledger.lock:
                    self.ledger.counts["explained_duplicates"] += 1

    def _flags_kept(self, where):
        present = self.present[where]
        for key in self.ledger.lasting - self.ledger.removed:
            if key not in present:
                self.ledger.problem("vanished", f"{key} {self.ledger.shown[key]}: not on {where}")
        for key, state in self.ledger.flags.items():
            shown = {flag.lower() for flag in present.get(key) or ()}
            for flag, on in state.items():
                if key in present and on is not None and (flag.lower() in shown) != on:
                    self.ledger.problem("flags_lost", f"{key} on {where}: {flag} is not "
                                        f"{'set' if on else 'clear'}")
