"""Receivers of notifications, each on a free port of the loopback with threads of its own: an HTTP
server that fails as it is told to, the decryption that a browser does, an SMTP server that keeps
what it gets. Independent of the programs under test: hmac and hashlib of Python, `cryptography`."""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import os
import random
import socketserver
import ssl
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

REPLAY_SECONDS = 300  # a receiver refuses a timestamp that is older


def unpadded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_certificate(path, address):
    """Key and certificate of its own authority, in one file that everybody may read."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=receiver", "-addext", f"subjectAltName=IP:{address}",
         "-keyout", "-"], check=True, capture_output=True, text=True)
    path.write_text(made.stdout)
    path.chmod(0o644)
    return path


class HttpReceiver:
    """POSTs by path. `faults` are drawn from for each: "ok", "500", "429", "410", "close" (without
    an answer), "lost" (taken, and no answer), "slow", "hold" (until release() is called)."""

    def __init__(self, faults=("ok",), seed=1, certificate=None):
        self.faults = list(faults)
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.taken = []  # (path, headers, body), whatever was answered
        self.attempts = collections.Counter()
        self.released = threading.Event()
        self.holding = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.serve(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the sender was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self.lock:
            fault = self.random.choice(self.faults)
            self.attempts[fault] += 1
            if fault in ("ok", "lost", "slow"):
                self.taken.append((request.path, dict(request.headers), body))
        if fault == "hold":
            with self.lock:
                self.holding += 1
            self.released.wait(60)
        if fault == "slow":
            time.sleep(0.3)  # what a slow receiver is
        if fault in ("close", "lost", "hold"):
            request.close_connection = True
            return
        request.send_response({"500": 500, "429": 429, "410": 410}.get(fault, 201))
        if fault == "429":
            request.send_header("Retry-After", "1")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def of(self, path):
        with self.lock:
            return [(headers, body) for where, headers, body in self.taken if where == path]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def check_webhook(headers, body, secret):
    """What a careful receiver does; returns the notification."""
    stamp = headers["Roundtable-Timestamp"]
    assert abs(time.time() - int(stamp)) < REPLAY_SECONDS, stamp
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["Roundtable-Signature"], "v1=" + wanted), headers
    assert headers["Content-Type"] == "application/json"
    notice = json.loads(body)
    assert notice["id"] == headers["Roundtable-Id"]
    return notice


class Browser:
    """A subscription of a push service, and its end of RFC 8291."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.auth = os.urandom(16)

    def subscription(self):
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None,
                           "keys": {"p256dh": unpadded(self.point),
                                    "auth": unpadded(self.auth)}})

    def open(self, headers, body):
        assert headers["Content-Encoding"] == "aes128gcm", headers
        assert len(body) <= 4096
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        assert size == 4096 and length == 65
        sender = body[21:21 + length]
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), sender))

        def derive(salt, secret, info, size):
            return HKDF(hashes.SHA256(), size, salt, info).derive(secret)

        secret = derive(self.auth, shared, b"WebPush: info\0" + self.point + sender, 32)
        key = derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derive(salt, secret, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, body[86:], None)
        assert plain.rstrip(b"\0")[-1:] == b"\2"
        return json.loads(plain.rstrip(b"\0")[:-1])


def check_vapid(headers, origin, subject, public_key):
    """RFC 8292: the token is signed with the key that is named, for this push service."""
    scheme, rest = headers["Authorization"].split(" ", 1)
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and fields["k"] == public_key
    head, claims, signature = fields["t"].split(".")
    assert json.loads(from_unpadded(head)) == {"typ": "JWT", "alg": "ES256"}
    said = json.loads(from_unpadded(claims))
    assert said["aud"] == origin and said["sub"] == subject, said
    assert time.time() < said["exp"] < time.time() + 86400, said
    raw = from_unpadded(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"),
                                     int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_unpadded(public_key))
    key.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


class SmtpSink:
    """A smarthost: keeps (reverse-path, recipient, message); says 451 to every `refuse`th."""

    def __init__(self, refuse=0):
        self.messages = []
        self.lock = threading.Lock()
        self.count = 0
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                sink.talk(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass

        self.refuse = refuse
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"smtp://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def talk(self, lines, out):
        def say(text):
            out.write(text.encode() + b"\r\n")
            out.flush()

        sender = recipient = ""
        say("220 sink")
        for line in lines:
            word = line.decode().strip()
            verb = word.split(":")[0].split(" ")[0].upper()
            if verb == "MAIL":
                sender = word.split(":", 1)[1].split(" ")[0]
            elif verb == "RCPT":
                recipient = word.split(":", 1)[1].split(" ")[0]
            elif verb == "QUIT":
                say("221 bye")
                return
            elif verb == "DATA":
                say("354 go")
                message = b""
                for data in lines:
                    if data == b".\r\n":
                        break
                    message += data[1:] if data.startswith(b".") else data
                with self.lock:
                    self.count += 1
                    later = self.refuse and self.count % self.refuse == 0
                    if not later:
                        self.messages.append((sender, recipient, message))
                say("451 later" if later else "250 kept")
                continue
            say("250 ok")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
