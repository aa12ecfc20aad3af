"""Disks that get into trouble: small file systems in a mount namespace of the test's own."""
import os
import subprocess
import sys

from checks import finish, skip

SIZE = 8  # MiB


def enter():
    """Goes into a mount namespace, beginning the program anew there, or ends it: nothing can be mounted here."""
    if os.environ.get("VISAVIS_OWN_MOUNTS") == "1":
        return
    if subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], stderr=subprocess.DEVNULL, check=False).returncode:
        skip("a disk that is in trouble", "no file system can be mounted here")
        sys.exit(finish())
    os.environ["VISAVIS_OWN_MOUNTS"] = "1"
    os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


def take_down(path):
    """Also while somebody uses it."""
    subprocess.run(["umount", "-l", path], check=False)


class Disk:
    """The file system that holds a directory; its content may be there already."""

    def __init__(self, path):
        self.path = path
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0700", "none", path], check=True)

    def fill(self):
        with open(f"{self.path}/filler", "ab", buffering=0) as f:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while f.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass

    def free(self):
        os.unlink(f"{self.path}/filler")

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)


class FailingDisk:
    """An ext4 on a file, which the kernel makes read-only under whoever writes to it when it finds an error."""

    def __init__(self, path, image):
        self.path, self.image = path, image
        with open(image, "wb") as f:
            f.truncate(SIZE << 20)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
        self.mount()

    @staticmethod
    def missing():
        """Why there can be none here, or nothing."""
        if subprocess.run(["sh", "-c", "command -v mkfs.ext4 && losetup -f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            return "there is no mkfs.ext4, or no loop device"
        return ""

    def mount(self):
        """Also again, as after a repair."""
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", self.image, self.path], check=True)
        os.chmod(self.path, 0o700)

    def fail(self):
        device = subprocess.run(["findmnt", "-no", "SOURCE", self.path], capture_output=True, text=True, check=True).stdout.strip()
        with open(f"/sys/fs/ext4/{os.path.basename(device)}/trigger_fs_error", "w", encoding="ascii") as f:
            f.write("a test")

    def repair(self):
        """When nobody uses it any more."""
        subprocess.run(["umount", self.path], check=True)
        self.mount()
