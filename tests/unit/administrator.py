"""A stand-in for polkit, and another user who asks for what an administrator decides."""
import os
import subprocess

import dbus
import dbus.service

POLICY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../dbus/im.visavis.policy")


def as_nobody(address, *call):
    """The error of a call by another user, as busctl makes it; "" if there was none."""
    return subprocess.run(["busctl", f"--address={address}", "call", *call], capture_output=True, text=True, check=False,
                          preexec_fn=lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534))).stderr


def installed(action):
    """Whether the policy that is installed knows it."""
    with open(POLICY, encoding="utf-8") as f:
        return f'<action id="{action}">' in f.read()


class Polkit(dbus.service.Object):
    """Allows what it is told to, and notes what it was asked."""

    def __init__(self, bus):
        super().__init__(bus, "/org/freedesktop/PolicyKit1/Authority")
        self.allows, self.asked = False, []

    @dbus.service.method("org.freedesktop.PolicyKit1.Authority", in_signature="(sa{sv})sa{ss}us", out_signature="(bba{ss})")
    def CheckAuthorization(self, subject, action, details, flags, cancellation):
        self.asked.append((str(subject[0]), str(subject[1]["name"]), str(action), int(flags)))
        return dbus.Struct((self.allows, not self.allows, dbus.Dictionary(signature="ss")), signature=None)

    def asked_for(self):
        """The action that it was asked about last; None unless it was about whoever is on the bus, who may be asked for a password."""
        subject, name, action, flags = self.asked[-1]
        return action if subject == "system-bus-name" and name.startswith(":1.") and flags == 1 else None
