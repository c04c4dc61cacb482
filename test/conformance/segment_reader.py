#!/usr/bin/env python3
"""A second reader of segments, made from storage/SEGMENT.md alone: what it cannot read, the page
does not say.

  segment_reader.py FILE ...            JSON lines: the header, each frame and gap, the end
  segment_reader.py --extract ID FILE   the octets of a message

Exit: 0 whole, 1 damaged, not a segment or no such message, 2 wrong use.
"""

import argparse
import array
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field

HEADER_MAGIC = b"\x89RTSEG\r\n"
FRAME_MAGIC = b"\xf5RTF"
TRAILER_MAGIC = b"RTSEAL\r\n"
VERSION = 1
MESSAGE, ABORT, JOURNAL, SEAL = 1, 2, 3, 4
TYPES = {MESSAGE: "message", ABORT: "abort", JOURNAL: "journal", SEAL: "seal"}
KINDS = {1: "email", 2: "fax", 3: "voicemail"}
ZSTD = 1
HEADER_FIXED = 88
HEADER_MAX = 1024
HEAD_SIZE = 88
FRAME_MAX = 64 << 20
MESSAGE_MAX = 46_137_248
INDEX_MAX = 1_000_000
INDEX_ENTRY = 32
SEAL_FIXED = 56
TRAILER_SIZE = 24
FILE_MAX = 1 << 30
NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([1-9][0-9]*)\.seg")


class NotASegment(Exception):
    """The header is not good; or it is of another version."""


def _crc_tables():
    octet = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        octet.append(value)
    pair = array.array("I", bytes(4 << 16))
    for value in range(1 << 16):
        once = octet[value & 255] ^ (value >> 8)
        pair[value] = octet[once & 255] ^ (once >> 8)
    return octet, pair


CRC_OCTET, CRC_PAIR = _crc_tables()


