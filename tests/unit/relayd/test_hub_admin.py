#!/usr/bin/python3
"""A hub as its owner rules it: the control socket and `visavis hub`, with relayd as the one who signs up."""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import dbus

from relay_stage import LINK, PROPERTIES, Relay, Stage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish, skip  # noqa: E402

VISAVIS = sys.argv[3]
OK, OTHER, USAGE, NOT_FOUND = 0, 1, 2, 7


HUB, EXISTS, INVALID = "im.visavis.Error.Hub", "im.visavis.Error.Exists", "im.visavis.Error.InvalidArgument"


def free_port():
    """One that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Owner:
    def __init__(self, stage):
        self.stage, self.state = stage, stage.directory + "/hub"

    def run(self, *words, **more):
        done = subprocess.run([VISAVIS, "hub", *words, "--state", more.pop("state", self.state)], capture_output=True, text=True,
                              timeout=60, **more)
        return done.returncode, done.stdout, done.stderr

    def json(self, *words):
        code, out, err = self.run(*words, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def status(self):
        return json.loads(self.ask(b"status").splitlines()[0])

    def ask(self, line, fd=None, end=b"\n"):
        """The socket itself, without the program: all that comes, as text."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.state + "/control")
            socket.send_fds(s, [line + end], [] if fd is None else [fd])
            out = b""
            while part := s.recv(65536):
                out += part
        return out.decode()


def test_socket(owner):
    mode = os.stat(owner.state + "/control").st_mode
    check("the control socket is for its owner alone", stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode))
    check("an answer ends with a word that it is whole", owner.ask(b"accounts") == '{"end":true}\n')
    for line in (b"", b"frobnicate", b"status now", b"remove", b"remove Bob", b"remove bob ", b"revoke 12", b"revoke zzzzzzzzzzzzzzzz",
                 b"invite uses=0", b"invite uses=99999999999", b"invite seconds=-1", b"invite for=bob", b"backup", b"x" * 300, b"\xff\x00"):
        answer = json.loads(owner.ask(line))
        check(f"{line[:24]} is refused with a sentence", answer["error"] == "InvalidArgument" and len(answer["text"]) > 20, answer)
    for line in (b"remove nobody", b"revoke 0000000000000000"):
        check(f"{line} finds nothing", json.loads(owner.ask(line))["error"] == "NotFound")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(owner.state + "/control")
        s.sendall(b"sta")
        check("half a request hinders nobody", "end" in owner.ask(b"accounts"))
    if os.geteuid() != 0:
        skip("another user is kept out", "only root can become one")
        return
    os.chmod(owner.state, 0o755)
    os.chmod(owner.state + "/control", 0o666)
    code, out, err = owner.run("status", user=65534, group=65534)
    check("another user who gets that far is told that it is not theirs", code == OTHER and "root" in err, (code, out, err))
    os.chmod(owner.state + "/control", 0o600)
    os.chmod(owner.state, 0o700)


def test_group(owner):
    """Under systemd the group of the hub's user rules it, too."""
    if os.geteuid() != 0:
        skip("the hub's group may", "only root can become another user")
        return
    state, runtime = owner.stage.directory + "/grouped", owner.stage.directory + "/runtime"
    os.mkdir(runtime, 0o750)
    with subprocess.Popen([sys.argv[2], "--state", state, "--listen", f"127.0.0.1:{free_port()}", "--config", "/nowhere", "--log-level", "err"],
                          env={"RUNTIME_DIRECTORY": runtime}, stdout=subprocess.PIPE, text=True) as hub:
        hub.stdout.readline()
        check("the socket is where systemd made a place, for the group as well", stat.S_IMODE(os.stat(runtime + "/control").st_mode) == 0o660)
        code, out, err = owner.run("accounts", state=runtime, user=65534, group=65534, extra_groups=[0])
        check("a member of the group may", code == OK, (code, out, err))
        code, out, err = owner.run("accounts", state=runtime, user=65534, group=65534, extra_groups=[])
        check("who is none may not", code == OTHER and "somebody else" in err, (code, out, err))
        hub.terminate()
    check("the socket is gone with the hub", not os.path.exists(runtime + "/control"))


