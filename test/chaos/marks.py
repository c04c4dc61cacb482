"""Watches UIDNEXT and HIGHESTMODSEQ of every mailbox in the database itself: access servers do not
show HIGHESTMODSEQ to every client. A primary that was promoted counts from its jump on."""

import subprocess
import threading

PAUSE_S = 1.0


class MarkWatch:
    def __init__(self, bed, ledger):
        self.bed = bed
        self.ledger = ledger
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        """Looks once more: what the last fault did counts."""
        self.ended.set()
        self.thread.join(60)
        self._look()

    def _run(self):
        while not self.ended.wait(PAUSE_S):
            self._look()

    def _look(self):
        floors = {key: self.ledger.mark("database", key) for key in self._known()}
        try:
            rows = self.bed.postgres.sql(
                "SELECT id, uid_validity, uid_next, highest_modseq FROM catalog.mailbox "
                "WHERE EXISTS (SELECT FROM catalog.lineage WHERE timeline = catalog.timeline())",
                15)
        except (RuntimeError, subprocess.TimeoutExpired):
            return  # it is away
        for mailbox, *numbers in rows:
            seen = tuple(map(int, numbers))
            self.ledger.see_mark("database", mailbox, floors.get(mailbox, (0, 0, 0)), seen,
                                 self.bed.postgres.primary.name)

    def _known(self):
        with self.ledger.lock:
            return [mailbox for user, mailbox in self.ledger.marks if user == "database"]