def crc32c(octets):
    pairs = array.array("H", bytes(octets[:len(octets) & ~1]))
    if sys.byteorder == "big":
        pairs.byteswap()
    crc, table = 0xFFFFFFFF, CRC_PAIR
    for pair in pairs:
        crc = table[(crc ^ pair) & 0xFFFF] ^ (crc >> 16)
    if len(octets) & 1:
        crc = CRC_OCTET[(crc ^ octets[-1]) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def siphash24(key, octets):
    """SipHash-2-4, 64 bits. key: 16 octets."""
    mask = (1 << 64) - 1
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(count):
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0 = (v0 + v1) & mask
            v1 = ((v1 << 13 | v1 >> 51) & mask) ^ v0
            v0 = (v0 << 32 | v0 >> 32) & mask
            v2 = (v2 + v3) & mask
            v3 = ((v3 << 16 | v3 >> 48) & mask) ^ v2
            v0 = (v0 + v3) & mask
            v3 = ((v3 << 21 | v3 >> 43) & mask) ^ v0
            v2 = (v2 + v1) & mask
            v1 = ((v1 << 17 | v1 >> 47) & mask) ^ v2
            v2 = (v2 << 32 | v2 >> 32) & mask

    whole = len(octets) & ~7
    last = octets[whole:] + bytes(7 - len(octets) % 8) + bytes([len(octets) & 255])
    for (word,) in struct.iter_unpack("<Q", octets[:whole] + last):
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 255
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def round_up(size):
    return (size + 7) & ~7


@dataclass
class Header:
    size: int
    min_copies: int
    segment: uuid.UUID
    boot_epoch: int
    generation: int
    created: int
    salt: bytes
    writer_id: uuid.UUID
    replicas: list
    writer: str


@dataclass
class Frame:
    offset: int
    size: int
    type: int
    kind: int
    flags: int
    id: uuid.UUID
    received: int
    server: uuid.UUID
    envelope: bytes
    summary: bytes
    stored: bytes
    message_size: int

    def message(self):
        """The octets of the message. ValueError if they are not what the head says."""
        if not self.flags & ZSTD:
            return self.stored
        process = subprocess.Popen(["zstd", "-q", "-d", "-c"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        octets, _ = process.communicate(self.stored)
        if process.returncode != 0 or len(octets) != self.message_size:
            raise ValueError(f"the message at {self.offset} cannot be decompressed")
        return octets

    def cancels(self):
        """Of an abort: (segment, offset) of the frame that is not delivered."""
        return uuid.UUID(bytes=self.stored[:16]), struct.unpack_from("<Q", self.stored, 16)[0]


@dataclass
class Seal:
    offset: int
    size: int  # of the sealed file
    digest: bytes
    index: list  # (offset, size, type, kind, id)


@dataclass
class Segment:
    header: Header
    frames: list = field(default_factory=list)
    gaps: list = field(default_factory=list)  # (begin, end)
    seal: Seal = None
    end: int = 0  # where the segment ends in this copy
    problems: list = field(default_factory=list)

    def delivered(self):
        """Message frames that no abort of this segment cancels."""
        aborted = {frame.id for frame in self.frames if frame.type == ABORT}
        return [frame for frame in self.frames
                if frame.type == MESSAGE and frame.id not in aborted]


def parse_header(octets):
    if octets[:8] != HEADER_MAGIC:
        raise NotASegment("corrupt: no header")
    if len(octets) < HEADER_FIXED:
        raise NotASegment("corrupt: the header is cut short")
    version, size, replicas, min_copies, name_size = struct.unpack_from("<HHHBB", octets, 8)
    if version != VERSION:
        raise NotASegment(f"unsupported: version {version}")
    segment, boot_epoch, generation, zero, created, salt, writer_id = struct.unpack_from(
        "<16sQIIQ16s16s", octets, 16)
    name_at = HEADER_FIXED + 16 * replicas
    used = name_at + name_size
    good = (1 <= replicas <= 32 and 1 <= min_copies <= replicas and name_size >= 1
            and size == round_up(used + 4) and size <= HEADER_MAX and size <= len(octets)
            and segment != bytes(16) and generation >= 1 and zero == 0)
    if not good or octets[used:size - 4].strip(b"\0"):
        raise NotASegment("corrupt: a field of the header is wrong")
    if crc32c(octets[:size - 4]) != struct.unpack_from("<I", octets, size - 4)[0]:
        raise NotASegment("corrupt: CRC of the header")
    return Header(size, min_copies, uuid.UUID(bytes=segment), boot_epoch, generation, created, salt,
                  uuid.UUID(bytes=writer_id),
                  [uuid.UUID(bytes=octets[at:at + 16]) for at in range(HEADER_FIXED, name_at, 16)],
                  octets[name_at:used].decode(errors="replace"))


@dataclass
class Head:
    type: int
    kind: int
    flags: int
    size: int
    parts: tuple  # sizes of envelope, summary, message as stored
    message_size: int
    id: bytes
    received: int
    server: bytes
    payload_crc: int


def parse_head(header, octets, offset):
    """The head at an offset if it is good alone, else None."""
    head = octets[offset:offset + HEAD_SIZE]
    if len(head) < HEAD_SIZE or head[:4] != FRAME_MAGIC:
        return None
    (version, kind_of_frame, kind, flags, size, envelope, summary, stored, message, zero, identity,
     received, server, payload_crc, head_crc, tag) = struct.unpack_from(
         "<BBBBIIIIII16sQ16sIIQ", head, 4)
    if version != VERSION or kind_of_frame not in TYPES or flags & ~ZSTD or zero:
        return None
    if (kind_of_frame == MESSAGE) != (kind in KINDS) or (kind_of_frame != MESSAGE and kind):
        return None
    if size != round_up(HEAD_SIZE + envelope + summary + stored) or size > FRAME_MAX:
        return None
    if message > MESSAGE_MAX if flags & ZSTD else message != stored:
        return None
    if crc32c(head[:76]) != head_crc:
        return None
    if siphash24(header.salt, struct.pack("<Q", offset) + head[:80]) != tag:
        return None
    return Head(kind_of_frame, kind, flags, size, (envelope, summary, stored), message, identity,
                received, server, payload_crc)


def parse_frame(header, octets, offset):
    """The frame at an offset if it is good, else None."""
    head = parse_head(header, octets, offset)
    if head is None or offset + head.size > len(octets):
        return None
    payload = octets[offset + HEAD_SIZE:offset + head.size]
    if crc32c(payload) != head.payload_crc:
        return None
    envelope, summary, stored = head.parts
    frame = Frame(offset, head.size, head.type, head.kind, head.flags, uuid.UUID(bytes=head.id),
                  head.received, uuid.UUID(bytes=head.server), payload[:envelope],
                  payload[envelope:envelope + summary],
                  payload[envelope + summary:envelope + summary + stored], head.message_size)
    if head.type != MESSAGE and (envelope or summary):
        return None
    if head.type == ABORT and stored != 24:
        return None
    return frame


def parse_seal(header, frame):
    """What a seal says, or None when it says what cannot be."""
    octets = frame.stored
    if frame.flags or frame.id != header.segment or len(octets) < SEAL_FIXED + TRAILER_SIZE:
        return None
    if frame.received != header.created or frame.server != header.writer_id:
        return None
    offset, size, count, entry_size, digest = struct.unpack_from("<QQII32s", octets)
    if offset != frame.offset or size != frame.offset + frame.size or size > FILE_MAX:
        return None
    if entry_size != INDEX_ENTRY or count > INDEX_MAX:
        return None
    if len(octets) != SEAL_FIXED + INDEX_ENTRY * count + TRAILER_SIZE:
        return None
    trailer = octets[-TRAILER_SIZE:]
    magic, again, crc, zero = struct.unpack("<8sQII", trailer)
    if magic != TRAILER_MAGIC or again != offset or crc != crc32c(trailer[:16]) or zero:
        return None
    index, free = [], header.size
    for at, length, kind_of_frame, kind, reserved, identity in struct.iter_unpack(
            "<QIBBH16s", octets[SEAL_FIXED:-TRAILER_SIZE]):
        if at % 8 or at < free or length < HEAD_SIZE or length % 8 or at + length > offset:
            return None
        if kind_of_frame not in TYPES or kind_of_frame == SEAL or reserved:
            return None
        free = at + length
        index.append((at, length, kind_of_frame, kind, uuid.UUID(bytes=identity)))
    return Seal(offset, size, digest, index)


def seal_at(header, octets, offset):
    frame = parse_frame(header, octets, offset)
    return parse_seal(header, frame) if frame is not None and frame.type == SEAL else None


def seal_from_end(header, octets):
    """The seal that the trailer at the end of the file leads to, or None."""
    trailer = octets[-TRAILER_SIZE:]
    if len(trailer) < TRAILER_SIZE or trailer[:8] != TRAILER_MAGIC:
        return None
    return seal_at(header, octets, struct.unpack_from("<Q", trailer, 8)[0])


def replay(segment, octets):
    """Frames and gaps up to the seal, or to the last good frame."""
    header = segment.header
    at = segment.end = header.size
    while at + HEAD_SIZE <= len(octets):
        frame = parse_frame(header, octets, at)
        if frame is None:
            head = parse_head(header, octets, at)
            at += head.size if head is not None else 8
            continue
        if frame.type == SEAL:
            segment.seal = parse_seal(header, frame)
            if segment.seal is None:
                at += frame.size
                continue
        if frame.offset != segment.end:
            segment.gaps.append((segment.end, frame.offset))
        segment.end = at = frame.offset + frame.size
        if segment.seal is not None:
            return
        segment.frames.append(frame)


def read_sealed(segment, octets):
    """The frames that the seal lists; each must be in the file as it says."""
    seal = segment.seal
    segment.end = seal.size
    if hashlib.sha256(octets[:seal.offset]).digest() != seal.digest:
        segment.problems.append("the file is not what the seal's SHA-256 says")
    for entry in seal.index:
        at, size = entry[:2]
        frame = parse_frame(segment.header, octets, at)
        if frame is None:
            segment.gaps.append((at, at + size))
        elif (at, frame.size, frame.type, frame.kind, frame.id) != entry:
            segment.problems.append(f"the frame at {at} is not what the index says")
        else:
            segment.frames.append(frame)


def parse(octets):
    """A Segment of the octets of a file. NotASegment if the header is not good."""
    segment = Segment(parse_header(octets))
    segment.seal = seal_from_end(segment.header, octets)
    if segment.seal is None:
        replay(segment, octets)
    if segment.seal is not None:
        segment.frames, segment.gaps = [], []
        read_sealed(segment, octets)
    for begin, end in segment.gaps:
        segment.problems.append(f"octets {begin} to {end - 1} are damaged")
    if segment.header.boot_epoch == 0 and (segment.seal is None or segment.problems):
        why = "; ".join(segment.problems) or "no seal"
        raise NotASegment("written whole, and not whole: " + why)
    return segment


def check_name(header, path):
    """Problems of where a file lies: <yyyymmdd>/<segment id>.<generation>.seg."""
    name = NAME.fullmatch(path.name)
    if name is None or uuid.UUID(name.group(1)) != header.segment:
        return ["the file's name is not that of the segment"]
    milliseconds = int.from_bytes(header.segment.bytes[:6], "big")
    day = time.strftime("%Y%m%d", time.gmtime(milliseconds // 1000))
    return [] if path.absolute().parent.name == day else [f"the file does not lie in {day}"]


def read(path):
    path = pathlib.Path(path)
    segment = parse(path.read_bytes())
    segment.problems += check_name(segment.header, path)
    return segment


def show(path):
    """Prints a file as JSON lines; True if it is whole."""
    try:
        segment = read(path)
    except NotASegment as error:
        print(json.dumps({"file": str(path), "not_a_segment": str(error)}))
        return False
    header = segment.header
    print(json.dumps({
        "file": str(path), "segment": str(header.segment), "writer": header.writer,
        "writer_id": str(header.writer_id), "boot_epoch": header.boot_epoch,
        "generation": header.generation, "created": header.created,
        "min_copies": header.min_copies, "replicas": [str(server) for server in header.replicas]}))
    for frame in segment.frames:
        line = {"offset": frame.offset, "size": frame.size, "type": TYPES[frame.type],
                "id": str(frame.id), "received": frame.received, "server": str(frame.server)}
        if frame.type == MESSAGE:
            line.update(kind=KINDS[frame.kind], message_size=frame.message_size,
                        zstd=bool(frame.flags & ZSTD))
        if frame.type == ABORT:
            cancelled, offset = frame.cancels()
            line.update(cancels={"segment": str(cancelled), "offset": offset})
        print(json.dumps(line))
    for begin, end in segment.gaps:
        print(json.dumps({"gap": begin, "end": end}))
    print(json.dumps({"sealed": segment.seal is not None, "end": segment.end,
                      "frames": len(segment.frames), "problems": segment.problems}))
    return not segment.problems


def extract(identity, path):
    for frame in read(path).frames:
        if frame.type == MESSAGE and frame.id == identity:
            sys.stdout.buffer.write(frame.message())
            return True
    print(f"{path}: no message {identity}", file=sys.stderr)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--extract", metavar="ID", type=uuid.UUID)
    parser.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args()
    if options.extract is None:
        return 0 if all([show(path) for path in options.files]) else 1
    try:
        return 0 if any(extract(options.extract, path) for path in options.files) else 1
    except (NotASegment, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
