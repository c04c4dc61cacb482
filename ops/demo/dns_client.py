"""A small DNS client for the demonstration and the cluster tests: one UDP question from a chosen
source address (the name server picks a steering row by the source network), answers as values."""

import ipaddress
import secrets
import socket
import struct
from dataclasses import dataclass

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


@dataclass(frozen=True)
class Record:
    owner: str
    rtype: int
    ttl: int
    data: object


@dataclass(frozen=True)
class Reply:
    rcode: str
    authoritative: bool
    truncated: bool
    answers: tuple
    additional: tuple


def _encode_name(name):
    wire = b""
    for label in name.rstrip(".").split("."):
        wire += bytes([len(label)]) + label.encode("ascii")
    return wire + b"\0"


def _decode_name(packet, at):
    labels, jumps, end = [], 0, None
    while True:
        length = packet[at]
        if length >= 0xC0:
            if end is None:
                end = at + 2
            at = ((length & 0x3F) << 8) | packet[at + 1]
            jumps += 1
            if jumps > 64:
                raise ValueError("compression loop")
        elif length == 0:
            return ".".join(labels) or ".", (at + 1 if end is None else end)
        else:
            labels.append(packet[at + 1:at + 1 + length].decode("ascii", "replace"))
            at += 1 + length


def _decode_data(packet, rtype, at, length):
    data = packet[at:at + length]
    if rtype in (1, 28):
        return str(ipaddress.ip_address(data))
    if rtype in (2, 5):
        return _decode_name(packet, at)[0]
    if rtype == 15:
        return struct.unpack("!H", data[:2])[0], _decode_name(packet, at + 2)[0]
    if rtype == 33:
        return struct.unpack("!HHH", data[:6]) + (_decode_name(packet, at + 6)[0],)
    if rtype == 16:
        texts, offset = [], 0
        while offset < length:
            texts.append(data[offset + 1:offset + 1 + data[offset]].decode("utf-8", "replace"))
            offset += 1 + data[offset]
        return tuple(texts)
    return data


def _decode_section(packet, at, count):
    records = []
    for _ in range(count):
        owner, at = _decode_name(packet, at)
        rtype, _, ttl, length = struct.unpack("!HHIH", packet[at:at + 10])
        at += 10
        if rtype != 41:
            records.append(Record(owner, rtype, ttl, _decode_data(packet, rtype, at, length)))
        at += length
    return tuple(records), at


def query(server, name, rtype, source=None, timeout=1.0, tries=3):
    """Asks server = (address, port). Raises TimeoutError when no try was answered."""
    for _ in range(tries):
        query_id = secrets.randbelow(65536)
        packet = (struct.pack("!HHHHHH", query_id, 0, 1, 0, 0, 1) + _encode_name(name) +
                  struct.pack("!HH", TYPES[rtype], 1) +
                  b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(timeout)
            if source:
                udp.bind((source, 0))
            udp.connect(server)
            udp.send(packet)
            try:
                reply = udp.recv(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
        if len(reply) < 12 or struct.unpack("!H", reply[:2])[0] != query_id:
            continue
        _, flags, questions, answers, authority, additional = struct.unpack("!HHHHHH", reply[:12])
        at = 12
        for _ in range(questions):
            at = _decode_name(reply, at)[1] + 4
        answer, at = _decode_section(reply, at, answers)
        _, at = _decode_section(reply, at, authority)
        extra, at = _decode_section(reply, at, additional)
        return Reply(RCODES.get(flags & 15, str(flags & 15)), bool(flags & 0x400),
                     bool(flags & 0x200), answer, extra)
    raise TimeoutError(f"no DNS answer from {server} for {name} {rtype}")


def best_hosts(server, domain, source=None):
    """The hosts at the lowest preference of the domain's MX, as one source sees them."""
    records = [r.data for r in query(server, domain, "MX", source).answers if r.rtype == 15]
    if not records:
        return []
    lowest = min(preference for preference, _ in records)
    return sorted(host for preference, host in records if preference == lowest)


def first_shares(server, domain, networks=64):
    """Share of first attempts that each host gets from `networks` source networks (127.3.x.0/24):
    a sender picks at random among the best, so each of k best hosts gets 1/k of a source."""
    shares = {}
    for network in range(networks):
        best = best_hosts(server, domain, f"127.3.{network}.1")
        for host in best:
            shares[host] = shares.get(host, 0.0) + 1.0 / len(best) / networks
    return shares
