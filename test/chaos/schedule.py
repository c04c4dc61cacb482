"""Injects faults at random times, from the seed, several at once."""

import random
import threading
import time
import traceback
from collections import Counter

from faults import Busy, kinds

# These take everything: they wait until no other fault is under way.
ALONE = {"power_loss_everywhere"}
TRIES = 12


class Schedule:
    """rate: faults a minute. only: kinds to choose from (all that the traits allow)."""

    def __init__(self, faults, seed, minutes, rate, only=None):
        self.faults = faults
        self.chance = random.Random(f"faults {seed}")
        self.until = time.monotonic() + minutes * 60
        self.rate = rate
        self.weights = {kind: weight for kind, weight in kinds(faults.traits).items()
                        if only is None or kind in only}
        self.counts = Counter()
        self.log = []
        self.errors = []
        self.lock = threading.Lock()
        self.running = []
        self.started = time.monotonic()

    def run(self):
        """Until the time is up and every fault has ended."""
        number = 0
        while time.monotonic() < self.until:
            time.sleep(self.chance.expovariate(self.rate / 60))
            number += 1
            self._inject(number)
            self.running = [thread for thread in self.running if thread.is_alive()]
        self.faults.ended.set()
        for thread in self.running:
            thread.join(180)
        if any(thread.is_alive() for thread in self.running):
            self.errors.append("a fault did not end")

    def _inject(self, number):
        kind = self.chance.choices(list(self.weights), list(self.weights.values()))[0]
        chance = random.Random(self.chance.getrandbits(64))
        if kind in ALONE:
            for thread in self.running:
                thread.join(180)
            self._attempt(number, kind, chance)
            return
        thread = threading.Thread(target=self._attempt, args=(number, kind, chance), daemon=True)
        thread.start()
        self.running.append(thread)

    def _attempt(self, number, kind, chance):
        for _ in range(TRIES):
            began = time.monotonic() - self.started
            try:
                getattr(self.faults, kind)(chance)
            except Busy:
                # Another one in its place, chosen by the same seed.
                kind = chance.choices(list(self.weights), list(self.weights.values()))[0]
                while kind in ALONE and len(self.weights) > 1:
                    kind = chance.choices(list(self.weights), list(self.weights.values()))[0]
                continue
            except Exception:
                self.errors.append(f"{number} {kind}: {traceback.format_exc()}")
                return
            with self.lock:
                self.counts[kind] += 1
                self.log.append(f"{began:8.2f} to {time.monotonic() - self.started:8.2f} "
                                f"{number} {kind}")
            return
