"""Debian's unbound as the resolver of a test: in the foreground, stopped by its own process id. On
port 53 of an address of a network namespace, or on a free port of an address of this machine."""

import subprocess

CONFIG = """
server:
    directory: "{base}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    num-threads: 1
    interface: {address}@{port}
    do-not-query-localhost: no
    val-log-level: 2
    local-zone: "test." nodefault  # RFC 6761 gives the name to tests
{server}
{more}
remote-control:
    control-enable: no
"""
# For zones whose TTLs are a second: what is wrong or not there is not remembered for longer either.
SHORT_CACHES = """
    cache-max-negative-ttl: 1
    infra-host-ttl: 1
    val-bogus-ttl: 1
"""


class Unbound:
    """`server` are more lines of its section server, `more` what comes behind. `stubs` says where
    zones are ({zone: ["address@port", ...]}), `anchors` which keys it trusts ({zone: the data of a
    DNSKEY})."""

    def __init__(self, directory, address, server="", more="", *, port=53, stubs=None,
                 anchors=None):
        self.port = port
        base = directory / "unbound"
        base.mkdir()
        for zone, key in (anchors or {}).items():
            server += f'    trust-anchor: "{zone}. DNSKEY {key}"\n'
        for zone, servers in (stubs or {}).items():
            more += f'stub-zone:\n    name: "{zone}"\n'
            more += "".join(f"    stub-addr: {at}\n" for at in servers)
        (base / "conf").write_text(CONFIG.format(base=base, address=address, port=port,
                                                 server=server, more=more))
        with (base / "out").open("ab") as out:
            self.process = subprocess.Popen(["unbound", "-d", "-c", base / "conf"], stdout=out,
                                            stderr=out, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
