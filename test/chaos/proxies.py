"""TCP proxies between the daemons and PostgreSQL: one link for each daemon and instance, so that
one daemon's connections can be cut at any octet, refused or hung while the others' go on.

They run in a process of their own (this file as a program), which obeys lines on its standard input
and ends with it.
"""

import asyncio
import contextlib
import json
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ports import free_port  # noqa: E402

CHUNK = 65536


class Proxies:
    """links: {name: target port}; ports: {name: port to connect to}."""

    def __init__(self, links):
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).resolve()), json.dumps(links)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.ports = json.loads(self.process.stdout.readline())

    def _tell(self, *words):
        with self.lock:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            if self.process.stdout.readline() != "ok\n":
                raise RuntimeError("the proxies have ended")

    def open(self, prefix):
        """Links whose name starts so ("*": all) carry octets again."""
        self._tell("open", prefix)

    def refuse(self, prefix):
        """Connections are reset, new ones as well."""
        self._tell("refuse", prefix)

    def hang(self, prefix):
        """Connections stay and carry nothing."""
        self._tell("hang", prefix)

    def cut(self, prefix, octets):
        """Each connection is reset once it has carried so many octets more."""
        self._tell("cut", prefix, octets)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Link:
    def __init__(self, target):
        self.target = target
        self.mode = "open"
        self.moved = asyncio.Event()
        self.connections = set()

    def set(self, mode):
        self.mode = mode
        self.moved.set()
        for connection in self.connections:
            connection.left = None  # a cut that has not come yet
        if mode == "refuse":
            for connection in list(self.connections):
                connection.reset()

    async def accept(self, reader, writer):
        if self.mode == "refuse":
            writer.transport.abort()
            return
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(self, writer, other_writer)
        self.connections.add(connection)
        await asyncio.gather(connection.pump(reader, other_writer),
                             connection.pump(other_reader, writer))
        self.connections.discard(connection)


class Connection:
    def __init__(self, link, *writers):
        self.link = link
        self.writers = writers
        self.left = None  # octets that may still pass

    def reset(self):
        for writer in self.writers:
            writer.transport.abort()

    async def pump(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while True:
                data = await reader.read(CHUNK)
                while self.link.mode == "hang":
                    self.link.moved.clear()
                    await self.link.moved.wait()
                if self.left is not None:
                    data, over = data[:self.left], len(data) >= self.left
                    self.left -= len(data)
                    writer.write(data)
                    if over:
                        with contextlib.suppress(OSError):
                            await writer.drain()
                        break
                elif data:
                    writer.write(data)
                if not data:
                    break
                await writer.drain()
        self.reset()


async def obey(links):
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := (await commands.readline()).decode().split():
        for name, link in links.items():
            if line[1] != "*" and not name.startswith(line[1]):
                continue
            if line[0] == "cut":
                for connection in link.connections:
                    connection.left = int(line[2])
            else:
                link.set(line[0])
        print("ok", flush=True)


async def run(targets):
    links = {name: Link(port) for name, port in targets.items()}
    ports, servers = {}, []
    for name, link in links.items():
        server = await asyncio.start_server(link.accept, "127.0.0.1", free_port())
        ports[name] = server.sockets[0].getsockname()[1]
        servers.append(server)
    print(json.dumps(ports), flush=True)
    await obey(links)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
