#!/usr/bin/python3
"""The ways between relayd and a hub: through a SOCKS5 proxy, through a network that breaks, and what a hub's port says to strangers."""
import os
import socket
import ssl
import struct
import sys
import threading
import time

import dbus

from relay_stage import Relay, Stage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from checks import check, finish  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402

SEED = os.environ.get("VISAVIS_SEED", "1")
FAULTY_SECONDS, MESSAGES = float(os.environ.get("VISAVIS_FAULTY_SECONDS", "12")), 150


class Socks(threading.Thread):
    """A SOCKS5 proxy (RFC 1928, 1929) that knows one name, and notes whom it was asked for, by whom."""

    def __init__(self, name, port, method=2):
        super().__init__(daemon=True)
        self.name_known, self.target, self.method, self.asked = name, port, method, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        def take(n):
            data = b""
            while len(data) < n:
                more = client.recv(n - len(data))
                if not more:
                    raise OSError("cut")
                data += more
            return data

        try:
            version, count = take(2)
            methods = take(count)
            assert version == 5 and self.method in methods
            client.sendall(bytes((5, self.method)))
            user = None
            if self.method == 2:
                assert take(1) == b"\1"
                user = take(take(1)[0]).decode()
                take(take(1)[0])
                client.sendall(b"\1\0")
            version, command, _, kind = take(4)
            host = take(take(1)[0]).decode() if kind == 3 else socket.inet_ntoa(take(4))
            port, = struct.unpack(">H", take(2))
            self.asked.append((user, kind, host, port))
            if (version, command) != (5, 1) or host not in (self.name_known, "127.0.0.1"):
                client.sendall(b"\5\4\0\1" + bytes(6))
                client.close()
                return
            hub = socket.create_connection(("127.0.0.1", self.target))
            # In two pieces, and with a name as the bound address: both are allowed.
            client.sendall(b"\5\0\0\3\4")
            time.sleep(0.05)
            client.sendall(b"host\0\1")
            for a, b in ((client, hub), (hub, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()
        except (OSError, AssertionError):
            client.close()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def through_a_proxy(relay, stage):
    key = stage.hub_address.split("#")[1]
    socks = Socks("hub.example.invalid", stage.port)
    plain = Socks("hub.example.invalid", stage.port, method=0)
    far = f"@hub.example.invalid:{stage.port}#{key}"

    def go(account, proxy):
        return relay.set(account, "Proxy", dbus.String(proxy, variant_level=1))

    r = go("a1", "http://127.0.0.1:1")
    check("a proxy that is none is refused, with what to write", r[0] == "im.visavis.Error.InvalidArgument" and "socks5://" in r[1], r)
    check("the proxy can be set while online", go("a1", f"socks5://127.0.0.1:{socks.port}")[0] == "ok")
    check("and is used", relay.until(lambda: socks.asked and relay.get("a1", "State") == "online"), relay.get("a1", "LastError"))
    check("with the account's id as the user name", socks.asked[0][0] == "a1", socks.asked)
    go("a1", f"socks5://127.0.0.1:{plain.port}")
    check("a proxy that asks for no name is used too", relay.until(lambda: plain.asked and relay.get("a1", "State") == "online"), plain.asked)
    with socket.create_server(("127.0.0.1", 0)) as s:
        gone = s.getsockname()[1]
    go("a1", f"socks5://127.0.0.1:{gone}")
    check("without its proxy the link stays down, and says so",
          relay.until(lambda: "proxy" in relay.get("a1", "LastError")) and relay.get("a1", "State") != "online", relay.get("a1", "LastError"))
    go("a1", "")
    check("emptied, the link is direct again", relay.until(lambda: relay.get("a1", "State") == "online"))

    stage.kill("relayd")
    with open(stage.directory + "/config/relayd.conf", "a", encoding="utf-8") as f:
        f.write(f"proxy = socks5://127.0.0.1:{socks.port}\n")
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()
    r = relay.add("f1", "frank" + far)
    check("a new account starts with the proxy of relayd.conf", r[0] == "ok" and relay.get("f1", "Proxy").endswith(str(socks.port)), r)
    check("which looks up the hub's name", ("f1", 3, "hub.example.invalid", stage.port) in socks.asked, socks.asked)
    check("the accounts before are as they were", relay.get("a1", "Proxy") == "", relay.get("a1", "Proxy"))


def trust(relay, stage):
    check("a key that stands in the address is pinned", relay.get("a1", "HubKey") == "pinned", relay.get("a1", "HubKey"))
    r = relay.add("t1", "trudy@" + stage.hub_address.split("#")[0])
    check("without one it is that of the first use, and says so", r[0] == "ok" and relay.get("t1", "HubKey") == "first-use", r)
    check("bytes are counted", relay.get("t1", "BytesReceived") > 500 and relay.get("t1", "BytesSent") > 300, relay.get("t1", "BytesSent"))
    stage.kill("relayd")
    relay.until(lambda: not relay.bus.name_has_owner("im.visavis.Relay1"))
    relay.start()
    check("it says so after a restart as well", relay.get("t1", "HubKey") == "first-use")


def through_faults(relay, stage):
    key = stage.hub_address.split("#")[1]
    proxy = FaultProxy(stage.port, SEED)
    at = f"@127.0.0.1:{proxy.port}#{key}"
    for account, name in (("x1", "xavier"), ("y1", "yolanda")):
        relay.until(lambda: relay.add(account, name + at)[0] == "ok", 120)
        relay.attach(account)
    sent, started = 0, time.monotonic()
    while sent < MESSAGES:
        relay.until(lambda: time.monotonic() - started > sent * FAULTY_SECONDS / MESSAGES, 60)
        for a, b, to in (("x1", 0, "yolanda"), ("y1", 1, "xavier")):
            relay.send(a, struct.pack(">QQ", b, sent), [to + at], b"%s %d " % (a.encode(), sent) + b"." * (sent * 97 % 3000))
        sent += 1
    proxy.be_kind()
    done = relay.until(lambda: all(relay.get(a, "Outbox") == 0 and len(relay.cryptod.contents(b)) >= MESSAGES
                                   for a, b in (("x1", "y1"), ("y1", "x1"))), 90)
    for a, b in (("x1", "y1"), ("y1", "x1")):
        got = [c.rstrip(b".").strip() for c in relay.cryptod.contents(b)]
        check(f"through faults of seed {SEED} all that {a} sent is there once, in order",
              done and got == [b"%s %d" % (a.encode(), i) for i in range(MESSAGES)], (len(got), relay.get(a, "LastError"), proxy.drawn))
    check("there were faults of most kinds", len(proxy.drawn) >= 5, proxy.drawn)
    print("#", proxy.count, "connections:", proxy.drawn)
    proxy.stop()


def tls(stage, alpn="visavis/1", version=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    if alpn:
        context.set_alpn_protocols([alpn])
    s = socket.create_connection(("127.0.0.1", stage.port), timeout=15)
    return context.wrap_socket(s)


def frame(kind, request, body=b""):
    return struct.pack(">IBI", 5 + len(body), kind, request) + body


HELLO = frame(1, 1, b"\2\0\1")


def all_of(s):
    """What comes until the other side ends it."""
    data = b""
    try:
        while more := s.recv(65536):
            data += more
    except (ConnectionError, ssl.SSLError):
        pass
    return data


def strangers(relay, stage):
    """A hub's port, asked by those who do not follow the protocol. After each of them it serves alice as before."""
    def refused(make):
        try:
            make().close()
        except (ssl.SSLError, ConnectionError):
            return True
        return False

    check("another ALPN is refused", refused(lambda: tls(stage, "h2")))
    check("TLS 1.2 is refused", refused(lambda: tls(stage, version=ssl.TLSVersion.TLSv1_2)))
    with tls(stage, None) as s:
        try:
            s.sendall(HELLO)
        except OSError:
            pass
        check("no ALPN at all is cut off", all_of(s) == b"")
    with socket.create_connection(("127.0.0.1", stage.port), timeout=15) as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        check("garbage before the handshake is cut off", len(all_of(s)) < 32)
    for name, data in (("an oversized frame", struct.pack(">I", 5000)), ("an undersized frame", struct.pack(">I", 3)),
                       ("an oversized frame after HELLO", HELLO + struct.pack(">I", 1 << 31)),
                       ("garbage after the handshake", bytes(range(255, 0, -1)) * 8),
                       ("HELLO twice", HELLO + HELLO), ("a request before HELLO", frame(9, 1)),
                       ("SEND before AUTHENTICATE", HELLO + frame(6, 2, b"x" * 40)),
                       ("HELLO with a body cut short", frame(1, 1, b"\2\0")),
                       ("versions that the hub does not speak", frame(1, 1, b"\4\0\2\0\3"))):
        with tls(stage) as s:
            started = time.monotonic()
            s.sendall(data)
            said = all_of(s)
            check(f"{name} ends the link at once", time.monotonic() - started < 4, said)
    with tls(stage) as s:
        for byte in HELLO[:-1]:
            s.sendall(bytes((byte,)))
        s.settimeout(0.5)
        try:
            early = s.recv(100)
        except TimeoutError:
            early = b""
        s.sendall(HELLO[-1:])
        s.settimeout(15)
        check("half a frame is waited for, and answered when it is whole", early == b"" and s.recv(100)[4:5] == b"\x81", early)
    with tls(stage) as s:
        s.sendall(HELLO[:5])
        started = time.monotonic()
        all_of(s)
        check("but not for ever", 5 < time.monotonic() - started < 14, time.monotonic() - started)
    r = relay.send("a1", b"after strangers!", ["alice@" + stage.hub_address], b"still here")
    relay.attach("a1")
    check("and those who keep to it are served as before", r[0] == "ok" and relay.until(lambda: b"still here" in relay.cryptod.contents("a1")), r)


def main():
    stage = Stage(sys.argv[1:3])
    try:
        relay = Relay(stage)
        relay.start()
        r = relay.add("a1", "alice@" + stage.hub_address)
        check("an account is added", r[0] == "ok", r)
        trust(relay, stage)
        strangers(relay, stage)
        through_faults(relay, stage)
        through_a_proxy(relay, stage)
    finally:
        stage.end()
    return finish()


sys.exit(main())