def test_status(owner):
    code, out, err = owner.run("status")
    check("status shows address and figures", code == OK and owner.stage.hub_address in out and "registration: open" in out, (out, err))
    status, = owner.json("status")
    check("status --json has them as numbers", status["address"] == owner.stage.hub_address and status["accounts"] == 0 and
          abs(status["since_usec"] / 1e6 - time.time()) < 120 and status["disk_free_bytes"] > 0 and status["messages_per_second"] == 0, status)
    code, out, err = owner.run("status", state="/nowhere")
    check("a hub that does not run is said to be missing", code == NOT_FOUND and "/nowhere" in err, (code, err))
    for words in ((), ("frobnicate",), ("remove",), ("status", "now"), ("invite", "--expires", "soon"), ("invite", "--uses", "0")):
        code, out, err = owner.run(*words)
        check(f"hub {' '.join(words)}: refused with a sentence", code == USAGE and err, (code, out, err))


def on_terminal(*command):
    """What the program shows on a terminal."""
    master, slave = os.openpty()
    with subprocess.Popen(command, stdout=slave, stderr=subprocess.DEVNULL) as p:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65536):
                shown += part
        except OSError:  # its other end is closed
            pass
        os.close(master)
        return p.wait(), shown.decode()


def look_at(shown, scale=6):
    """What a camera reads from the terminal: each character cell is two pixels, drawn in the colours that are in force."""
    rows = []
    for line in shown.replace("\r", "").splitlines():
        if line.startswith("\x1b[0;30;107m") and line.endswith("\x1b[0m"):
            cells = line.removeprefix("\x1b[0;30;107m").removesuffix("\x1b[0m")
            rows += [[c in dark for c in cells] for dark in ("▀█", "▄█")]
    pixels = "".join("".join(("1" if p else "0") * scale for p in row) * scale for row in rows)
    with tempfile.NamedTemporaryFile(suffix=".pbm") as f:
        f.write(f"P1 {len(rows[0]) * scale} {len(rows) * scale}\n{pixels}\n".encode() if rows else b"P1 1 1 0\n")
        f.flush()
        return subprocess.run(["zbarimg", "--quiet", "--raw", f.name], capture_output=True, text=True, check=False).stdout.strip()


def test_qr_code(owner):
    if not shutil.which("zbarimg"):
        skip("a camera reads the address", "zbar-tools is not installed")
        return
    address = owner.stage.hub_address
    code, shown = on_terminal(VISAVIS, "hub", "status", "--state", owner.state)
    check("a camera reads the address from hub status", code == OK and look_at(shown) == address, (shown, look_at(shown)))
    code, shown = on_terminal(sys.argv[2], "--state", owner.state, "--address", "--listen", address.split("#")[0])
    check("and from the hub itself", code == OK and look_at(shown) == address, shown)


def test_accounts(owner, relay):
    hub = owner.stage.hub_address
    for name, account in (("alice", "a1"), ("bob", "b1")):
        relay.add(account, f"{name}@{hub}")
    relay.attach("a1")
    relay.attach("b1")
    relay.set("b1", "Enabled", dbus.Boolean(False, variant_level=1))
    relay.until(lambda: owner.status()["links"] == 1)
    relay.send("a1", b"1" * 16, [f"bob@{hub}"], b"hello")
    relay.until(lambda: owner.json("accounts")[1]["waiting_messages"] == 1)
    alice, bob = owner.json("accounts")
    check("accounts lists who there is and what waits", (alice["name"], bob["name"], bob["waiting_messages"], bob["waiting_bytes"],
                                                         alice["waiting_messages"]) == ("alice", "bob", 1, 5, 0), (alice, bob))
    code, out, err = owner.run("accounts")
    check("a line each for a person", code == OK and len(out.splitlines()) == 2 and "bob" in out and "1 messages wait (5 bytes)" in out, out)
    status = owner.status()
    check("status counts them", (status["accounts"], status["waiting_messages"], status["messages"], status["entries"]) == (2, 1, 1, 1), status)


