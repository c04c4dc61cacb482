"""Debian's unbound as the resolver of a test: in the foreground, on port 53 of an address of a
network namespace, stopped by its own process id."""

import subprocess

CONFIG = """
server:
    directory: "{base}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    interface: {address}
    port: 53
    do-not-query-localhost: no
    local-zone: "test." nodefault  # RFC 6761 gives the name to tests
{server}
remote-control:
    control-enable: no
"""


class Unbound:
    """`server` are more lines of its section server, `more` what comes behind."""

    def __init__(self, directory, address, server="", more=""):
        base = directory / "unbound"
        base.mkdir()
        (base / "conf").write_text(CONFIG.format(base=base, address=address, server=server) + more)
        with (base / "out").open("ab") as out:
            self.process = subprocess.Popen(["unbound", "-d", "-c", base / "conf"], stdout=out,
                                            stderr=out, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
