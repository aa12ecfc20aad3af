"""A program of a person's that stays on the bus, for what the CLI is too short-lived for.

Tickets and unlocks are bound to a bus name, so their tests and measurements need callers that stay. The program is a Python of
its own, run as the person's Unix user: it takes an expression a line, over the functions below, and answers with its repr()."""

import subprocess

PROGRAM = r'''
import os, sys, time, dbus

bus = dbus.bus.BusConnection(os.environ["VISAVIS_BUS"])

def interface(name, path, of):
    return dbus.Interface(bus.get_object(name, path, introspect=False), of)

def verified_ticket(account, tries=3):
    manager = interface("im.visavis.Auth1", "/im/visavis/Auth1", "im.visavis.Auth1.Manager")
    attempt = manager.Verify(account, dbus.Dictionary(signature="sv"))
    properties = interface("im.visavis.Auth1", attempt, "org.freedesktop.DBus.Properties")
    for _ in range(1200):
        state = properties.GetAll("im.visavis.Auth1.Attempt")
        if state["State"] in ("succeeded", "failed", "cancelled"):
            break
        time.sleep(0.05)
    if state["Failure"] in ("presentation-attack", "timeout") and tries > 1:  # too slow: once more, as anybody would
        return verified_ticket(account, tries - 1)
    assert state["State"] == "succeeded", state["FailureText"]
    return bytes(interface("im.visavis.Auth1", attempt, "im.visavis.Auth1.Attempt").TakeTicket())

def factor(pin):
    fd = os.memfd_create("pin")
    os.write(fd, pin.encode())
    os.lseek(fd, 0, 0)
    return dbus.types.UnixFd(fd)

def account(path):
    return interface("im.visavis.Crypto1", path, "im.visavis.Crypto1.Account")

def unlock(path, ticket, pin):
    try:
        account(path).Unlock(dbus.ByteArray(ticket), factor(pin), timeout=30)
        return "opened"
    except dbus.DBusException as error:
        return error.get_dbus_name()

def timed_unlock(path, ticket, pin):
    start = time.monotonic()
    assert unlock(path, ticket, pin) == "opened"
    return time.monotonic() - start

def send(path, conversation, text):
    """The time at which the call began."""
    start = time.monotonic()
    account(path).Send(conversation, text)
    return start

def receive(path, conversation, text, after=0):
    """The time at which a message with this text could be read, and its id."""
    while True:
        for message in account(path).ReadMessages(conversation, dbus.UInt64(after), dbus.UInt32(500), False):
            after = int(message[0])
            if str(message[2]) == text:
                return time.monotonic(), after
        time.sleep(0.0005)

for line in sys.stdin:
    print(repr(eval(line)), flush=True)
'''


class Person:
    """person = Person(stage, "alice"); person("verified_ticket('…')") → its value here. leave() ends the program."""

    def __init__(self, stage, name):
        self.process = stage.popen(name, ["/usr/bin/python3", "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, expression):
        """Starts an expression; answer() waits for its value."""
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, "the person's program died"
        return eval(line)  # pylint: disable=eval-used  # our own program's repr()

    def __call__(self, expression):
        self.ask(expression)
        return self.answer()

    def leave(self):
        self.process.stdin.close()
        self.process.wait()