def test_backup(owner):
    path = owner.stage.directory + "/copy"
    code, out, err = owner.run("backup", path)
    check("backup copies to a new file of mode 0600", code == OK and stat.S_IMODE(os.stat(path).st_mode) == 0o600 and "checked" in out, (out, err))
    code, out, err = owner.run("backup", path)
    check("and not over one that is there", code == OTHER and path in err, (code, err))
    restored = owner.stage.directory + "/restored"
    os.mkdir(restored, 0o700)
    os.rename(path, restored + "/hub.db")
    text = subprocess.run([sys.argv[2], "--state", restored, "--inspect"], capture_output=True, text=True, check=True).stdout
    check("what is put back holds what there was", "bob: 1 messages so far, 1 waiting (5 bytes)" in text, text)
    check("nothing is left beside the database", not [n for n in os.listdir(owner.state) if "backup" in n])
    read, write = os.pipe()
    check("a backup goes to a regular file alone", "new or empty" in owner.ask(b"backup", fd=write))
    os.close(read)
    os.close(write)
    os.rename(restored + "/hub.db", path)
    shutil.rmtree(restored)
    return path


def test_restore(owner, relay, backup):
    """The message that waited for bob when the backup was made has been fetched since; another follows under its number."""
    relay.set("b1", "Enabled", dbus.Boolean(True, variant_level=1))
    relay.until(lambda: relay.cryptod.contents("b1") == [b"hello"] and owner.status()["waiting_messages"] == 0)
    owner.stage.kill("hub", signal.SIGTERM)
    for name in os.listdir(owner.state):
        if name.startswith("hub.db"):
            os.unlink(f"{owner.state}/{name}")
    os.rename(backup, owner.state + "/hub.db")
    owner.stage.start_hub()
    check("a hub goes on with a backup", [a["name"] for a in owner.json("accounts")] == ["alice", "bob"])
    relay.until(lambda: relay.get("a1", "State") == "online")
    relay.send("a1", b"2" * 16, [f"bob@{owner.stage.hub_address}"], b"after the restore")
    expected = [b"hello", b"hello", b"after the restore"]
    check("what had been fetched comes once more, and nothing new is taken for it", relay.until(lambda: relay.cryptod.contents("b1") == expected),
          relay.cryptod.contents("b1"))


def test_log(owner):
    code, out, err = owner.run("log", "--last", "500")
    lines = [line.split() for line in out.splitlines()]
    check("log shows the access log", code == OK and any(line[2:] == ["authenticated", "alice"] for line in lines), (out, err))
    check("status says how large it is", owner.status()["access_log_bytes"] == os.stat(owner.state + "/access.log").st_size > 0)
    last = owner.json("log", "--last", "2")
    check("the last lines of it, with names", len(last) == 2 and [e["time"] for e in last] == [line[0] for line in lines[-2:]], last)
    with subprocess.Popen([VISAVIS, "hub", "log", "--follow", "--last", "1", "--state", owner.state], stdout=subprocess.PIPE, text=True) as p:
        p.stdout.readline()
        os.rename(owner.state + "/access.log", owner.state + "/access.log.1")
        with open(owner.state + "/access.log.1", "a", encoding="ascii") as f:
            f.write("one behind the rotation\n")
        with open(owner.state + "/access.log", "w", encoding="ascii") as f:
            f.write("two in the new file\n")
        followed = [p.stdout.readline(), p.stdout.readline()]
        p.terminate()
    check("log --follow goes on over a rotation", followed == ["one behind the rotation\n", "two in the new file\n"], followed)


def test_removal(owner, relay):
    relay.until(lambda: relay.get("a1", "State") == "online")
    code, out, err = owner.run("remove", "alice")
    check("remove deletes an account", code == OK and [a["name"] for a in owner.json("accounts")] == ["bob"], (out, err))
    check("its link is sent away, and told why", relay.until(lambda: "deleted" in str(relay.get("a1", "LastError"))), relay.get("a1", "LastError"))
    code, out, err = owner.run("remove", "alice")
    check("once", code == NOT_FOUND and "no account" in err, (code, err))


def test_invitations(owner):
    token, id = (lambda o: (o["token"], o["invitation"]))(owner.json("invite", "--uses", "2", "--expires", "1h")[0])
    listed, = owner.json("invitations")
    check("an invitation is listed, without its token", listed["invitation"] == id and listed["uses"] == 2 and listed["state"] == "good" and
          token not in json.dumps(listed) and abs(listed["until_usec"] / 1e6 - time.time() - 3600) < 60, listed)
    for name in os.listdir(owner.state):
        if name.startswith("hub.db"):
            with open(f"{owner.state}/{name}", "rb") as f:
                check(f"{name} does not hold the token", token.encode() not in f.read())
    code, out, err = owner.run("invite")
    check("invite prints a token, and nothing else where programs read", code == OK and len(out.strip()) == 22 and out.count("\n") == 1, out)
    check("and warns that this hub asks nobody for one", "registration = invitation" in err, err)
    code, out, err = owner.run("revoke", id)
    check("revoke takes one back", code == OK and owner.json("invitations")[0]["state"] == "revoked", (out, err))
    code, out, err = owner.run("revoke", id)
    check("once", code == NOT_FOUND, (code, err))
    check("another stays good", owner.json("invitations")[1]["state"] == "good" and owner.status()["invitations"] == 1)


