# SPDX-License-Identifier: Apache-2.0
"""Disks that a test may fill or cut off: mounted for it, and gone with it."""
import contextlib
import errno
import os
import pathlib
import subprocess

import pytest


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
        with open(self.path, "wb") as file:
            while (room := self.room(directory) - left) > 0:
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
