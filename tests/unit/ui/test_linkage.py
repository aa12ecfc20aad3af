#!/usr/bin/python3
"""Nothing that is built under ui/ names a crypto library or a database: a person's program holds no key.

The arguments are the build's ui/ directory, a program that does link one, and the names of those that must be there. What counts is what a program itself asks the linker for (DT_NEEDED): libsystemd and
GTK have dependencies of their own, which our code cannot reach by name."""
import os
import re
import subprocess
import sys

FORBIDDEN = re.compile(r"lib(crypto|ssl|gcrypt|gnutls|nettle|hogweed|sodium|sqlite3|argon2|mbed\w*|wolfssl|nss3)\b")


def programs(directory):
    """Executables and shared libraries, by what is in the file."""
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                head = f.read(18)
            if head[:4] == b"\x7fELF" and int.from_bytes(head[16:18], "little") in (2, 3):
                yield path


def needed(path):
    dynamic = subprocess.run(["readelf", "--dynamic", "--wide", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)


def test(number, good, name, detail=""):
    print("ok" if good else "not ok", number, "-", name)
    if not good:
        print("#", detail)
    return good


found = sorted(programs(sys.argv[1]))
wanted = set(sys.argv[3:])
good = test(1, wanted <= {os.path.basename(p) for p in found}, f"{' and '.join(sorted(wanted))} can be looked at", found)
# The same question put to a program that does link one, so that the answer "none" means something.
good &= test(2, any(FORBIDDEN.match(n) for n in needed(sys.argv[2])), "a crypto library that is linked is seen", needed(sys.argv[2]))
for i, path in enumerate(found, 3):
    libraries = needed(path)
    good &= test(i, libraries and not any(FORBIDDEN.match(n) for n in libraries), f"{os.path.basename(path)} links none", libraries)
print(f"1..{len(found) + 2}")
sys.exit(0 if good else 1)
