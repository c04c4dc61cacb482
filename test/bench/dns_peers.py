"""Private gdnsd, NSD, Knot and PowerDNS for the benchmark `dns`: own directories, free ports, one
UDP thread, rate limiting off, everything else as they ship. Each serves example.test; those that
can, signed.test, too: the same records, signed beforehand (ECDSA P-256, NSEC)."""

import contextlib
import re
import subprocess

from bench_lib import service
from cluster import dns_client, wait_until
from ports import free_port

PLAIN = "example.test"
SIGNED = "signed.test"


class Zones:
    """Master files of both zones. `mail_servers`: (name, address)."""

    def __init__(self, directory, names, mail_servers):
        self.directory = directory / "zones"
        self.directory.mkdir()
        self.names = names
        self.mail_servers = mail_servers
        (self.directory / PLAIN).write_text(self._text(PLAIN))
        self._sign()

    def _text(self, zone):
        lines = [f"$ORIGIN {zone}.", "$TTL 300",
                 "@ SOA ns1 hostmaster 1 3600 600 1209600 60", "@ NS ns1", "ns1 A 127.0.0.1"]
        for name, address in self.mail_servers:
            lines.append(f"@ 60 MX 10 {name}.{PLAIN}.")
            if zone == PLAIN:
                lines.append(f"{name} A {address}")
        lines += [f"host{n} A 192.0.2.{n % 250 + 1}" for n in range(self.names)]
        return "\n".join(lines) + "\n"

    def _sign(self):
        (self.directory / "plain").write_text(self._text(SIGNED))
        key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", SIGNED],
                             cwd=self.directory, capture_output=True, text=True,
                             check=True).stdout.strip()
        subprocess.run(["ldns-signzone", "-f", SIGNED, "plain", key], cwd=self.directory,
                       check=True, capture_output=True)


def version(command, pattern):
    out = subprocess.run(command, capture_output=True, text=True)
    found = re.search(pattern, out.stdout + out.stderr)
    return found.group(1) if found else "unknown"


class Peer:
    """Subclasses write their configuration and give the command that runs in the foreground."""
    name = ""
    signs = True
    version_of = ()

    def __init__(self, directory, zones):
        self.zones = zones
        self.directory = directory / self.name.lower()
        self.directory.mkdir()
        self.address = "127.0.0.1"
        self.port = free_port()
        self.version = version(*self.version_of)
        self.process = None

    def configure(self):
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self):
        command = self.configure()
        with service(command, self.directory / "log") as self.process:
            try:
                wait_until(f"{self.name} answers", self._answered, 20)
            except TimeoutError:
                print((self.directory / "log").read_text(errors="replace")[-2000:])
                raise
            yield self

    def _answered(self):
        try:
            return all(dns_client.query((self.address, self.port), zone, "SOA", timeout=0.3,
                                        tries=1).answers
                       for zone in ((PLAIN, SIGNED) if self.signs else (PLAIN,)))
        except (TimeoutError, OSError):
            return False

    @property
    def pid(self):
        return self.process.pid


class Gdnsd(Peer):
    name = "gdnsd"
    signs = False
    version_of = (["dpkg-query", "-W", "-f", "${Version}", "gdnsd"], r"(\S+)")

    def configure(self):
        """gdnsd steers addresses only: dyna.example.test is its multifo with the mail servers'."""
        (self.directory / "zones").mkdir()
        text = (self.zones.directory / PLAIN).read_text() + "dyna 60 DYNA multifo!pool\n"
        (self.directory / "zones" / PLAIN).write_text(text)
        pool = ", ".join(f"{name} => {address}" for name, address in self.zones.mail_servers)
        (self.directory / "config").write_text(
            f"options => {{ listen => {{ {self.address}:{self.port} => {{ udp_threads => 1, "
            f"tcp_threads => 1 }} }}, run_dir => {self.directory}/run, "
            f"state_dir => {self.directory}/state }}\n"
            f"plugins => {{ multifo => {{ pool => {{ service_types => up, {pool} }} }} }}\n")
        return ["gdnsd", "-c", self.directory, "start"]


class Nsd(Peer):
    name = "NSD"
    version_of = (["nsd", "-v"], r"NSD version (\S+)")

    def configure(self):
        zones = "".join(f"zone:\n  name: {zone}\n  zonefile: {zone}\n" for zone in (PLAIN, SIGNED))
        (self.directory / "nsd.conf").write_text(f"""
server:
  ip-address: {self.address}@{self.port}
  server-count: 1
  username: ""
  zonesdir: {self.zones.directory}
  database: ""
  zonelistfile: {self.directory}/zonelist
  xfrdfile: {self.directory}/xfrd
  xfrdir: {self.directory}
  pidfile: {self.directory}/pid
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
{zones}""")
        return ["nsd", "-d", "-c", self.directory / "nsd.conf"]


class Knot(Peer):
    name = "Knot"
    version_of = (["knotd", "-V"], r"version (\S+)")

    def configure(self):
        zones = "".join(f"""
  - domain: {zone}
    file: {self.zones.directory}/{zone}
    storage: {self.directory}
    zonefile-sync: -1
    journal-content: none
""" for zone in (PLAIN, SIGNED))
        (self.directory / "knot.conf").write_text(f"""
server:
    rundir: {self.directory}
    listen: {self.address}@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {self.directory}
zone:{zones}""")
        return ["knotd", "-c", self.directory / "knot.conf"]


class PowerDns(Peer):
    """The BIND backend; packet and query cache as they ship."""
    name = "PowerDNS"
    version_of = (["dpkg-query", "-W", "-f", "${Version}", "pdns-server"], r"(\S+)")

    def configure(self):
        zones = "".join(f'zone "{zone}" {{ type master; file "{self.zones.directory}/{zone}"; }};\n'
                        for zone in (PLAIN, SIGNED))
        (self.directory / "named.conf").write_text(zones)
        database = self.directory / "dnssec.sqlite"
        (self.directory / "pdns.conf").write_text(f"""
launch=bind
bind-config={self.directory}/named.conf
bind-dnssec-db={database}
local-address={self.address}
local-port={self.port}
socket-dir={self.directory}
receiver-threads=1
distributor-threads=1
daemon=no
guardian=no
disable-syslog=yes
loglevel=3
""")
        tool = ["pdnsutil", "--config-dir", str(self.directory)]
        for words in (["create-bind-db", str(database)], ["set-presigned", SIGNED]):
            subprocess.run(tool + words, check=True, capture_output=True)
        return ["pdns_server", f"--config-dir={self.directory}"]


PEERS = (Gdnsd, Nsd, Knot, PowerDns)
