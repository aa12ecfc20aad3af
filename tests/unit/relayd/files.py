"""Files between cryptod and relayd: what the tests of transfers share."""
import hashlib
import os
import threading

import dbus

from relay_stage import PROPERTIES, memfd

TRANSFERS, TRANSFER = "im.visavis.Relay1.Transfers", "im.visavis.Relay1.Transfer"
MANAGER, PATH = "org.freedesktop.DBus.ObjectManager", "/im/visavis/Relay1/transfer"
CHUNK = 256 * 1024


def names_of(content):
    return b"".join(hashlib.sha256(content[i:i + CHUNK]).digest() for i in range(0, len(content), CHUNK))


def pipe_with(content):
    """The end of a pipe from which @content comes, for whoever reads it."""
    out, into = os.pipe()

    def fill():
        try:
            with os.fdopen(into, "wb") as f:
                f.write(content)
        except BrokenPipeError:
            pass

    threading.Thread(target=fill, daemon=True).start()
    return out


class Files:
    def __init__(self, relay):
        self.relay = relay

    def start(self, method, account, number, fd):
        """Returns the transfer's path, or (error name, sentence)."""
        r = self.relay.call(TRANSFERS, method, account, dbus.ByteArray(bytes([number]) * 16), dbus.types.UnixFd(fd), path=PATH)
        os.close(fd)
        return str(r[1]) if r[0] == "ok" else r

    def upload(self, account, number, content):
        return self.start("Upload", account, number, pipe_with(content))

    def download(self, account, number, names):
        return self.start("Download", account, number, memfd(names))

    def call(self, path, method):
        return self.relay.call(TRANSFER, method, path=path)

    def get(self, path, name):
        return self.relay.call(PROPERTIES, "Get", TRANSFER, name, path=path)[1]

    def all(self):
        """Every transfer's properties by its path."""
        return {str(path): interfaces[TRANSFER] for path, interfaces in self.relay.call(MANAGER, "GetManagedObjects", path=PATH)[1].items()}

    def reaches(self, path, *states, seconds=30):
        return self.relay.until(lambda: self.get(path, "State") in states, seconds)

    def moves(self, path, chunks, seconds=30):
        """True once so many are done."""
        return self.relay.until(lambda: self.get(path, "ChunksDone") >= chunks, seconds)

    def read(self, path, method):
        """What the descriptor holds that Names and Content answer with."""
        r = self.call(path, method)
        if r[0] != "ok":
            return r
        with os.fdopen(r[1].take(), "rb") as f:
            f.seek(0)
            return f.read()
