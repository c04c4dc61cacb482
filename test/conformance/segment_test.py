#!/usr/bin/env python3
"""The segments that a cluster writes, read by a second reader made from storage/SEGMENT.md: they
hold what IMAP shows, where the catalog says, the same on each store; damage is judged as the page
says."""

import collections
import imaplib
import pathlib
import re
import smtplib
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import segment_reader  # noqa: E402
from cluster import Cluster, main, wait_until  # noqa: E402

READER = pathlib.Path(__file__).with_name("segment_reader.py")
OWNER = "roundtable"
SIZES = (1, 70, 71, 1_000, 10_000, 65_536, 300_000, 3_000_000)
cluster = None
journal = None  # octets of a segment that was written whole
small = None  # octets of a sealed segment with a few small frames


def test_vectors():
    """RFC 3720 B.4; the vector of the SipHash paper, appendix A."""
    assert segment_reader.crc32c(b"123456789") == 0xE3069283
    assert segment_reader.crc32c(bytes(32)) == 0x8A9136AA
    assert segment_reader.crc32c(bytes(range(32))) == 0x46DD794E
    assert segment_reader.siphash24(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


# -- a cluster that has taken mail and stopped ----------------------------------------------------


def text(size, recipient):
    """A message whose body has so many octets, lines with dots first among them."""
    line = b".each line is the same, so that it can be compressed well " + b"x" * 10 + b"\r\n"
    body = (line * (size // len(line) + 1))[:size].rstrip(b"\r\n")
    head = (f"Subject: {size} {uuid.uuid4().hex}\r\nFrom: <s@client.invalid>\r\n"
            f"To: <{recipient}>\r\n")
    return head.encode() + b"\r\n" + body + b"\r\n"


def send(server, sizes, user="alice"):
    endpoint = cluster.endpoints.smtp(f"{server}.{cluster.domain}")
    with smtplib.SMTP(*endpoint, timeout=60) as smtp:
        for size in sizes:
            smtp.sendmail("s@client.invalid", [cluster.address(user)],
                          text(size, cluster.address(user)))


def refuse(server):
    """bob's mailbox is full: the message is aborted after its frame was written."""
    cluster.sql("UPDATE directory.account SET quota_bytes = 1 WHERE id = (SELECT account_id FROM "
                "directory.address WHERE local_part = 'bob' LIMIT 1)", OWNER)
    try:
        send(server, [100], "bob")
    except (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused):
        return
    raise AssertionError("a message over quota was accepted")


def append(size):
    server = cluster.endpoints.access_servers[0]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address("alice"), cluster.password)
    assert imap.append("INBOX", None, None, text(size, cluster.address("alice")))[0] == "OK"
    imap.logout()


def compressed():
    """Sends one more: the setting takes a moment to reach the daemon."""
    send("mail1", [20_000])
    return cluster.sql("SELECT 1 FROM catalog.message WHERE frame_length < message_size", OWNER)


def read_over_imap():
    """uid -> octets, as the second access server shows them."""
    server = cluster.endpoints.access_servers[1]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address("alice"), cluster.password)
    imap.select("INBOX", readonly=True)
    _, data = imap.fetch("1:*", "(UID BODY.PEEK[])")
    imap.logout()
    return {int(re.search(rb"UID (\d+)", item[0]).group(1)): item[1]
            for item in data if isinstance(item, tuple)}


def fill():
    """Takes mail, then stops what writes segments, so that all are sealed; what IMAP showed."""
    send("mail1", SIZES)
    send("mail2", [5, 300, 40, 2_000])
    refuse("mail2")
    cluster.run("setting", "set", "compression", "zstd")
    wait_until("a compressed message", compressed, 30, 0.2)
    send("mail1", SIZES)
    append(12_345)
    shown = read_over_imap()
    for daemon in ("mail1", "mail2", "mail3", "access1", "access2"):
        cluster.run("daemon", "stop", daemon)
    return shown


def at_rest():
    """Stops the tracker, which writes journals; once more if that was in the middle of one."""
    cluster.run("daemon", "start", "tracker1", check=False)
    wait_until("every segment sealed in the catalog", lambda: cluster.sql(
        "SELECT bool_and(state = 'sealed') FROM catalog.segment", OWNER) == [["t"]], 60)
    cluster.run("daemon", "stop", "tracker1")
    return cluster.sql("SELECT count(*) FROM catalog.segment_replica WHERE state = 'active'",
                       OWNER) == [[str(len(files()))]]


def files():
    """Every file below segments/ of every store: (store, path)."""
    found = []
    for store in cluster.endpoints.storage_servers:
        for directory in store["directories"]:
            root = pathlib.Path(directory)
            identity = cluster.sql("SELECT store_id FROM directory.storage_server WHERE "
                                   f"name = '{store['name']}'", OWNER)
            assert (root / "roundtable-store").read_text() == identity[0][0] + "\n"
            found += [(store["name"], path) for path in (root / "segments").rglob("*")
                      if path.is_file()]
    return found


def what_a_cluster_wrote_is_what_the_page_says():
    shown = fill()
    wait_until("trackers at rest, all files in the catalog", at_rest, 60)
    copies = collections.defaultdict(list)
    for store, path in files():
        done = subprocess.run([sys.executable, str(READER), str(path)], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, f"{path}: {done.stdout.splitlines()[-1]} {done.stderr}"
        segment = segment_reader.read(path)
        assert segment.seal is not None, path
        assert segment.end == path.stat().st_size, path
        copies[segment.header.segment].append((store, path, segment))
    replicas_are_equal(copies)
    segments = {identity: each[0][2] for identity, each in copies.items()}
    the_catalog_agrees(copies, segments)
    messages_are_what_imap_shows(segments, shown)
    global small, journal
    journal = next(each[0][1].read_bytes() for each in copies.values()
                   if each[0][2].header.writer == "/journal")
    small = next(each[0][1].read_bytes() for each in copies.values()
                 if each[0][2].header.writer == "mail2")


def replicas_are_equal(copies):
    for identity, each in copies.items():
        stores = [store for store, _, _ in each]
        assert len(stores) == len(set(stores)) >= 2, f"{identity} is on {stores}"
        first = each[0][1].read_bytes()
        assert all(path.read_bytes() == first for _, path, _ in each[1:]), f"{identity} differs"


def the_catalog_agrees(copies, segments):
    rows = cluster.sql("SELECT id, writer, boot_epoch, length, first_frame, min_copies "
                       "FROM catalog.segment", OWNER)
    assert {uuid.UUID(row[0]) for row in rows} == set(segments)
    for row in rows:
        segment = segments[uuid.UUID(row[0])]
        header = segment.header
        assert row[1:] == [header.writer, str(header.boot_epoch), str(segment.seal.size),
                           str(header.size), str(header.min_copies)], row
    names = dict(cluster.sql("SELECT store_id, name FROM directory.storage_server", OWNER))
    for row in cluster.sql("SELECT segment_id, name FROM catalog.segment_replica r JOIN "
                           "directory.storage_server s ON s.id = r.storage_server_id "
                           "WHERE r.state = 'active'", OWNER):
        identity = uuid.UUID(row[0])
        assert row[1] in {names[str(server)] for server in segments[identity].header.replicas}
        assert row[1] in {store for store, _, _ in copies[identity]}
    frames = {(frame.id, identity, frame.offset, frame.size, frame.kind, frame.message_size)
              for identity, segment in segments.items() for frame in segment.delivered()}
    catalogued = {(uuid.UUID(row[0]), uuid.UUID(row[1]), *map(int, row[2:])) for row in cluster.sql(
        "SELECT id, segment_id, frame_offset, frame_length, kind, message_size FROM "
        "catalog.message", OWNER)}
    assert catalogued == frames, catalogued ^ frames


def messages_are_what_imap_shows(segments, shown):
    rows = cluster.sql(
        "SELECT uid, message_id FROM catalog.mailbox_message m JOIN catalog.mailbox b ON "
        "b.id = m.mailbox_id WHERE b.name = 'INBOX'", OWNER)
    assert {int(row[0]) for row in rows} == set(shown)
    messages = {frame.id: frame for segment in segments.values() for frame in segment.delivered()}
    for uid, identity in rows:
        assert messages[uuid.UUID(identity)].message() == shown[int(uid)], f"UID {uid} differs"
    ways = {bool(frame.flags & segment_reader.ZSTD) for frame in messages.values()}
    assert ways == {False, True}, "not both compressed and plain messages were met"
    aborts = [frame for segment in segments.values() for frame in segment.frames
              if frame.type == segment_reader.ABORT]
    assert len(aborts) == 1, aborts
    identity, offset = aborts[0].cancels()
    assert [frame.id for frame in segments[identity].frames if frame.offset == offset] == [
        aborts[0].id]


# -- damage, judged as the page says --------------------------------------------------------------


def flipped(octets, at, bit=0):
    return octets[:at] + bytes([octets[at] ^ 1 << bit]) + octets[at + 1:]


def places(segment):
    return [(frame.offset, frame.id) for frame in segment.frames]


def good():
    segment = segment_reader.parse(small)
    assert len(segment.frames) >= 5 and not segment.problems
    return segment


def a_bad_header_is_no_segment():
    size = good().header.size
    for at in range(size):
        try:
            segment_reader.parse(flipped(small, at, at % 8))
        except segment_reader.NotASegment as error:
            assert str(error).startswith("unsupported" if at in (8, 9) else "corrupt"), error
            continue
        raise AssertionError(f"a header with a flipped bit at {at} was taken")
    for length in (0, 7, 8, 87, size - 1):
        try:
            segment_reader.parse(small[:length])
        except segment_reader.NotASegment:
            continue
        raise AssertionError(f"{length} octets were taken for a segment")


def a_bad_frame_is_left_out_and_the_others_are_read():
    whole = good()
    for number, frame in enumerate(whole.frames):
        for at in range(frame.offset, frame.offset + frame.size, 17):
            others = places(whole)[:number] + places(whole)[number + 1:]
            octets = flipped(small, at)
            sealed = segment_reader.parse(octets)
            assert sealed.seal is not None and places(sealed) == others, at
            assert sealed.gaps == [(frame.offset, frame.offset + frame.size)], at
            assert any("SHA-256" in problem for problem in sealed.problems), at
            # Without its seal: a gap, but where the last frame is bad that is the end.
            torn = segment_reader.parse(octets[:whole.seal.offset])
            assert torn.seal is None and places(torn) == others, at
            last = number == len(whole.frames) - 1
            assert torn.gaps == ([] if last else [(frame.offset, frame.offset + frame.size)]), at
            assert torn.end == (frame.offset if last else whole.seal.offset), at


def a_bad_seal_is_none():
    whole = good()
    for at in range(whole.seal.offset, whole.seal.size):
        found = segment_reader.parse(flipped(small, at, at % 8))
        assert found.seal is None and places(found) == places(whole), at
        assert found.end == whole.seal.offset and not found.problems, at


def a_segment_written_whole_is_whole_or_none():
    assert segment_reader.parse(journal).header.boot_epoch == 0
    segment = segment_reader.parse(journal)
    for octets in (journal[:-8], journal[:segment.seal.offset],
                   flipped(journal, segment.frames[0].offset + 100)):
        try:
            segment_reader.parse(octets)
        except segment_reader.NotASegment:
            continue
        raise AssertionError("a part of a segment that was written whole was taken for one")


def a_file_cut_short_ends_with_its_last_whole_frame():
    whole = good()
    ends = [frame.offset + frame.size for frame in whole.frames]
    around = {end + by for end in [whole.header.size, *ends] for by in (-9, -8, -1, 0, 1, 8, 88)}
    around |= {whole.seal.size - by for by in (1, 8, 24, 25)}
    for length in sorted(n for n in around if whole.header.size <= n < whole.seal.size):
        found = segment_reader.parse(small[:length])
        expected = [place for place, end in zip(places(whole), ends) if end <= length]
        assert found.seal is None and places(found) == expected, length
        assert found.end == max([whole.header.size, *(end for end in ends if end <= length)])
        assert not found.problems, length


def what_lies_behind_the_seal_does_not_exist():
    whole = good()
    first = whole.frames[0]
    for tail in (b"x", bytes(4096), small[first.offset:], small[-24:], small):
        found = segment_reader.parse(small + tail)
        assert found.seal == whole.seal and found.end == len(small), len(tail)
        assert places(found) == places(whole) and not found.problems, len(tail)


def a_frame_counts_only_in_its_place_and_its_segment():
    whole = good()
    first, second = whole.frames[:2]
    open_file = small[:whole.seal.offset]
    copied = open_file + small[first.offset:first.offset + first.size]
    assert places(segment_reader.parse(copied)) == places(whole), "a frame at another offset"
    header = bytearray(small[:whole.header.size])
    header[56] ^= 1
    header[-4:] = segment_reader.crc32c(header[:-4]).to_bytes(4, "little")
    assert not segment_reader.parse(bytes(header) + open_file[len(header):]).frames, "another salt"
    swapped = (small[:first.offset] + small[second.offset:second.offset + second.size]
               + small[first.offset:first.offset + first.size]
               + small[second.offset + second.size:whole.seal.offset])
    found = places(segment_reader.parse(swapped))
    assert not {first.id, second.id} & {identity for _, identity in found}, "frames that moved"


if __name__ == "__main__":
    with Cluster() as started:
        cluster = started
        main([test_vectors, what_a_cluster_wrote_is_what_the_page_says, a_bad_header_is_no_segment,
              a_bad_frame_is_left_out_and_the_others_are_read, a_bad_seal_is_none,
              a_segment_written_whole_is_whole_or_none,
              a_file_cut_short_ends_with_its_last_whole_frame,
              what_lies_behind_the_seal_does_not_exist,
              a_frame_counts_only_in_its_place_and_its_segment])
