# SPDX-License-Identifier: Apache-2.0
"""What the benchmark prints."""
import dataclasses
import os


@dataclasses.dataclass
class Figure:
    """A figure in `unit` beside the machine's limit in the same unit. A budget is the least or the most allowed."""
    what: str
    value: float
    unit: str
    limit: float | None = None
    limit_what: str = ""
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def met(self):
        if self.least is None and self.most is None:
            return ""
        good = (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)
        return "yes" if good else "NO"

    @property
    def budget(self):
        if self.least is not None:
            return f">= {number(self.least)}"
        return f"<= {number(self.most)}" if self.most is not None else ""

    @property
    def ratio(self):
        return f"{self.value / self.limit:.2f}" if self.limit else ""


def number(value):
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


def cells(figure):
    limit = f"{number(figure.limit)} ({figure.limit_what})" if figure.limit is not None else ""
    return [figure.what, number(figure.value), figure.unit, limit, figure.ratio, figure.budget, figure.met, figure.note]


def print_table(figures, notes, options):
    titles = ["what", "figure", "unit", "the machine's limit", "ratio", "budget", "met", "note"]
    lines = [titles] + [cells(figure) for figure in figures]
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    print(f"\n{options.people:,} persons, {os.cpu_count()} cores, load average at the end {os.getloadavg()[0]:.1f}\n")
    for at, line in enumerate(lines):
        print("  ".join(cell.rjust(width) if i in (1, 4) else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
        if at == 0:
            print("  ".join("-" * width for width in widths))
    for note in notes:
        print(note)
