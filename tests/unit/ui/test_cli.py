#!/usr/bin/python3
"""visavis, the command line, with stand-ins for the daemons on a private bus: what it asks, shows, refuses and leaves behind."""
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import time

import dbus
import stand_ins
from stand_ins import ADDRESS, BOB, ID, OTHER_ID, PIN, SUCCESS, Auth, Bus, Crypto, Link, pump

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish, skip  # noqa: E402

VISAVIS = sys.argv[1]
OK, OTHER, USAGE, FACE, FACTOR, LOCKED, HUB, NOT_FOUND, THROTTLED, NOT_VERIFIED = range(10)


class World:
    def __init__(self):
        self.bus = Bus()
        self.runtime = self.bus.directory + "/run"
        os.mkdir(self.runtime, 0o700)
        os.mkdir(self.bus.directory + "/home", 0o700)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.bus.directory + "/home", "LANG": "C.UTF-8",
                            "XDG_RUNTIME_DIR": self.runtime, "VISAVIS_BUS": self.bus.address, "TZ": "UTC",
                            **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        self.auth_connection = self.bus.connect()
        self.auth = Auth(self.auth_connection)
        self.crypto = Crypto(self.bus.connect())
        self.link = Link(self.crypto.connection, ID)
        self.crypto.connection.request_name("im.visavis.Relay1")

    def start(self, *arguments, pin=None, also=(), **keywords):
        arguments = [VISAVIS, *arguments]
        keywords.setdefault("env", self.environment)
        if pin is None:
            return subprocess.Popen(arguments, **keywords)
        fd = os.memfd_create("pin")
        os.write(fd, pin.encode())
        try:
            return subprocess.Popen([*arguments, "--pin-fd", str(fd)], pass_fds=(fd, *also), **keywords)
        finally:
            os.close(fd)

    def run(self, *arguments, pin=None, input=b"", **keywords):
        """(exit code, stdout, stderr)"""
        with tempfile.TemporaryFile() as i, tempfile.TemporaryFile() as o, tempfile.TemporaryFile() as e:
            i.write(input)
            i.seek(0)
            process = self.start(*arguments, pin=pin, stdin=i, stdout=o, stderr=e, **keywords)
            if pump(lambda: process.poll() is not None) is not True:
                process.kill()
            process.wait()
            o.seek(0)
            e.seek(0)
            return process.returncode, o.read().decode(), e.read().decode()

    def socket(self, id=ID):
        return f"{self.runtime}/visavis/{id[:16]}"

    def pid_of(self, name):
        return int(self.crypto.connection.call_blocking("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                          "GetConnectionUnixProcessID", "s", (name,)))


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def test_contract(w):
    attempt = stand_ins.Attempt(w.auth, "/im/visavis/Auth1/attempt/contract", "", [], ID)
    account = stand_ins.Account(w.crypto, "contract", "")
    for thing, name in ((w.auth, "Auth1.Manager"), (attempt, "Auth1.Attempt"), (w.crypto, "Crypto1.Manager"),
                        (account, "Crypto1.Account"), (account, "Crypto1.Slots"), (account, "Crypto1.Contacts"), (account, "Crypto1.Groups"), (account, "Crypto1.Rooms"), (account, "Crypto1.Messages"), (account, "Crypto1.Files"), (w.link, "Relay1.Link")):
        name = "im.visavis." + name
        path = thing.__dbus_object_path__
        have = stand_ins.methods(thing.Introspect(path, thing.connection), name)
        check(f"the stand-in for {name} has the methods of its XML", have == stand_ins.methods_of_contract(name), have)
    account.remove_from_connection()


def test_before_any_account(w):
    code, out, err = w.run("login", pin=PIN)
    check("login without an account says how to make one", code == NOT_FOUND and "visavis signup" in err, (code, out, err))
    code, out, err = w.run("accounts")
    check("accounts says so too", code == OK and "visavis signup" in out, (code, out, err))
    code, out, err = w.run("signup", "alice@", pin=PIN)
    check("signup refuses what is no address", code == USAGE and "not an address" in err, (code, err))
    for pin in ("123", "x" * 1025, "\x80".encode("latin-1").decode("latin-1") + "\0abc"):
        code, out, err = w.run("signup", ADDRESS, pin=pin)
        check(f"signup refuses a PIN of {len(pin)} characters that is too short, too long or no text",
              code == USAGE and "PIN" in err, (code, err))
    check("and has not bothered the camera", w.auth.asked == [], w.auth.asked)


def test_signup(w):
    invitation, write = os.pipe()
    os.write(write, b"token-of-the-hub\n")
    os.close(write)
    code, out, err = w.run("signup", ADDRESS, "--suite", "MLS_TEST", "--camera", "stage", "--json", "--invitation-fd", str(invitation),
                           pin=PIN, also=(invitation,))
    os.close(invitation)
    check("signup makes the account, with the invitation", code == OK and
          w.crypto.created == [(ID, ADDRESS, {"suite": "MLS_TEST", "invitation": b"token-of-the-hub"})], (code, out, err, w.crypto.created))
    check("with the camera that was named", w.auth.asked == [("enrol", {"camera": "stage"})], w.auth.asked)
    told = events(out)
    check("tells of the virtual camera, the hint, the prompt and the end",
          {"event": "prompt", "prompt": "turn-left", "text": "Turn your head to the left."} in told and
          [e["event"] for e in told if e["event"] in ("camera", "hint", "prompt", "opening", "unlocked")] ==
          ["camera", "hint", "prompt", "opening", "unlocked"], told)
    check("leaves the account unlocked, for an agent", len(w.crypto.accounts[0].holders) == 1 and os.path.exists(w.socket()))
    mode = os.stat(os.path.dirname(w.socket())).st_mode
    check("whose socket is in a directory for the person alone", stat.S_IMODE(mode) == 0o700, oct(mode))


def test_agent(w):
    holder, = w.crypto.accounts[0].holders
    pid = w.pid_of(holder)
    inputs = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] if os.access(f"/proc/{pid}/fd", os.R_OK) else None
    if inputs is None:
        skip("the agent has left the terminal", "its /proc entry is closed to others")
    else:
        check("the agent has left the terminal", inputs == ["/dev/null"] * 3 and os.getsid(pid) == pid, inputs)
        memfds = [link for fd in os.listdir(f"/proc/{pid}/fd") if "memfd" in (link := os.readlink(f"/proc/{pid}/fd/{fd}"))]
        check("and keeps no descriptor of the PIN", memfds == [], memfds)
    if os.geteuid() != 0:
        skip("the PIN is nowhere in the agent's memory", "only root may read it")
    else:
        found, regions = False, 0
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                low, high = (int(x, 16) for x in span.split("-"))
                if rights[:2] != "rw" or "SAN_OPTIONS" in "".join(os.environ) and high - low > 1 << 28:
                    continue
                memory.seek(low)
                regions += 1
                found = found or PIN.encode() in memory.read(high - low)
        check("the PIN is nowhere in the agent's memory", regions > 3 and not found, regions)


def test_send(w):
    account = w.crypto.accounts[0]
    code, out, err = w.run("send", BOB, "Hello", "there")
    check("send joins the words", code == OK and account.messages[-1][2] == "Hello there" and out == "", (code, out, err))
    code, out, err = w.run("--json", "send", BOB, "-", input="from a\nfile\n".encode())
    check("send - reads standard input", code == OK and account.messages[-1][2] == "from a\nfile", (code, err, account.messages))
    check("and --json tells the id", events(out) == [{"conversation": stand_ins.CONVERSATION, "id": 2}], out)
    code, _, err = w.run("send", BOB, "--", "-5", "degrees")
    check("-- goes before a text that begins with a dash", code == OK and account.messages[-1][2] == "-5 degrees", (code, err))
    code, _, err = w.run("send", BOB, "x" * 65536)
    check("65536 bytes are sent", code == OK and len(account.messages[-1][2]) == 65536, (code, err))
    code, _, err = w.run("send", BOB, "x" * 65530, "y" * 6)
    check("65537 bytes are refused", code == USAGE and "65536" in err, (code, err))
    code, _, err = w.run("send", BOB, input=b"x" * 65537)
    check("from standard input too", code == USAGE and "65536" in err, (code, err))
    code, _, err = w.run("send", BOB, input=b"caf\xe9")
    check("what is not UTF-8 is refused", code == USAGE and "UTF-8" in err, (code, err))
    code, _, err = w.run("send", BOB, "")
    check("and so is an empty text", code == USAGE and "empty" in err, (code, err))
    code, _, err = w.run("send", "nobody@hub.example.org", "hi")
    check("an unknown address has an exit code of its own, and the daemon's sentence",
          code == NOT_FOUND and "knows nobody" in err, (code, err))
    code, _, err = w.run("update", BOB)
    check("update replaces the keys", code == OK and account.updates == 1, (code, err))
    del account.messages[:]


def test_read(w):
    account = w.crypto.accounts[0]
    code, out, err = w.run("read")
    check("read says that there is no conversation yet", code == OK and "visavis send" in out, (code, out, err))
    account.add(BOB, "first")
    account.add(BOB, "\x1b]0;owned\x07 \u202etxt\u009b2J\n12:00  alice     I owe you\n")
    account.add(ADDRESS, "third", "queued")
    code, out, err = w.run("read", BOB)
    lines = out.splitlines()
    check("control characters and overrides do not reach the terminal",
          code == OK and "\ufffd]0;owned\ufffd \ufffdtxt\ufffd2J" in out and not any(c in out for c in "\x1b\x07\u202e\u009b"), out)
    check("a second line of a text cannot pass for a message", lines[2].lstrip().startswith("|  ") and "I owe you" in lines[2], lines)
    check("a message has its time, its sender and its state", lines[0].split() == ["2023-11-14", "22:13", "bob", "first", "✓"] and
          lines[-1].endswith("third  …"), lines)
    check("what was shown is marked as read", pump(lambda: account.read_up_to == 3), account.read_up_to)
    code, out, err = w.run("read", "--json", "--last", "2")
    got = events(out)
    check("--json is exact, --last counts from the end", [m["text"] for m in got] == [m[2] for m in account.messages[1:]], out)
    check("and still safe to look at", not any(c in out for c in "\x1b\x07\u202e\u009b"), out)
    code, out, err = w.run("conversations", "--json")
    check("conversations lists it", events(out) == [{"conversation": stand_ins.CONVERSATION, "address": BOB, "unread": 0,
                                                     "time_usec": 1700000000000002, "last_text": "third", "standing": "accepted", "blocked": False,
                                                     "archived": False, "muted": False, "marked_unread": False, "draft": ""}], out)
    account.described = {"Standing": "request", "MutedUntil": dbus.UInt64(2**64 - 1), "Draft": "dear"}
    check("and says what is set of it", "bob@" in w.run("conversations")[1] and "(a request, muted, draft)  third" in w.run("conversations")[1],
          w.run("conversations"))
    account.described = {}


def test_messages(w):
    account = w.crypto.accounts[0]
    account.extras = {
        1: {"Reactions": dbus.Array([("carol@hub.example.org:7843", ["\u2764", "\x1b[2J"]), (ADDRESS, ["\U0001f44d"])], signature="(sas)"),
            "Pinned": True, "Edited": dbus.UInt64(1700000000000009)},
        3: {"RepliesTo": dbus.UInt64(1), "Quote": "fir\x1bst\nline", "QuoteSender": BOB, "State": "read"},
    }
    code, out, err = w.run("read", BOB, "--numbers")
    lines = out.splitlines()
    check("read shows what others think, what is edited and pinned, and numbers", code == OK and lines[0].endswith("first (edited) (pinned)  \u2713  #1") and
          lines[1].split() == ["|", "\u2764", "carol", "\ufffd[2J", "carol", "\U0001f44d", "alice"], (out, err))
    check("a reply has its quote, on one line and without harm", lines[-2].endswith("> bob: fir\ufffdst\ufffdline") and
          lines[-1].split() == ["|", "third", "\u2713\u2713", "read", "#3"], lines)
    got = events(w.run("read", BOB, "--json")[1])
    check("and so in JSON", got[0]["pinned"] and got[0]["reactions"][0] == {"who": "carol@hub.example.org:7843", "emoji": "\u2764"} and
          got[2]["replies_to"] == 1 and got[2]["quote_sender"] == BOB and "edited_usec" not in got[1], got)
    for words, done in ((("reply", BOB, "last", "so", "be it"), ("Send", "so be it", {"reply-to": 2})), (("edit", BOB, "mine", "new"), ("Edit", 3, "new")),
                        (("react", BOB, "1", "\u2764", "ok"), ("React", 1, ["\u2764", "ok"])), (("react", BOB, "#1"), ("React", 1, [])),
                        (("delete", BOB, "mine"), ("Delete", 3, True)), (("delete", BOB, "1", "--local"), ("Delete", 1, False)),
                        (("pin", BOB, "1"), ("Pin", 1, True)), (("unpin", BOB, "1"), ("Pin", 1, False)),
                        (("forward", BOB, "1", BOB), ("Forward", 1, stand_ins.CONVERSATION)), (("draft", BOB, "dear", "bob"), ("SetDraft", "dear bob", 0)),
                        (("draft", BOB, ""), ("SetDraft", "", 0)), (("disappear", BOB, "7d"), ("SetDisappearing", 7 * 24 * 3600)),
                        (("disappear", BOB, "off"), ("SetDisappearing", 0)), (("receipts", BOB, "off"), ("SetReceipts", False)),
                        (("mute", BOB), ("SetMuted", 2**64 - 1)), (("unmute", BOB), ("SetMuted", 0)), (("archive", BOB), ("SetArchived", True)),
                        (("unarchive", BOB), ("SetArchived", False)),
                        (("typing", BOB), ("SetTyping", True)), (("typing", BOB, "stop"), ("SetTyping", False)), (("unread", BOB), ("MarkUnread",))):
        code, out, err = w.run(*words)
        check(f"{' '.join(words[:1] + words[2:])}", code == OK and account.done[-1] == done, (code, account.done[-1:], err))
    check("a reply says the new message's number", events(w.run("reply", BOB, "1", "x", "--json")[1]) == [{"conversation": stand_ins.CONVERSATION, "id": 99}])
    code, _, err = w.run("edit", BOB, "1", "new")
    check("nobody edits what another has written", code == OTHER and "somebody else" in err, (code, err))
    for words in (("reply", BOB), ("reply", BOB, "first", "x"), ("edit", BOB, "mine", "   ".strip()), ("disappear", BOB, "soon"), ("receipts", BOB, "maybe"), ("pin", BOB, "1", "2")):
        check(f"wrong usage: {words}", w.run(*words)[0] == USAGE)
    account.described = {"Draft": "dear \x07bob", "Disappearing": dbus.UInt64(60), "Receipts": True}
    check("a draft is shown", w.run("draft", BOB)[1] == "dear \ufffdbob\n" and events(w.run("disappear", BOB, "--json")[1]) == [{"seconds": 60}] and
          w.run("receipts", BOB)[1] == "on\n")
    check("a time is said as it is typed", w.run("disappear", BOB)[1] == "Messages disappear after 1 min.\n")
    account.described["Archived"] = True
    code, out, _ = w.run("conversations")
    check("a conversation that is archived is out of sight", code == OK and BOB not in out and "--all" in out, out)
    check("and shown when it is asked for", BOB in w.run("conversations", "--all")[1] and
          events(w.run("conversations", "--all", "--json")[1])[0]["archived"] is True)
    check("who has got a message is said", events(w.run("receipts", BOB, "mine", "--json")[1]) ==
          [{"address": BOB, "delivered_usec": 1700000000000001, "read_usec": 0}])
    check("pinned lists what is pinned", [m["id"] for m in events(w.run("pinned", BOB, "--json")[1])] == [1])
    lines = w.run("read", BOB, "--since", "2023-11-14")[1].splitlines()
    check("read begins with a day", "first" in lines[0] and len(w.run("read", BOB, "--since", "2023-11-14 00:00", "--last", "1", "--json")[1].splitlines()) == 1, lines)
    check("of which there has to be something", w.run("read", BOB, "--since", "2033-01-01")[0] == NOT_FOUND)
    for day in ("yesterday", "2023-13-01", "2023-11-14 25:00", "2023-11-14x", ""):
        check(f"“{day}” is no day", w.run("read", BOB, "--since", day)[0] == USAGE)
    account.extras, account.described = {}, {}


def test_follow(w):
    account = w.crypto.accounts[0]
    with open(w.bus.directory + "/follow", "w+", encoding="utf-8") as out:
        process = w.start("read", BOB, "--follow", "--json", "--last", "1", stdout=out, stderr=subprocess.DEVNULL)

        def lines():
            with open(w.bus.directory + "/follow", encoding="utf-8") as f:
                return events(f.read())

        pump(lambda: lines())
        for i in range(20):
            account.add(BOB, f"live {i}")
        shown = pump(lambda: len(lines()) >= 21) and [m["text"] for m in lines()]
        check("read --follow shows what comes, each once and in order", shown == ["third", *(f"live {i}" for i in range(20))], shown)
        for holder in account.holders:
            stand_ins.signal_to(w.crypto.connection, holder, account.path, "im.visavis.Crypto1.Account", "MessageChanged", "sts",
                                stand_ins.CONVERSATION, 3, "stored")
        check("and what becomes of it", pump(lambda: {"event": "state", "id": 3, "state": "stored"} in lines()), lines())
        foreign = w.bus.connect()
        for holder in account.holders:
            stand_ins.signal_to(foreign, holder, account.path, "im.visavis.Crypto1.Account", "MessageChanged", "sts",
                                stand_ins.CONVERSATION, 1, "failed")
            stand_ins.signal_to(foreign, holder, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
                                "im.visavis.Crypto1", ":1.1", "")
        foreign.flush()
        account.add(BOB, "after")
        check("but no signal of another program's counts", pump(lambda: lines()[-1].get("text") == "after") and
              not any(m.get("state") == "failed" for m in lines()) and process.poll() is None, lines()[-3:])
        foreign.close()
        code, _, err = w.run("lock")
        check("lock locks", code == OK and account.state() == "locked", (code, err))
        ended = pump(lambda: process.poll() is not None)
        check("then read --follow ends and says why", ended and process.wait() == LOCKED and "locked" in lines()[-1]["text"], lines()[-1])
    check("and the agent goes, with its socket", pump(lambda: not os.path.exists(w.socket())))


def test_watch(w):
    account = w.crypto.accounts[0]
    w.run("login", pin=PIN)
    check("notify says and sets what notices may say", w.run("notify")[1] == "full\n" and w.run("notify", "sender")[0] == OK and
          events(w.run("notify", "--json")[1]) == [{"level": "sender"}] and w.run("notify", "loud")[0] == USAGE and account.level == "sender")
    with open(w.bus.directory + "/watch", "w+", encoding="utf-8") as out:
        holders = len(account.holders)
        process = w.start("watch", "--json", stdout=out, stderr=subprocess.DEVNULL)

        def lines():
            with open(w.bus.directory + "/watch", encoding="utf-8") as f:
                return events(f.read())
        pump(lambda: len(account.holders) > holders and w.link.readers)
        account.notify("message", stand_ins.CONVERSATION, "Bobby", BOB, "hello \x1b")
        account.notify("request", "", "", "", "")
        pump(lambda: len(lines()) == 2)
        check("watch says what comes", lines() == [{"event": "message", "title": "Bobby", "sender": BOB, "text": "hello \x1b"},
                                                   {"event": "request", "title": "", "sender": "", "text": ""}], lines())
        w.link.change(Inbox=dbus.UInt32(5))
        w.run("lock")
        w.link.change(Inbox=dbus.UInt32(6))
        pump(lambda: len(lines()) == 3)
        check("while locked it says that something came, and no more", lines()[2:] == [{"event": "message", "title": "", "sender": "", "text": ""}], lines())
        w.run("login", pin=PIN)
        holders = 1  # the agent
        pump(lambda: len(account.holders) > holders)
        account.notify("message", "", "", "", "")
        check("and goes on after the next log-in", pump(lambda: len(lines()) == 4), lines())
        process.terminate()
        process.wait()
    w.link.change(Inbox=dbus.UInt32(3))
    w.run("lock")
    pump(lambda: not os.path.exists(w.socket()))


def test_locked(w):
    code, _, err = w.run("send", BOB, "hi")
    check("while it is locked, send says to log in", code == LOCKED and "visavis login" in err, (code, err))
    w.crypto.accounts[0].holders.add(w.crypto.connection.get_unique_name())
    code, _, err = w.run("read")
    check("unlocked by another program without an agent, it says so", code == LOCKED and "another program" in err, (code, err))
    w.crypto.accounts[0].holders.clear()
    code, _, err = w.run("login", pin="0000-wrong")
    check("a wrong PIN is refused with a code of its own", code == FACTOR and "PIN" in err, (code, err))
    for failure, expected in (("no-match", FACE), ("presentation-attack", FACE), ("timeout", FACE), ("throttled", THROTTLED),
                              ("camera", OTHER)):
        w.auth.script = [dict(State="failed", Failure=failure, FailureText=f"It failed: {failure}. Try again.")]
        code, _, err = w.run("login", pin=PIN)
        check(f"{failure} ends with code {expected} and authd's sentence", code == expected and failure in err, (code, err))
    w.auth.script = SUCCESS
    check("none of which left an agent", not os.path.exists(w.socket()))


def test_login(w):
    account = w.crypto.accounts[0]
    code, out, err = w.run("login", pin=PIN + "\n")
    check("login opens the account, and a newline is no part of the PIN", code == OK and "logged in" in out, (code, out, err))
    first, = account.holders
    code, out, err = w.run("login", pin=PIN)
    check("a second login takes the socket over", code == OK and w.run("send", BOB, "hi")[0] == OK, (code, out, err))
    w.run("lock")
    check("both agents go", pump(lambda: not w.crypto.connection.name_has_owner(first)) and
          pump(lambda: not os.path.exists(w.socket())))
    w.auth.script = [dict(State="searching", Hint="Come closer.")]
    before = set(w.crypto.connection.list_names())
    process = w.start("login", pin=PIN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    asked = w.auth.number
    pump(lambda: w.auth.number > asked)
    child, = set(w.crypto.connection.list_names()) - before
    process.send_signal(signal.SIGTERM)
    pump(lambda: process.poll() is not None)
    check("when the command is ended, its child goes too", pump(lambda: not w.crypto.connection.name_has_owner(child)))
    with tempfile.TemporaryFile("w+") as err:
        process = w.start("login", pin=PIN, stdout=subprocess.DEVNULL, stderr=err)
        before = w.auth.number
        pump(lambda: w.auth.number > before)
        w.auth_connection.release_name("im.visavis.Auth1")
        pump(lambda: process.poll() is not None)
        err.seek(0)
        said = err.read()
    check("authd ends in the middle: login ends in words", process.wait() == OTHER and "try again" in said, said)
    code, _, err = w.run("login", pin=PIN)
    check("authd is missing: login says what to look at", code == OTHER and "visavis-authd" in err, (code, err))
    w.auth_connection.request_name("im.visavis.Auth1")
    w.auth.script = SUCCESS


def test_identify(w):
    account = w.crypto.accounts[0]
    code, out, err = w.run("identify", "--camera", "stage")
    check("identify asks authd who it is, and says whose account that is", code == OK and w.auth.asked[-1] == ("identify", {"camera": "stage"}) and
          out.splitlines()[-1] == account.address, (code, out, err, account.address))
    w.auth.script = [dict(State="failed", Failure="no-match", FailureText="This is not the face.")]
    code, out, err = w.run("identify", "--json")
    check("nobody is a face that is refused", code == FACE and events(out)[-1]["text"] == "This is not the face.", (code, out, err))
    w.auth.script = SUCCESS


def test_add_look(w):
    code, out, err = w.run("add-look")
    verified, added = w.auth.asked[-2:]
    check("add-look verifies the account, then adds a look with that ticket", code == OK and verified[0] == added[1] == ID and added[0] == "add-look" and
          added[2] and out.splitlines()[-1].startswith("This look opens"), (code, out, err, verified, added))
    w.auth.script = [dict(State="failed", Failure="no-match", FailureText="This is not the face.")]
    code, out, err = w.run("add-look")
    check("without a match nothing is added", code == FACE and w.auth.asked[-1][0] == ID and "not the face" in err, (code, out, err))
    w.auth.script = SUCCESS


def test_looks(w):
    code, out, err = w.run("looks")
    check("looks lists them", code == OK and out.splitlines() == ["0  enrolled, 6 pictures", "1  added, 5 pictures"], (code, out, err))
    code, out, err = w.run("looks", "remove", "1")
    check("looks remove verifies the account, then removes one with that ticket", code == OK and w.auth.asked[-2][0] == ID and
          w.auth.asked[-1] == ("remove-look", ID, b"ticket-" + ID.encode(), 1) and out.splitlines()[-1].startswith("This look opens"), (code, out, err, w.auth.asked[-2:]))
    code, out, err = w.run("looks", "remove", "7")
    check("what is not there is said", code not in (OK, USAGE) and "no such look" in err, (code, out, err))
    asked = len(w.auth.asked)
    for words in (["remove"], ["remove", "x"], ["frob", "1"], ["remove", "1", "2"], ["remove", "255"]):
        code, out, err = w.run("looks", *words)
        check(f"looks {' '.join(words)} is no command", code == USAGE and len(w.auth.asked) == asked, (code, out, err))


def test_slots(w):
    account = w.crypto.accounts[0]

    def new_factor(text):
        fd = os.memfd_create("new")
        os.write(fd, text.encode())
        return fd

    def change(*arguments, pin=PIN, new=None):
        fd = new_factor(new) if new else None
        extra = ["--new-pin-fd", str(fd)] if new else []
        try:
            return w.run(*arguments, *extra, pin=pin, also=[fd] if new else [])
        finally:
            if new:
                os.close(fd)

    w.run("login", pin=PIN)
    code, out, err = w.run("slots")
    check("slots lists them", code == OK and out.split()[:2] == ["1", "face"], (code, out, err))
    code, out, err = change("slots", "add", "travel", new="7391")
    check("slots add makes one with face and PIN", code == OK and account.slots.get(2) == ("face", "travel", "7391"), (code, out, err))
    code, out, err = change("slots", "change", "2", new="8402")
    check("slots change replaces its PIN", code == OK and account.slots[2][2] == "8402", (code, out, err))
    code, out, err = change("slots", "remove", "2", pin="wrong-pin")
    check("a wrong PIN changes nothing", code == FACTOR and 2 in account.slots, (code, out, err))
    code, out, err = change("slots", "remove", "2")
    check("slots remove erases it", code == OK and list(account.slots) == [1], (code, out, err))
    for words in (["remove", "9"], ["add"], ["frob", "1"]):
        code, out, err = w.run("slots", *words)
        check(f"slots {' '.join(words)} is refused", code == USAGE and not out, (code, out, err))
    code, out, err = change("recovery", "paper", new="abandon")
    check("a recovery code that is typed back wrongly is no slot", code == FACTOR and list(account.slots) == [1], (code, out, err))
    code, out, err = change("recovery", "paper", new=stand_ins.WORDS)
    check("recovery shows the words, and has them typed back", code == OK and stand_ins.WORDS in out and
          account.slots.get(2) == ("recovery", "paper", stand_ins.WORDS), (code, out, err))
    code, out, err = w.run("slots", "enrol", "anew")
    check("to enrol a face anew takes what opens without one", code == USAGE and "--recovery" in err, (code, out, err))
    code, out, err = change("slots", "enrol", "anew", "--recovery", new="7391", pin=stand_ins.WORDS)
    check("with the recovery code the account gets a slot with that face", code == OK and account.slots.pop(3, None) == ("face", "anew", "7391") and
          [(kind, dict(o).get("account")) for kind, o in w.auth.asked[-1:]] == [("enrol", account.id)], (code, out, err, account.slots))
    asked = len(w.auth.asked)
    code, out, err = change("slots", "remove", "2", "--recovery", pin=stand_ins.WORDS)
    check("--recovery proves without the camera", code == OK and len(w.auth.asked) == asked and list(account.slots) == [1], (code, out, err))
    code, _, _ = w.run("lock")
    code, out, err = w.run("login", "--recovery", pin=stand_ins.WORDS)
    check("login --recovery opens the account without the camera", code == OK and len(w.auth.asked) == asked and len(account.holders) == 1,
          (code, out, err))


def test_files(w):
    account = w.crypto.accounts[0]
    w.run("login", pin=PIN)
    directory = w.bus.directory + "/files"
    os.mkdir(directory)
    name = directory + "/letter"

    def write(path, content):
        with open(path, "wb") as f:
            f.write(content)

    def content(path):
        with open(path, "rb") as f:
            return f.read()
    write(name, b"Dear Bob")
    code, out, err = w.run("seal", name)
    check("seal writes FILE.sealed, readable by its owner alone", code == OK and not out and content(name + ".sealed") == b"sealed: Dear Bob"
          and os.stat(name + ".sealed").st_mode & 0o777 == 0o600, (code, out, err))
    code, out, err = w.run("seal", name)
    check("what is there is not replaced", code == USAGE and "--yes" in err, (code, out, err))
    write(name, b"Dear Carol")
    check("except with --yes", w.run("seal", "--yes", name)[0] == OK and content(name + ".sealed") == b"sealed: Dear Carol")
    os.unlink(name)
    code, out, err = w.run("open", name + ".sealed", "--json")
    check("open writes FILE", code == OK and content(name) == b"Dear Carol" and
          events(out) == [{"event": "opened", "file": name, "authenticated": True}], (code, out, err))
    code, out, err = w.run("open", name)
    check("where it is to be written has to be clear", code == USAGE and "-o" in err, (code, out, err))
    check("- is standard input and output", w.run("seal", "-", input=b"x")[:2] == (OK, "sealed: x"))
    check("-o names the output", w.run("open", "-o", "-", name + ".sealed", "--offset", "5")[:2] == (OK, "Dear Carol") and account.given[-1] == {"offset": 5})
    write(name + ".sealed", b"something else")
    os.unlink(name)
    code, out, err = w.run("open", name + ".sealed")
    check("of a file that does not open nothing is left", code == OTHER and "damaged" in err and os.listdir(directory) == ["letter.sealed"], (code, out, err))
    write(name, b"hang")
    process = w.start("seal", name, "-o", name + ".hangs", stderr=subprocess.DEVNULL)
    check("nor of one that was not done", pump(lambda: account.given[-1] == {} and process.poll() is None) is True)
    process.kill()
    process.wait()
    check("when the command is killed", sorted(os.listdir(directory)) == ["letter", "letter.sealed"], os.listdir(directory))
    code, out, err = w.run("open", "--legacy-cbc", "-o", "-", "-", pin="abc", input=b"sealed: old")
    check("an envelope without a MAC is opened with a warning", (code, out) == (OK, "old") and "no MAC" in err and
          account.given[-1] == {"legacy-passphrase": "abc"}, (code, out, err))
    check("--to names a contact", w.run("seal", "--to", "bob@hub.example.org", "-", input=b"x")[0] == OK and account.given[-1] == {"to": "bob@hub.example.org"})
    check("so does --from", w.run("open", "--from", "bob@hub.example.org", "-o", "-", "-", input=b"sealed: x")[0] == OK and
          account.given[-1] == {"from": "bob@hub.example.org"})
    check("who has no passphrase", w.run("seal", "--to", "bob@hub.example.org", "--legacy-cbc", "-", input=b"x")[0] == USAGE)
    code, out, err = w.run("open", "-o", "-", "-", input=b"sealed: from bob")
    check("open says who sealed it for one, and what that is worth", (code, out) == (OK, "from bob") and "bob@hub.example.org:7843" in err and "not verified" in err, err)
    code, out, err = w.run("open", "--json", "--yes", "-o", name, "-", input=b"sealed: from bob")
    check("to programs, too", events(out)[0]["sealer"] == "bob@hub.example.org:7843" and events(out)[0]["acquaintance"] == "known", out)
    check("a file that is not there is told", w.run("seal", directory + "/none")[0] == NOT_FOUND)


def test_room(w):
    account = w.crypto.accounts[0]
    w.run("login", pin=PIN)
    code, out, err = w.run("room", "list")
    check("room list shows the hub's rooms", code == OK and out.startswith("#general") and "2 in it\n" in out, (code, out, err))
    code, out, err = w.run("room", "join", "lounge")
    check("a room that is not there is told", code == NOT_FOUND and "#lounge" in err, (code, out, err))
    code, out, err = w.run("room", "join", "#general", "--json")
    check("room join says the conversation", code == OK and events(out) == [{"conversation": stand_ins.GROUP}], (code, out, err))
    code, out, err = w.run("room", "list", "--json")
    check("then room list says that one is in it", events(out) == [{"room": "general", "members": 2, "joined": True, "conversation": stand_ins.GROUP}], out)
    code, out, err = w.run("room", "members", "general", "--json")
    check("room members needs no #", [m["address"] for m in events(out)] == [account.address, BOB], (code, out, err))
    check("a room is sent to by its name", w.run("send", "#general", "hello")[0] == OK)
    check("room leave leaves it", w.run("room", "leave", "general")[0] == OK and account.group[2] is False)
    check("room wants one of its words", w.run("room")[0] == USAGE and w.run("room", "join")[0] == USAGE)
    account.group, account.messages = None, []


def test_group(w):
    account = w.crypto.accounts[0]
    w.run("login", pin=PIN)
    code, out, err = w.run("group", "members", "friends")
    check("a group that is not there is told", code == NOT_FOUND and "friends" in err, (code, out, err))
    code, out, err = w.run("group", "create", "friends", BOB, "--json")
    check("group create says the conversation", code == OK and events(out) == [{"conversation": stand_ins.GROUP}], (out, err))
    code, out, err = w.run("group", "list", "--json")
    check("group list has it", events(out) == [{"conversation": stand_ins.GROUP, "name": "friends", "member": True}], (out, err))
    check("group add takes several", w.run("group", "add", "friends", "carol@hub", "?dave@hub")[0] == OK)
    code, out, err = w.run("group", "members", stand_ins.GROUP, "--json")
    check("group members tells another key apart", [(m["address"], m["other_key"]) for m in events(out)][1:] == [
        (BOB, False), ("carol@hub", False), ("dave@hub", True)], (out, err))
    check("group role gives one", w.run("group", "role", "friends", BOB, "admin")[0] == OK and w.run("group", "role", "friends", BOB, "king")[0] == USAGE)
    check("and group members shows it", (BOB, "admin", False) in [(m["address"], m["role"], m["verified"]) for m in
          events(w.run("group", "members", "friends", "--json")[1])] and f"{BOB}  admin\n" in w.run("group", "members", "friends")[1])
    check("group policy says who may what", w.run("group", "policy", "friends", "admins", "all")[0] == OK and account.policy == (False, True)
          and w.run("group", "policy", "friends", "some", "all")[0] == USAGE)
    check("group picture gives and shows one", w.run("group", "picture", "friends")[0] == NOT_FOUND
          and w.run("group", "picture", "friends", "-", input=b"png")[0] == OK and w.run("group", "picture", "friends")[1] == "png"
          and w.run("group", "picture", "friends", "-", input=b"x" * 16385)[0] == USAGE and account.picture == b"png")
    check("group remove takes one out", w.run("group", "remove", "friends", BOB)[0] == OK and BOB not in account.group[1]
          and w.run("group", "remove", "friends", BOB)[0] == NOT_FOUND)
    check("send takes a group's name", w.run("send", "friends", "hello")[0] == OK and account.messages[-1][2] == "hello")
    code, out, err = w.run("read", "friends")
    check("so does read", code == OK and "hello" in out, (out, err))
    check("group rename renames", w.run("group", "rename", "friends", "old friends")[0] == OK and account.group[0] == "old friends")
    check("group leave leaves", w.run("group", "leave", "old friends")[0] == OK and "no member" in w.run("group", "list")[1])
    check("group knows no other word", w.run("group", "frob")[0] == USAGE and w.run("group", "add", "friends")[0] == USAGE)
    account.messages.pop()


def test_contact(w):
    account = w.crypto.accounts[0]

    def scanned(text):
        fd = os.memfd_create("code")
        os.write(fd, text)
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            with subprocess.Popen([VISAVIS, "contact", "verify", BOB, "--scanned-fd", str(fd)], pass_fds=[fd], env=w.environment,
                                  stderr=subprocess.DEVNULL) as process:
                pump(lambda: process.poll() is not None)
            return process.returncode
        finally:
            os.close(fd)

    w.run("login", pin=PIN)
    code, out, err = w.run("contact", "list", "--json")
    check("contact list says whom one has met", code == OK and events(out) == [
        {"address": BOB, "nickname": "", "contact": True, "verified": False, "changed": False, "blocked": False}], (out, err))
    code, out, err = w.run("contact", "verify", BOB, start_new_session=True)
    check("contact verify shows the digits in groups, and marks nothing without an answer",
          code == USAGE and out.startswith("01234  01234  01234  01234\n01234") and "visavis-safety:1:x" in out and not account.verified, (code, out, err))
    code, out, err = w.run("contact", "verify", BOB, "--json")
    check("with --json it is an object", code == OK and events(out)[0]["number"] == "01234" * 12, (code, out, err))
    for number in ("0123", "x" * 60, "01234" * 13):
        check("what is no number is refused", w.run("contact", "verify", BOB, "--number", number)[0] == USAGE and not account.verified)
    code, out, err = w.run("contact", "verify", BOB, "--number", "01234 " * 11 + "01235")
    check("another number does not verify", code == NOT_VERIFIED and "differ" in err and not account.verified, (code, out, err))
    code, out, err = w.run("contact", "verify", BOB, "--number", "01234 " * 12)
    check("the right one does", code == OK and account.verified, (code, out, err))
    check("contact unverify takes it back", w.run("contact", "unverify", BOB)[0] == OK and not account.verified)
    check("a code that was scanned decides, too", scanned(b"visavis-safety:1:z\n") == NOT_VERIFIED and scanned(b"visavis-safety:1:y\n") == OK and
          account.verified)
    account.requests = [(stand_ins.GROUP, "group", "friends")]
    code, out, err = w.run("contact", "requests", "--json")
    check("contact requests says who waits", events(out) == [{"conversation": stand_ins.GROUP, "kind": "group", "title": "friends"}], (out, err))
    check("contact decline takes one", w.run("contact", "decline", "nobody")[0] == NOT_FOUND and w.run("contact", "decline", "friends")[0] == OK and
          account.decided == ("decline", stand_ins.GROUP))
    account.requests = [(stand_ins.GROUP, "person", "eve@hub")]
    check("contact accept takes a request", w.run("contact", "accept", "eve@hub")[0] == OK and account.decided == ("accept", stand_ins.GROUP))
    check("contact invite says the link", events(w.run("contact", "invite", "--json")[1]) == [{"link": "visavis:alice@hub?root=x"}])
    check("contact add passes an address or a link on", w.run("contact", "add", BOB)[0] == OK and account.contact_added == (BOB, False)
          and w.run("contact", "add", "visavis:bob@hub?root=other")[0] == NOT_VERIFIED and w.run("contact", "add")[0] == USAGE)
    w.run("contact", "nick", BOB, "Robert")
    check("a nickname stands for the address", w.run("send", "Robert", "hi")[0] == OK and account.opened[-1] == BOB, account.opened)
    check("wherever an address may stand", w.run("contact", "block", "Robert")[0] == OK and account.blocked and
          w.run("contact", "unblock", "Robert")[0] == OK and w.run("contact", "block", "Rob")[0] == NOT_FOUND)
    code, _, err = w.run("contact", "add", "--scanned-fd", "1000")
    check("a code that cannot be read is missed", code == USAGE and "1000" in err, (code, err))
    code, _, err = w.run("send", "Rob", "hi")
    check("the whole nickname", code == NOT_FOUND and "visavis contact list" in err, (code, err))
    check("contact nick, block, unblock and remove do", w.run("contact", "nick", BOB, "Bobby")[0] == OK and account.nickname == "Bobby" and
          w.run("contact", "block", BOB)[0] == OK and account.blocked and "(blocked)" in w.run("contact", "list")[1] and
          w.run("contact", "unblock", BOB)[0] == OK and not account.blocked and w.run("contact", "remove", BOB)[0] == OK
          and account.contact_added is None and w.run("contact", "remove", "eve@hub")[0] == NOT_FOUND)
    check("there is no other key to accept", w.run("contact", "accept", BOB)[0] == NOT_FOUND)
    account.changed = True
    code, out, err = w.run("contact", "list")
    check("contact list shows another key", "verified" in out and "contact accept" in out, (out, err))
    code, out, err = w.run("contact", "accept", BOB, start_new_session=True)
    check("contact accept shows its number, and asks", code == USAGE and "67890  67890" in out and account.changed, (code, out, err))
    code, out, err = w.run("contact", "accept", BOB, "--number", "01234" * 12)
    check("another one's number is refused", code == NOT_VERIFIED and account.changed, (code, out, err))
    code, out, err = w.run("contact", "accept", BOB, "--number", "67890" * 12)
    check("its own is taken", code == OK and not account.changed and not account.verified, (code, out, err))
    code, out, err = w.run("contact", "frob", BOB)
    check("contact knows no other word", code == USAGE and "accept" in err, (code, out, err))
    w.run("lock")


def test_keeping(w):
    account = w.crypto.accounts[0]
    code, out, err = w.run("rename", "for work")
    check("rename gives an account a label", code == OK and account.label == "for work", (code, out, err))
    code, out, err = w.run("accounts")
    check("which accounts shows", "for work" in out and "face" not in out, (out, err))
    told = []
    for w.auth.enrolments in ([], [(account.id, "deep", 90)]):
        told.append((w.run("accounts")[1], events(w.run("accounts", "--json")[1])[0]))
    check("and whether a face is enrolled, and when it can be tried", "(no face)" in told[0][0] and not told[0][1]["enrolled"] and
          "not before 90 s" in told[1][0] and (told[1][1]["engine"], told[1][1]["wait_seconds"]) == ("deep", 90), told)
    check("and --account understands", w.run("lock", "--account", "for work")[0] == OK and w.run("lock", "--account", "for")[0] == NOT_FOUND)
    w.run("rename", "")
    w.run("login", pin=PIN)
    code, out, err = w.run("idle-lock", "90")
    check("idle-lock sets the time", code == OK and account.idle_lock == 90, (code, out, err))
    code, out, err = w.run("idle-lock", "--json")
    check("and says it", events(out) == [{"idle_lock_seconds": 90}], (out, err))
    for word in ("x", "-1", "604801", "9 "):
        check(f"idle-lock “{word}” is refused", w.run("idle-lock", "--", word)[0] == USAGE and account.idle_lock == 90)
    code, out, err = w.run("admin")
    check("an administrator sees whose faces are enrolled", code == OK and account.id in out and "root (0)  deep" in out, (code, out, err))
    code, out, err = w.run("admin", "passphrase-alone", account.id, "allow")
    check("and allows an account a passphrase alone", code == OK and account.passphrase_alone is True, (code, out, err))
    check("or refuses it", w.run("admin", "passphrase-alone", account.id, "refuse")[0] == OK and account.passphrase_alone is False)
    code, out, err = w.run("admin", "forget-face", account.id, start_new_session=True)
    check("to remove an enrolment needs an answer", code == USAGE and "--yes" in err and w.auth.enrolments, (code, out, err))
    check("and then does", w.run("admin", "forget-face", account.id, "--yes")[0] == OK and not w.auth.enrolments)
    check("an account is named by its id", w.run("admin", "forget-face", "alice", "--yes")[0] == USAGE and w.run("admin", "frob", account.id)[0] == USAGE)
    code, out, err = w.run("destroy", "mallory", "--yes")
    check("destroy needs the right name", code == USAGE and not account.destroyed, (code, out, err))
    name = account.address.split("@")[0]
    code, out, err = w.run("destroy", name, start_new_session=True)
    check("and an answer", code == USAGE and "--yes" in err and not account.destroyed, (code, out, err))
    code, out, err = w.run("destroy", name, "--yes", "--local")
    check("then it does", code == OK and account.destroyed == [(name, True)], (code, out, err))
    w.run("lock")
    code, out, err = w.run("destroy", name, "--yes")
    account.ended = True
    shown = w.run("accounts")[1], events(w.run("accounts", "--json")[1])[0]["destroyed"]
    account.ended = False
    check("one whose end waits for the hub is shown as destroyed", "destroyed" in shown[0] and shown[1] is True, shown)
    check("a locked one is not destroyed", code == LOCKED and len(account.destroyed) == 1, (code, out, err))


def test_choice(w):
    w.crypto.add(OTHER_ID, "carol@hub.example.org:7843")
    code, _, err = w.run("lock")
    check("with two accounts, a command asks which", code == USAGE and "--account" in err, (code, err))
    for name in ("alice", ID, ADDRESS):
        code, _, err = w.run("lock", "--account", name)
        check(f"--account {name} is understood", code == OK, (code, err))
    code, _, err = w.run("lock", "--account", "dave")
    check("--account dave is not", code == NOT_FOUND and "dave" in err, (code, err))
    w.crypto.accounts.pop().remove_from_connection()


def test_status(w):
    code, out, err = w.run("status")
    check("status shows account, link and camera", code == OK and "2 to send, 3 waiting" in out and "camera stage: pipe, virtual: The camera is not there." in out and
          "\x1b" not in out, (code, out, err))
    check("and warns of a hub key that was trusted on first use", "compare it with the hub's owner" in out, out)
    got = events(w.run("status", "--json")[1])
    check("as JSON too", got[0]["link"] == "online" and got[0]["outbox"] == 2 and got[0]["hub_key"] == "first-use" and got[1] ==
          {"camera": "stage", "kind": "pipe", "virtual": True, "infrared": False, "state": "missing", "text": "The camera is not there. Plug it in, and try again."}, got)
    check("offline switches the link off", w.run("offline")[0] == OK and w.link.values["Enabled"] is False)
    check("online switches it on", w.run("online")[0] == OK and w.link.values["Enabled"] is True)
    code, out, err = w.run("unregister", "bob")
    check("unregister wants the right name", code == USAGE and "alice" in err and not w.link.deleted, (code, err))
    check("unregister deletes at the hub, or here alone", w.run("unregister", "alice")[0] == OK and
          w.run("unregister", "alice", "--local")[0] == OK and w.link.deleted == [False, True], w.link.deleted)


def test_hubs(w):
    account = w.crypto.accounts[0]
    w.run("login", pin=PIN)
    token, write = os.pipe()
    os.write(write, b"token-of-the-other")
    os.close(write)
    code, out, err = w.run("hubs", "add", "alice2@other.example.org:7843", "--invitation-fd", str(token), "--json", pass_fds=(token,))
    os.close(token)
    check("hubs add registers at a further hub, with an invitation", code == OK and events(out) == [{"number": 1}] and
          account.hubs_done == [("add", "alice2@other.example.org:7843", b"token-of-the-other")], (code, out, err))
    code, out, err = w.run("hubs")
    check("hubs lists them, the account's own first", code == OK and [l.split()[0] for l in out.splitlines()] == ["0", "1"] and "alice2@" in out, out)
    check("status shows the link of each", "hub 1" in w.run("status")[1] and events(w.run("status", "--json")[1])[0]["hubs"][0]["number"] == 1)
    w.run("hubs", "order", "2", "1"), w.run("hubs", "remove", "1"), w.run("hubs", "remove", "2", "--local")
    check("hubs order and remove pass on what is said", account.hubs_done[1:] == [("order", [2, 1]), ("remove", 1, False), ("remove", 2, True)],
          account.hubs_done)
    for words in (("add",), ("remove", "0"), ("remove", "one"), ("order",), ("list", "now"), ("stop",)):
        code, out, err = w.run("hubs", *words)
        check(f"hubs {' '.join(words)} is refused with a sentence", code == USAGE and err, (code, err))
    account.hubs.clear()
    w.run("lock")


def test_runtime_directory(w):
    os.mkdir(w.bus.directory + "/open", 0o700)
    os.mkdir(w.bus.directory + "/open/visavis", 0o700)
    os.chmod(w.bus.directory + "/open/visavis", 0o755)
    code, _, err = w.run("login", pin=PIN, env={**w.environment, "XDG_RUNTIME_DIR": w.bus.directory + "/open"})
    check("a runtime directory that is open to others is not used", code == OTHER and "XDG_RUNTIME_DIR" in err, (code, err))
    check("and nothing stays unlocked", pump(lambda: w.crypto.accounts[0].state() == "locked"))


def test_other_user(w):
    if os.geteuid() != 0:
        skip("the agent does not answer another Unix user", "needs root")
        return
    import socket
    nobody = pwd.getpwnam("nobody")
    runtime = w.bus.directory + "/nobody"
    os.mkdir(runtime, 0o700)
    os.chown(runtime, nobody.pw_uid, nobody.pw_gid)
    os.chmod(w.bus.directory, 0o711)
    with tempfile.TemporaryDirectory() as programs:
        # The build directory may be closed to that user.
        os.chmod(programs, 0o755)
        subprocess.run(["cp", VISAVIS, programs + "/visavis"], check=True)
        fd = os.memfd_create("pin")
        os.write(fd, PIN.encode())
        process = subprocess.Popen([programs + "/visavis", "login", "--pin-fd", str(fd)], pass_fds=(fd,), user="nobody", group=nobody.pw_gid,
                                   extra_groups=[], stdout=subprocess.DEVNULL, env={**w.environment, "XDG_RUNTIME_DIR": runtime})
        os.close(fd)
        pump(lambda: process.poll() is not None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(f"{runtime}/visavis/{ID[:16]}")
        try:
            s.send(w.crypto.connection.get_unique_name().encode())
            answer = s.recv(10)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    check("the agent does not answer another Unix user", process.wait() == OK and answer == b"" and
          w.crypto.connection.get_unique_name() not in w.crypto.accounts[0].holders, (process.returncode, answer))
    w.run("lock")


def test_terminal(w):
    import fcntl
    import pty
    import termios

    def on_terminal(typed):
        """What login shows when @typed is typed at its prompt, its exit code, and whether echo is on afterwards."""
        master, slave = pty.openpty()
        process = subprocess.Popen([VISAVIS, "login"], stdin=slave, stdout=slave, stderr=slave, env=w.environment, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.set_blocking(master, False)
        shown = b""

        def read():
            nonlocal shown
            try:
                shown += os.read(master, 4096)
            except (BlockingIOError, OSError):
                pass
            return shown

        pump(lambda: b"PIN" in read())
        os.write(master, typed)
        pump(lambda: read() and process.poll() is not None)
        time.sleep(0.05)
        read()
        echo = bool(termios.tcgetattr(slave)[3] & termios.ECHO)
        os.close(slave)
        os.close(master)
        return shown.decode(), process.wait(), echo

    shown, code, echo = on_terminal(PIN.encode() + b"\n")
    check("the PIN is typed without echo", code == OK and PIN not in shown and "logged in" in shown and echo, (shown, code, echo))
    w.run("lock")
    shown, code, echo = on_terminal(b"27\x03")
    check("Ctrl-C at the prompt ends it, and echo is on again", code in (-signal.SIGINT, 128 + signal.SIGINT) and echo, (shown, code, echo))


def test_hub(w):
    programs = w.bus.directory + "/bin"
    os.mkdir(programs)
    with open(programs + "/visavis-hub", "w", encoding="ascii") as f:
        f.write('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    os.chmod(programs + "/visavis-hub", 0o755)
    environment = {**w.environment, "PATH": programs + ":/usr/bin:/bin"}
    code, out, err = w.run("hub", "run", "--listen", "[::1]:7843", env=environment)
    state = w.bus.directory + "/home/.local/state/visavis/hub"
    check("hub run starts the hub with a place for its state", code == OK and out.split() == ["--state", state, "--listen", "[::1]:7843"], (out, err))
    check("which is for the person alone", stat.S_IMODE(os.stat(state).st_mode) == 0o700)
    code, out, err = w.run("hub", "run", "--state", "/srv/hub", env=environment)
    check("or with the one that is named", out.split() == ["--state", "/srv/hub"], (out, err))
    code, out, err = w.run("hub", "stop", env=environment)
    check("hub knows no other word", code == USAGE and "run, find, status" in err, (code, err))


def test_usage(w):
    for arguments, word in ((["frobnicate"], "frobnicate"), (["help", "frobnicate"], "frobnicate"), (["send"], "ADDRESS"), (["lock", "alice"], "--account"), (["read", "--last", "501"], "500"),
                            (["lock", "--camera", "x"], "--camera"), (["login", "--pin-fd", "x"], "--pin-fd"), (["read", "--frob"], "--frob")):
        code, out, err = w.run(*arguments)
        check(f"{' '.join(arguments)}: refused with a sentence", code == USAGE and word in err and out == "", (code, out, err))
    code, out, err = w.run("frobnicate", "--json")
    check("an unknown command before --json is refused on stderr", code == USAGE and err, (code, out, err))
    code, out, err = w.run("--json", "frobnicate")
    check("with --json before it, the error is an object", code == USAGE and events(out)[0]["code"] == USAGE and not err, (code, out, err))
    code, general, _ = w.run("--help")
    commands = general.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    check("--help lists the commands", code == OK and {"signup", "send", "read", "reply", "group", "hub"} <= {line.split()[0] for line in commands}, commands)
    for command in (line.split()[0] for line in commands):
        code, out, _ = w.run(command, "--help")
        check(f"{command} --help describes it within 80 columns", code == OK and out.startswith(f"Usage: visavis {command}") and
              max(map(len, out.splitlines())) <= 80 and "Exit codes" in out, out)


world = World()
try:
    for test in (test_contract, test_usage, test_before_any_account, test_signup, test_agent, test_send, test_read, test_messages, test_follow, test_watch, test_locked,
                 test_login, test_identify, test_add_look, test_looks, test_slots, test_contact, test_files, test_group, test_room, test_keeping, test_choice, test_status, test_hubs, test_runtime_directory, test_other_user, test_terminal, test_hub):
        test(world)
    status = finish()
finally:
    world.bus.stop()
sys.exit(status)
