#!/usr/bin/python3
"""The inbox of an account that is locked stays as small as it was set, whatever a hub does, and nothing is lost by that."""
import os
import socket
import ssl
import subprocess
import sys
import threading

from relay_stage import Relay, Stage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402

INBOX, BYTES, WINDOW, SENT = 4, 100000, 2, 20
MOST = INBOX + WINDOW


def ident(i):
    return i.to_bytes(8, "big") + bytes(8)


class HostileHub:
    """Agrees to everything, and pushes entries that nobody has asked for, COUNT of them on each link."""
    COUNT = 500

    def __init__(self, directory):
        self.links, self.pushed, self.fetched = 0, 0, 0
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=hub", "-keyout", f"{directory}/key.pem",
                        "-out", f"{directory}/cert.pem"], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
        self.context.set_alpn_protocols(["visavis/1"])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            link, _ = self.socket.accept()
            self.links += 1
            try:
                self.serve(self.context.wrap_socket(link, server_side=True))
            except OSError:
                pass

    @staticmethod
    def frame(kind, request, body):
        return (5 + len(body)).to_bytes(4, "big") + bytes([kind]) + request.to_bytes(4, "big") + body

    def serve(self, link):
        stream = link.makefile("rb")
        answers = {1: b"\0\1" + (1 << 20).to_bytes(4, "big") + (1024).to_bytes(4, "big") + (256).to_bytes(4, "big") + (60).to_bytes(4, "big"),
                   3: bytes(16) + self.COUNT.to_bytes(8, "big") + bytes(4) + bytes(8) + bytes(16)}
        while True:
            size = int.from_bytes(stream.read(4), "big")
            if size == 0:
                return
            frame = stream.read(size)
            kind, request = frame[0], int.from_bytes(frame[1:5], "big")
            link.sendall(self.frame(0x80 | kind, request, answers.get(kind, b"")))
            if kind == 7:
                self.fetched += 1
                start = int.from_bytes(frame[5:13], "big")
                for sequence in range(start + 1, self.COUNT + 1):
                    link.sendall(self.frame(0x41, 0, sequence.to_bytes(8, "big") + b"\1x"))
                    self.pushed += 1


def full_of_an_honest_hub(relay, stage):
    check("accounts are added", all(relay.add(f"{n[0]}1", f"{n}@{stage.hub_address}")[0] == "ok" for n in ("alice", "bob")))
    for i in range(SENT):
        relay.send("a1", ident(i), [f"bob@{stage.hub_address}"], b"%d" % i)
    relay.until(lambda: relay.get("a1", "Outbox") == 0)
    check("a locked account's inbox fills", relay.until(lambda: relay.get("b1", "Inbox") >= INBOX))
    for _ in range(3):
        stage.kill("hub")
        relay.until(lambda: relay.get("b1", "State") != "online")
        stage.start_hub()
        relay.until(lambda: relay.get("b1", "State") == "online")
        relay.until(lambda: False, 0.1)
    check("but not more with each link", relay.get("b1", "Inbox") <= MOST, relay.get("b1", "Inbox"))
    relay.attach("b1")
    relay.until(lambda: len(relay.cryptod.contents("b1")) == SENT)
    check("all of it comes once the account is open, in order", relay.cryptod.contents("b1") == [b"%d" % i for i in range(SENT)], relay.cryptod.contents("b1"))


def full_of_large_ones(relay, stage):
    large = [bytes([i]) * (BYTES * 3 // 5) for i in range(3)]
    check("a third account is added", relay.add("c1", f"carol@{stage.hub_address}")[0] == "ok")
    for i, content in enumerate(large):
        relay.send("a1", ident(100 + i), [f"carol@{stage.hub_address}"], content)
    relay.until(lambda: relay.get("a1", "Outbox") == 0)
    relay.until(lambda: False, 0.3)
    check("a locked account's inbox is full of a few that are large", relay.get("c1", "Inbox") == 2, relay.get("c1", "Inbox"))
    stage.kill("relayd")
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()
    relay.until(lambda: relay.get("c1", "State") == "online")
    relay.until(lambda: False, 0.1)
    check("also after kill -9 of relayd", relay.get("c1", "Inbox") == 2, relay.get("c1", "Inbox"))
    relay.attach("c1")
    check("and all of them come", relay.until(lambda: relay.cryptod.contents("c1") == large), [len(c) for c in relay.cryptod.contents("c1")])


def flooded_by_a_hostile_one(relay, stage):
    hub = HostileHub(stage.directory)
    r = relay.add("m1", f"mallory@127.0.0.1:{hub.port}")
    check("a hub that lies is a hub", r[0] == "ok", r)
    check("it pushes what it likes", relay.until(lambda: hub.pushed == hub.COUNT), hub.pushed)
    relay.until(lambda: False, 0.3)
    kept = relay.get("m1", "Inbox")
    check("what is beyond the inbox is not kept", INBOX <= kept <= MOST, kept)
    relay.attach("m1")
    check("and comes when there is room", relay.until(lambda: len(relay.cryptod.contents("m1")) == hub.COUNT), len(relay.cryptod.contents("m1")))
    check("by fetching anew", hub.fetched > 1, hub.fetched)


def main():
    stage = Stage(sys.argv[1:], link=f"window = {WINDOW}\n[limits]\ninbox = {INBOX}\ninbox-bytes = {BYTES}\n")
    try:
        relay = Relay(stage)
        relay.start()
        full_of_an_honest_hub(relay, stage)
        full_of_large_ones(relay, stage)
        flooded_by_a_hostile_one(relay, stage)
    finally:
        stage.end()
    return finish()


sys.exit(main())
