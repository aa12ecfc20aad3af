"""A message bus of a test's own, on which everybody may own and call everything: what a daemon refuses there, it refuses itself."""
import os
import subprocess
import time

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>"""


def start(directory):
    """Starts one below @directory: its process and its address."""
    with open(f"{directory}/bus.conf", "w", encoding="utf-8") as f:
        f.write(CONFIGURATION % directory)
    process = subprocess.Popen(["dbus-daemon", "--nofork", f"--config-file={directory}/bus.conf"])
    while not os.path.exists(f"{directory}/bus"):
        time.sleep(0.01)
    return process, f"unix:path={directory}/bus"
