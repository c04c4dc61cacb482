"""Private Postfix and Dovecot for the benchmarks: own directories, free ports, foreground, stopped
by their own process ids. Both need root, as they do in production."""

import contextlib
import os
import pathlib
import pwd
import subprocess

from bench_lib import service
from cluster import wait_until
from ports import free_port
from postfix import SERVICES

POSTFIX_MASTER = SERVICES + """
smtp_in   inet  n - n - -    smtpd
local     unix  - n n - -    local
lmtp      unix  - - n - -    lmtp
"""


@contextlib.contextmanager
def dovecot(directory):
    """Yields (process, imap port, path of the LMTP socket). Any user with the password `secret` is
    there; mail goes to sdbox, Dovecot's one-file-a-message format with fsync as it ships."""
    base = directory / "dovecot"
    (base / "run").mkdir(parents=True)
    (base / "mail").mkdir()
    owner = pwd.getpwnam("mail")
    os.chown(base / "mail", owner.pw_uid, owner.pw_gid)
    port = free_port()
    config = base / "dovecot.conf"
    config.write_text(f"""
base_dir = {base}/run
state_dir = {base}/run
log_path = {base}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:{base}/mail/%n
first_valid_uid = 1
auth_cache_size = 10M
auth_username_format = %Ln
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={base}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 1
  client_limit = 1000
}}
service imap {{
  process_limit = 2000
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  process_limit = 100
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
mail_max_userip_connections = 2000
""")
    with service(["dovecot", "-F", "-c", config], directory / "dovecot.out") as process:
        wait_until("Dovecot's LMTP socket", lambda: (base / "run/lmtp").exists(), 20)
        yield process, port, base / "run/lmtp"


@contextlib.contextmanager
def postfix(directory, domain, lmtp_socket):
    """Yields (master process, SMTP port). Mail for the domain goes to the LMTP socket."""
    base = directory / "postfix"
    for name in ("etc", "queue", "data"):
        (base / name).mkdir(parents=True)
    owner = pwd.getpwnam("postfix")
    os.chown(base / "data", owner.pw_uid, owner.pw_gid)
    port = free_port()
    (base / "etc/main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.{domain}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps =
virtual_transport = lmtp:unix:{lmtp_socket}
lmtp_destination_concurrency_limit = 20
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
maillog_file = {base}/queue/maillog
maillog_file_prefixes = {base}
""")
    (base / "etc/master.cf").write_text(
        POSTFIX_MASTER.replace("smtp_in ", f"127.0.0.1:{port} ") +
        "postlog   unix-dgram n - n - 1 postlogd\n")
    environment = dict(os.environ, MAIL_CONFIG=str(base / "etc"))
    subprocess.run(["postfix", "-c", str(base / "etc"), "check"], env=environment, check=True,
                   capture_output=True)
    with service(["/usr/lib/postfix/sbin/master", "-c", base / "etc", "-d"],
                 directory / "postfix.out", env=environment) as process:
        pid_file = base / "queue/pid/master.pid"
        wait_until("Postfix's master", pid_file.exists, 20)
        yield process, port


def versions():
    def first_line(*command):
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    return {"postfix": first_line("postconf", "-d", "-h", "mail_version"),
            "dovecot": first_line("dovecot", "--version").split()[0]}


def stored(path):
    """Messages in a Dovecot sdbox tree."""
    return sum(1 for _ in pathlib.Path(path).rglob("u.*"))
