"""Paired runs: both sides take turns, and turns about who is first, so that a machine's moods hit both alike."""
import statistics
import time
from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Comparison:
    """One row of the result. `more_is_better`: rates (per second) instead of times (seconds)."""

    what: str
    peer: str
    unit: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    more_is_better: bool = False
    note: str = ""

    def ratio(self) -> float:
        """Median over the pairs of how many times as long as the peer we take; below 1 we are faster."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return statistics.median(theirs / ours if self.more_is_better else ours / theirs for ours, theirs in pairs)

    def cells(self) -> list[str]:
        digits = 0 if self.more_is_better else 2
        median = lambda values: f"{statistics.median(values):,.{digits}f} {self.unit}"
        return [self.what, median(self.ours), f"{median(self.theirs)} ({self.peer})", f"{self.ratio():.2f}", self.note]


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def pairs(runs: int, comparison: Comparison, ours: Callable[[], float], theirs: Callable[[], float]) -> Comparison:
    """Runs each side once to warm up, then `runs` times in pairs. The sides answer their own figure."""
    ours()
    theirs()
    for run in range(runs):
        sides = [(comparison.ours, ours), (comparison.theirs, theirs)]
        for figures, side in sides if run % 2 == 0 else reversed(sides):
            figures.append(side())
    return comparison


def table(comparisons: list[Comparison]) -> str:
    """As Markdown."""
    rows = [["what", "Lakewire", "peer", "ratio", "note"]] + [comparison.cells() for comparison in comparisons]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    line = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(rows[0]), rule, *(line(row) for row in rows[1:])])