def configure(owner, text):
    """A new hub.conf, and a hub that reads it."""
    with open(owner.stage.directory + "/config/hub.conf", "w", encoding="ascii") as f:
        f.write(text)
    owner.stage.processes["hub"].send_signal(signal.SIGHUP)


def becomes(condition):
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_reload(owner, relay):
    log = owner.state + "/access.log"
    relay.until(lambda: relay.get("b1", "State") == "online")
    since = relay.get("b1", "Since")
    configure(owner, "[hub]\nregistration = closed\naccess-log = no\nname = hub.example.org\n")
    check("SIGHUP has it read its configuration again", becomes(lambda: owner.status()["registration"] == "closed"), owner.status())
    r = relay.add("late", "late@" + owner.stage.hub_address)
    check("nobody new gets in then", r[0] == HUB and "no new accounts" in r[1], r)
    check("the access log is off", owner.status()["access_log"] is False and owner.run("log")[0] == NOT_FOUND)
    check("the address is another", owner.status()["address"].startswith("hub.example.org:"), owner.status()["address"])
    configure(owner, "[hub]\nregistration = open\naccess-log = perhaps\nname =\n")
    time.sleep(0.3)
    check("a configuration with a mistake changes nothing", owner.status()["registration"] == "closed", owner.status())
    configure(owner, "[hub]\nregistration = invitation\n[limits]\nclaims-per-minute = 1\n")
    check("nor does it hinder the next", becomes(lambda: owner.status()["registration"] == "invitation"))
    os.rename(log, log + ".1")
    configure(owner, "[hub]\nregistration = invitation\n")
    check("a log that was moved away is opened anew", becomes(lambda: os.path.exists(log)) and owner.run("log")[0] == OK)
    check("links are not cut by that", (relay.get("b1", "State"), relay.get("b1", "Since")) == ("online", since), relay.get("b1", "State"))


def test_hot_restart(owner, relay):
    hub = owner.stage.processes["hub"]
    refused, stop = [], []

    def knock():
        while not stop:
            try:
                socket.create_connection(("127.0.0.1", owner.stage.port), timeout=5).close()
            except OSError as e:
                refused.append(e)
            time.sleep(0.002)

    def is_new():
        try:
            return owner.status()["commits"] < before
        except (OSError, IndexError):
            return False

    knocking = threading.Thread(target=knock)
    knocking.start()
    before = owner.status()["commits"]
    hub.send_signal(signal.SIGUSR2)
    renewed = becomes(is_new)
    stop.append(True)
    knocking.join()
    check("SIGUSR2 has the program started again in the same process", before > 5 and renewed and hub.poll() is None)
    check("and nobody who connects meanwhile is refused", refused == [], refused[:3])
    check("links come back", relay.until(lambda: relay.get("b1", "State") == "online"), relay.get("b1", "LastError"))


def scrape(port, request=b"GET /metrics HTTP/1.1\r\nHost: hub\r\n\r\n"):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(request)
        answer = b""
        while part := s.recv(65536):
            answer += part
    head, body = answer.split(b"\r\n\r\n", 1)
    return head.decode(), body.decode()


