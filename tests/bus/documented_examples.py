"""Every line of docs/dbus/ that begins with busctl is run as it stands there, by the person, root or cryptod, on a stage where the account is
locked: what it answers is what the page says of somebody who holds no unlock."""
import glob
import os
import shlex
import string
import subprocess

from stage import DAEMON_USERS

PAGES = f"{os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))}/docs/dbus/*.md"
LOCKED = "The account is locked for this program"

# What does not simply succeed: words of the example, and the words of the refusal.
REFUSED = {
    "Account Grant": LOCKED,
    "Contacts List": LOCKED, "Groups Create": LOCKED, "Groups Members": LOCKED, "Invitations Invite": LOCKED, "Messages Read": LOCKED, "Rooms Join": LOCKED,
    "History Search": LOCKED, "Transfers Receive": LOCKED, "$ACCOUNT org.freedesktop.DBus.ObjectManager": LOCKED,
    "Remove s mallory": "no account of that name",
    "FindHubs": "avahi",            # which does not run here
}
# What ends the account, in this order, so that nothing comes after it.
ENDS = ("RemoveEnrolment", "Link Delete", "Account Destroy")
BY_ROOT = ("im.visavis.Hub1", "Account Destroy", "AllowPassphrase", "ListAllEnrolments", "RemoveEnrolment")
BY_CRYPTOD = ("/im/visavis/Relay1/transfer", "tree im.visavis.Relay1")


def examples():
    """All lines, as lists of words; what ends the account last."""
    lines = []
    for page in sorted(glob.glob(PAGES)):
        with open(page, encoding="utf-8") as f:
            lines += [line.strip() for line in f if line.startswith("    ") and line.strip().startswith("busctl ")]
    assert len(lines) > 20, lines
    return sorted(lines, key=lambda line: [end in line for end in reversed(ENDS)])


def run(stage, line, values):
    """What is wrong with it, or None."""
    words = shlex.split(string.Template(line).substitute(values))
    user = DAEMON_USERS["cryptod"] if any(what in line for what in BY_CRYPTOD) else stage.person_user("alice")
    prefix = [] if any(what in line for what in BY_ROOT) else stage._as(user)  # pylint: disable=protected-access
    done = subprocess.run([*prefix, words[0], f"--address={stage.address}", *words[1:]], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    refusal = next((sentence for what, sentence in REFUSED.items() if what in line), None)
    as_said = done.returncode != 0 and refusal.lower() in said.lower() if refusal else done.returncode == 0
    return None if as_said else f"{line}: {said}"


def run_all(stage, **values):
    wrong = []
    for line in examples():
        if ENDS[0] in line:  # the hub is reached again, without the proxy of the example before
            stage.busctl("set-property", "im.visavis.Relay1", f"/im/visavis/Relay1/link/{values['ACCOUNT']}", "im.visavis.Relay1.Link",
                         "Proxy", "s", "", user="alice")
        wrong.append(run(stage, line, values))
    assert not any(wrong), "\n".join(w for w in wrong if w)
