"""A port for a server that a test starts."""

import contextlib
import random
import socket

# Below the range that the kernel takes ports of clients from (ip_local_port_range). Above, a client
# may have the port before its server binds it; and dig sets SO_REUSEPORT, as servers with a socket
# for each thread do, so that one user's dig can be given the very port of the server that it asks.
FIRST, END = 20000, 32000


def free_port(address="127.0.0.1"):
    """Free for TCP and UDP alike, when it was looked for."""
    for _ in range(200):
        port = random.SystemRandom().randrange(FIRST, END)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                contextlib.suppress(OSError):
            tcp.bind((address, port))
            udp.bind((address, port))
            return port
    raise RuntimeError(f"no port is free on {address}")
