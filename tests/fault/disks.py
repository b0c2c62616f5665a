# SPDX-License-Identifier: Apache-2.0
"""Disks that a test may fill or cut off: mounted for it, and gone with it."""
import contextlib
import errno
import os
import pathlib
import subprocess

import pytest

from suite import wait_for


def run(*arguments):
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)


@contextlib.contextmanager
def mounted(path, *arguments):
    """Mounts with these arguments of mount(8) at `path`, which is made. Skips the test where that is not permitted."""
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    result = run("mount", *arguments, path)
    if result.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {result.stderr.strip()}")
    try:
        yield path
    finally:
        if run("umount", path).returncode != 0:  # something still has a file open: the mount goes when that does
            run("umount", "--lazy", path)


def small_disk(path, megabytes):
    return mounted(path, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs")


class Ballast:
    """A file that takes the room on a disk, all but `left` bytes of it."""

    def __init__(self, directory, left=0):
        self.path = pathlib.Path(directory) / "ballast"
        self.fill(left)

    def fill(self, left=0):
        """Again: what has become free meanwhile."""
        with open(self.path, "ab") as file:
            while (room := self.room(self.path.parent) - left) > 0:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), room)
                    file.seek(0, os.SEEK_END)
                except OSError as error:  # somebody else writes there, too, and was faster
                    if error.errno != errno.ENOSPC:
                        raise

    @staticmethod
    def room(directory):
        system = os.statvfs(directory)
        return system.f_bavail * system.f_frsize

    def remove(self):
        self.path.unlink()


class Image:
    """An ext4 file system in a file, on a loop device, so that a test can look at it as a power cut would leave it.

    What copy() takes is what the device had been given and had completed at one moment: the writes that the file system
    had sent to it, in the order in which it sent them, with nothing of what was still in the page cache of the mounted
    file system. A disk that loses its power at this moment and had no volatile cache holds exactly this; so it is a
    state that a power cut may leave. (With a volatile cache it may also lose writes behind the last flush; this is
    not shown here.) Nothing is synced for the copy. It is one moment's although it takes time, because it counts only
    if the device completed no write from before its beginning until after its end; else it is taken again. The caller
    stops the processes that write meanwhile, or that would never come about; stopped processes hold what they have
    written in the page cache as it is.
    """

    def __init__(self, path, megabytes):
        self.path = pathlib.Path(path)
        with open(self.path, "wb") as file:
            file.truncate(megabytes << 20)
        made = run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.path)
        if made.returncode != 0:
            pytest.skip(f"no ext4 can be made here: {made.stderr.strip()}")

    def mounted(self, where):
        return mounted(where, "-o", "loop", "-t", "ext4", self.path)

    def device(self):
        found = run("losetup", "--noheadings", "--output", "NAME", "--associated", self.path)
        return pathlib.Path(found.stdout.strip()).name

    def activity(self):
        """Writes and flushes completed, and how many are under way."""
        fields = pathlib.Path(f"/sys/block/{self.device()}/stat").read_text().split()
        return fields[4], fields[6], fields[15] if len(fields) > 15 else "", int(fields[8])

    def copy(self, path):
        def attempt():
            before = self.activity()
            copied = run("cp", "--sparse=always", self.path, path)
            assert copied.returncode == 0, copied.stderr
            return before[-1] == 0 and before == self.activity()

        wait_for(attempt, f"a moment without a write to {self.path}", 60)
        copy = Image.__new__(Image)
        copy.path = pathlib.Path(path)
        return copy