def test_metrics(owner):
    port = free_port()
    text = owner.run("metrics")[1]
    check("hub metrics ends with # EOF", text.endswith("\n# EOF\n"), text)
    configure(owner, f"[hub]\nmetrics = 127.0.0.1:{port}\nregistration = invitation\n")
    owner.stage.kill("hub", signal.SIGTERM)
    owner.stage.start_hub()
    head, body = scrape(port)
    check("a scraper gets OpenMetrics", head.startswith("HTTP/1.1 200 OK") and "application/openmetrics-text; version=1.0.0" in head and
          f"Content-Length: {len(body)}" in head, head)
    for request, status in ((b"GET / HTTP/1.1\r\n\r\n", "404"), (b"POST /metrics HTTP/1.1\r\n\r\n", "405"), (b"hello\n\n", "400"),
                            (b"GET /metrics HTTP/1.1\r\nA: " + b"x" * 4070, "431")):
        head, _ = scrape(port, request)
        check(f"{request[:16]} is answered with {status}", head.split()[1] == status, head)
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        skip("Prometheus's own parser takes it", "python3-prometheus-client is not installed")
        return
    families = {f.name: f for f in text_string_to_metric_families(body)}
    accounts, = families["visavis_hub_accounts"].samples
    check("Prometheus's own parser takes it", len(families) == 22 and accounts.value == len(owner.json("accounts")) and
          families["visavis_hub_disk_bytes"].unit == "bytes" and families["visavis_hub_messages"].type == "counter", sorted(families))


def test_metrics_are_for_loopback(owner):
    elsewhere = owner.stage.directory + "/elsewhere"
    os.mkdir(elsewhere)
    with open(elsewhere + "/hub.conf", "w", encoding="ascii") as f:
        f.write(f"[hub]\nmetrics = 0.0.0.0:{owner.stage.port}\n")
    done = subprocess.run([sys.argv[2], "--state", elsewhere + "/state", "--config", elsewhere], capture_output=True, text=True, timeout=20,
                          check=False)
    check("metrics for other machines are refused", done.returncode != 0 and "other machines" in done.stderr, done.stderr)


def test_bus(owner, relay):
    """The same over a message bus, where there is one."""
    bus = dbus.bus.BusConnection(owner.stage.address)
    relay.until(lambda: relay.get("b1", "State") == "online")
    check("the hub is on the bus", relay.until(lambda: bus.name_has_owner("im.visavis.Hub1")))
    hub = bus.get_object("im.visavis.Hub1", "/im/visavis/Hub1", introspect=False)
    manager = dbus.Interface(hub, "im.visavis.Hub1.Manager")
    values = hub.GetAll("im.visavis.Hub1.Manager", dbus_interface=PROPERTIES)
    check("its properties are the hub's", (values["Address"], values["Registration"], int(values["Accounts"]), int(values["Connections"])) ==
          (owner.stage.hub_address, "invitation", 1, 1), values)

    def fails(method, *arguments):
        try:
            return ("ok", method(*arguments))
        except dbus.DBusException as e:
            return (e.get_dbus_name(), e.get_dbus_message())

    fd, invitation, until = manager.Invite(dbus.UInt32(1), dbus.UInt32(3600))
    fd = fd.take()
    token = os.pread(fd, 200, 0).decode()
    os.close(fd)
    listed = [i for i in owner.json("invitations") if i["invitation"] == invitation]
    check("Invite makes an invitation, whose token comes in a memfd", len(token) == 22 and len(listed) == 1 and listed[0]["until_usec"] == until,
          (token, listed))
    manager.Revoke(invitation)
    check("Revoke takes it back", fails(manager.Revoke, invitation)[0] == "im.visavis.Error.NotFound")
    for method, arguments in ((manager.Invite, (dbus.UInt32(0), dbus.UInt32(1))), (manager.Revoke, ("12",)), (manager.Remove, ("No Name",)),
                              (manager.Backup, (dbus.types.UnixFd(0),))):
        r = fails(method, *arguments)
        check(f"{method._method_name}{arguments} is refused", r[0] == INVALID, r)
    check("Remove finds nobody", fails(manager.Remove, "nobody")[0] == "im.visavis.Error.NotFound")
    with open(owner.stage.directory + "/bus-copy", "wb") as f:
        size = manager.Backup(dbus.types.UnixFd(f.fileno()))
    check("Backup copies to a file", os.stat(owner.stage.directory + "/bus-copy").st_size == size > 4096, size)
    if os.geteuid() != 0:
        skip("nobody else may", "only root can become another user")
        return
    for words in (("call", "Invite", "uu", "1", "60"), ("get-property", "Address")):
        done = subprocess.run(["busctl", f"--address={owner.stage.address}", words[0], "im.visavis.Hub1", "/im/visavis/Hub1",
                               "im.visavis.Hub1.Manager", *words[1:]], capture_output=True, text=True, user=65534, group=65534, check=False)
        check(f"nobody else may {words[0]} {words[1]}", done.returncode != 0 and "Only root" in done.stderr, done.stderr)


