"""What must hold of the copies on the storage servers: every row of the catalog readable from its
replicas, replicas of a sealed segment byte-equal and whole, nothing owed."""

import hashlib
import struct
import time
import uuid

FRAME_MAGIC = b"\xf5RTF"
FRAME_HEAD = 88
SEAL_TRAILER = 24
SEAL_MAGIC = b"RTSEAL\r\n"
OWED_SECONDS = 60


class CopyChecker:
    """rotten: paths below stores' roots whose bits the harness turned, as (store, path). replaced:
    stores whose disk was lost."""

    def __init__(self, bed, ledger, rotten=(), replaced=()):
        self.bed = bed
        self.ledger = ledger
        self.rotten = set(rotten)
        self.replaced = set(replaced)
        self.stores = {row[0]: row[1] for row in bed.postgres.sql(
            "SELECT id, name FROM directory.storage_server")}
        self.cache = {}

    def owed(self):
        return int(self.bed.postgres.sql("SELECT count(*) FROM catalog.copy_owed")[0][0])

    def wait_nothing_owed(self, faults_ended):
        """What is still owed 60 s after the faults have ended."""
        while self.owed() and time.monotonic() - faults_ended < OWED_SECONDS:
            time.sleep(1)
        return self.owed()

    def check(self):
        segments = {}
        for row in self.bed.postgres.sql(
                "SELECT s.id, s.state, s.length, r.storage_server_id, r.generation, r.state "
                "FROM catalog.segment s JOIN catalog.segment_replica r ON r.segment_id = s.id "
                "WHERE s.superseded_at IS NULL"):
            segments.setdefault(row[0], []).append(row[1:])
        self._check_rows({segment: self._check_segment(segment, replicas)
                          for segment, replicas in segments.items()})

    def _read(self, store, segment, generation):
        """(path below the root, octets or None)."""
        key = (store, segment, generation)
        if key not in self.cache:
            root = self.bed.check_root(store)
            found = [path for path in root.glob(f"segments/*/{segment}.*.seg")
                     if int(path.name.split(".")[1]) == int(generation)]
            path = found[0] if found else None
            self.cache[key] = ("/" + str(path.relative_to(root)) if path else "",
                               path.read_bytes() if path else None)
        return self.cache[key]

    def _copies(self, segment, replicas):
        """[(store, octets)] of the replicas that are there and, when it is sealed, proven by its
        seal. An active replica that is not so is a problem; a suspect one waits for its scrub."""
        good = []
        for state, length, server, generation, replica in replicas:
            store = self.stores[server]
            path, octets = self._read(store, segment, generation)
            if octets is not None and state == "sealed":
                octets = proven(octets[:int(length)])
            if octets is not None:
                good.append((store, octets))
            elif (replica == "active" and (store, path) not in self.rotten
                  and store not in self.replaced):
                self.ledger.problem("bad_replica", f"{segment}.{generation} on {store}: active, "
                                    f"{'not as sealed' if path else 'no file'}")
        return good

    def _is_void(self, segment, replicas):
        """Opened and given up before its first frame: its files were removed, its row
        goes some minutes later."""
        return replicas[0][0] == "open" and int(replicas[0][1]) == 0 and all(
            self._read(self.stores[server], segment, generation)[1] is None
            for _, _, server, generation, _ in replicas)

    def _check_segment(self, segment, replicas):
        if self._is_void(segment, replicas):
            return []
        good = self._copies(segment, replicas)
        if replicas[0][0] == "sealed" and len({hashlib.sha256(o).digest() for _, o in good}) > 1:
            self.ledger.problem("replicas_differ", f"{segment}: {[store for store, _ in good]}")
        return good

    def _check_rows(self, copies):
        # What points to a superseded segment is dead: its row goes with the files.
        for message, segment, offset, length in self.bed.postgres.sql(
                "SELECT m.id, m.segment_id, m.frame_offset, m.frame_length FROM catalog.message m "
                "WHERE NOT EXISTS (SELECT FROM catalog.segment s WHERE s.id = m.segment_id "
                "AND s.superseded_at IS NOT NULL)"):
            there = copies.get(segment, [])
            readable = [store for store, octets in there
                        if holds(octets, uuid.UUID(message), int(offset), int(length))]
            if not readable:
                self.ledger.problem("unreadable_row", f"{message} in {segment} at {offset}: "
                                    f"not on {[store for store, _ in there]}")


def proven(octets):
    """The octets if they end in a seal whose digest is theirs; else None."""
    if len(octets) < SEAL_TRAILER or octets[-SEAL_TRAILER:-SEAL_TRAILER + 8] != SEAL_MAGIC:
        return None
    data, = struct.unpack_from("<Q", octets, len(octets) - SEAL_TRAILER + 8)
    if data + FRAME_HEAD + 56 > len(octets):
        return None
    digest = octets[data + FRAME_HEAD + 24:data + FRAME_HEAD + 56]
    return octets if hashlib.sha256(octets[:data]).digest() == digest else None


def holds(octets, message, offset, length):
    """Whether the frame of a message lies where the catalog says."""
    head = octets[offset:offset + FRAME_HEAD]
    return (len(head) == FRAME_HEAD and head[:4] == FRAME_MAGIC and offset + length <= len(octets)
            and struct.unpack_from("<I", head, 8)[0] == length and head[32:48] == message.bytes)
