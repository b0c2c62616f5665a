#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures every budget of the design, each beside the machine's own limit in the same run, and prints one table.

Everything is real: five services, sockets, synced commits. Rows share one suite of services, so that they meet
state that is already there; `growth` looks at it while it is small. A figure that the machine itself spoils shows
in its limit and in the load average beside it."""
import argparse
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import rows  # noqa: E402
from stage import Stage  # noqa: E402
from table import print_table  # noqa: E402


def arguments():
    names = "\n".join(f"  {name:10} {row.__doc__.splitlines()[0]}" for name, row in rows.ROWS.items())
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, epilog=f"rows:\n{names}", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which to measure; all by default")
    parser.add_argument("--quick", action="store_true", help="every row in about three minutes, on 20,000 persons")
    parser.add_argument("--people", type=int, metavar="N", help="persons that are there (1,000,000; with --quick 20,000)")
    parser.add_argument("--seconds", type=float, metavar="N", help="how long a load lasts (60; with --quick 5)")
    parser.add_argument("--connections", type=int, default=256, metavar="N", help="for single events (256)")
    parser.add_argument("--directory", default="build/bench", metavar="PATH", help="state, on the disk to be measured (build/bench)")
    parser.add_argument("--build", default="build/release", metavar="PATH", help="programs (build/release)")
    parser.add_argument("--keep", action="store_true", help="leave the state there")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.rows if name not in rows.ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; see --help")
    chosen.people = chosen.people or (20_000 if chosen.quick else 1_000_000)
    chosen.seconds = chosen.seconds or (5.0 if chosen.quick else 60.0)
    return chosen


def main():
    options = arguments()
    wanted = [name for name in rows.ROWS if name in options.rows or (not options.rows and name not in rows.BY_NAME)]
    directory = pathlib.Path(options.directory).resolve()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    figures = []
    try:
        with Stage(directory, options) as stage:
            for name in wanted:
                print(f"{name} … (load average {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)
                figures += rows.measure(name, stage)
            notes = stage.notes
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    print_table(figures, notes, options)


if __name__ == "__main__":
    main()