def test_sign_up(owner, relay):
    hub = owner.stage.hub_address

    def token(*words):
        return owner.json("invite", *words)[0]

    def sign_up(name, invitation=None):
        r = relay.add(name, f"{name}@{hub}", invitation)
        return "in" if r[0] == "ok" else r

    twice, short, back = token("--uses", "2"), token("--expires", "1s"), token()
    owner.run("revoke", back["invitation"])
    r = sign_up("carol")
    check("nobody gets in without an invitation", r[0] == HUB and "by invitation" in r[1], r)
    r = sign_up("carol", b"AAAAAAAAAAAAAAAAAAAAAA")
    check("nor with one that was made up", r[0] == HUB and "by invitation" in r[1], r)
    check("who has one gets in", sign_up("carol", twice["token"].encode()) == "in")
    check("it is not asked for again", sign_up("carol") == "in")
    r = sign_up("bob", twice["token"].encode())
    check("a name that is taken uses none up", r[0] == EXISTS and [i["uses"] for i in owner.json("invitations") if i["invitation"] == twice["invitation"]] == [1], (r, owner.json("invitations")))
    check("as often as it says", sign_up("dave", twice["token"].encode()) == "in")
    r = sign_up("erin", twice["token"].encode())
    check("then it is said to be used up", r[0] == HUB and "used up" in r[1], r)
    r = sign_up("erin", back["token"].encode())
    check("one that was taken back is said to be that", r[0] == HUB and "taken back" in r[1], r)
    time.sleep(max(0.0, short["until_usec"] / 1e6 - time.time() + 0.1))
    r = sign_up("erin", short["token"].encode())
    check("and one that has expired", r[0] == HUB and "expired" in r[1], r)
    for wrong in (b"x" * 129, b"nul\0"):
        r = sign_up("erin", wrong)
        check(f"{wrong[:4]} is no invitation", r[0] == INVALID and "memfd" in r[1], r)
    check("nothing is kept of who did not get in", relay.attach("erin")[0] == "im.visavis.Error.NotFound")


def test_unregistering(owner, relay):
    """A person deletes the account at the hub, through relayd."""
    def delete(account, local=False):
        return relay.call("im.visavis.Relay1.Link", "Delete", local, path="/im/visavis/Relay1/link/" + account)

    def names():
        return [a["name"] for a in owner.json("accounts")]

    check("three have accounts", names() == ["bob", "carol", "dave"], names())
    r = delete("carol")
    check("Delete deletes it at the hub", r[0] == "ok" and names() == ["bob", "dave"], (r, names()))
    check("and here", relay.attach("carol")[0] == "im.visavis.Error.NotFound" and
          relay.until(lambda: relay.call(PROPERTIES, "Get", LINK, "State", path="/im/visavis/Relay1/link/carol")[0] != "ok"))
    relay.attach("dave")
    owner.run("remove", "dave")
    r = delete("dave")
    check("one that the hub does not know any more is deleted here", r[0] == "ok" and relay.attach("dave")[0] == "im.visavis.Error.NotFound", r)
    relay.stage.kill("hub", signal.SIGTERM)
    r = delete("b1")
    check("without the hub nothing is deleted", r[0] == HUB and relay.attach("b1")[0] == "ok", r)
    r = delete("b1", True)
    check("unless it is asked for here alone", r[0] == "ok" and relay.attach("b1")[0] == "im.visavis.Error.NotFound", r)


def main():
    stage = Stage(sys.argv[1:3])
    owner = Owner(stage)
    try:
        test_socket(owner)
        test_group(owner)
        test_status(owner)
        test_qr_code(owner)
        relay = Relay(stage)
        relay.start()
        test_accounts(owner, relay)
        test_restore(owner, relay, test_backup(owner))
        test_log(owner)
        test_removal(owner, relay)
        test_invitations(owner)
        test_reload(owner, relay)
        test_hot_restart(owner, relay)
        test_metrics(owner)
        test_bus(owner, relay)
        test_sign_up(owner, relay)
        test_unregistering(owner, relay)
        test_metrics_are_for_loopback(owner)
        return finish()
    finally:
        stage.end()


sys.exit(main())
