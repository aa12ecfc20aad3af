"""authd's end of a preview ring (docs/dbus/auth1.md), for windows that are shown to nobody: a photograph, or stripes."""
import os
import struct
import time

WIDTH, HEIGHT, STRIDE, SLOTS, FIRST = 640, 480, 2560, 4, 4096
STEP = (64 + HEIGHT * STRIDE + 4095) // 4096 * 4096
F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x10  # seal, shrink, grow, future write


def pixels_of(path):
    """The middle of a picture file, as wide and high as the ring has them, in the ring's order of bytes."""
    import gi  # pylint: disable=import-outside-toplevel
    gi.require_version("GdkPixbuf", "2.0")
    from gi.repository import GdkPixbuf  # pylint: disable=import-outside-toplevel
    picture = GdkPixbuf.Pixbuf.new_from_file(path)
    side = min(picture.get_width() / WIDTH, picture.get_height() / HEIGHT)
    w, h = int(WIDTH * side), int(HEIGHT * side)
    picture = picture.new_subpixbuf((picture.get_width() - w) // 2, (picture.get_height() - h) // 2, w, h)
    picture = picture.scale_simple(WIDTH, HEIGHT, GdkPixbuf.InterpType.BILINEAR)
    rows, n, stride = picture.get_pixels(), picture.get_n_channels(), picture.get_rowstride()
    out = bytearray(HEIGHT * STRIDE)
    for channel in range(3):
        for y in range(HEIGHT):
            row = rows[y * stride:y * stride + WIDTH * n]
            out[y * STRIDE + 2 - channel:(y + 1) * STRIDE:4] = row[channel::n]
    return bytes(out)


def stripes():
    row = b"".join(bytes((40 + x * 200 // WIDTH, 90, 220 - x * 200 // WIDTH, 0)) for x in range(WIDTH))
    return row * HEIGHT


class Ring:
    def __init__(self, pixels):
        self.fd = os.memfd_create("preview", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, FIRST + SLOTS * STEP)
        os.pwrite(self.fd, b"VVPRVW01" + struct.pack("<6I", WIDTH, HEIGHT, STRIDE, SLOTS, FIRST, STEP), 0)
        self.number = 0
        self.show(pixels)

    def show(self, pixels):
        self.number += 1
        slot = FIRST + (self.number - 1) % SLOTS * STEP
        os.pwrite(self.fd, struct.pack("<Q", 2 * self.number - 1), slot)
        os.pwrite(self.fd, struct.pack("<QII", int(time.monotonic() * 1e6), WIDTH, HEIGHT) + bytes(40) + pixels, slot + 8)
        os.pwrite(self.fd, struct.pack("<Q", 2 * self.number), slot)
        os.pwrite(self.fd, struct.pack("<Q", self.number), 32)

    def read_only(self):
        """A descriptor as authd hands it out."""
        import fcntl  # pylint: disable=import-outside-toplevel
        fcntl.fcntl(self.fd, F_ADD_SEALS, SEALS)
        return os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY | os.O_CLOEXEC)
