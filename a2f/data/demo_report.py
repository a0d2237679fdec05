"""A table of measured quantities beside the ranges of the literature, and the verdict on each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from a2f.errors import BadInput

OURS = "own demand"
USUAL = " (usual range)"  # as such values are commonly quoted; not looked up in the named work


@dataclass(frozen=True)
class Row:
    """One measured quantity.

    Parameters
    ----------
    quantity, unit : str
    measured : float
        What the verdict is about.
    detail : str
        Spread or parts of the measurement.
    low, high : float
        The range of the literature, or a demand of our own where `source` says so.
    source : str
    explanation : str
        Why a value may leave the range; empty if it may not.
    bound : (float, float) or None
        How far an explained value may go; beyond it the row fails like any other.
    group : str
        The heading it is printed under.
    values : tuple of float
        What `measured` is the median of, where it is one; for figures, not stored.
    """

    quantity: str
    unit: str
    measured: float
    detail: str
    low: float
    high: float
    source: str
    explanation: str = ""
    bound: tuple[float, float] | None = None
    group: str = ""
    values: tuple[float, ...] = field(default=(), repr=False)

    @property
    def verdict(self) -> str:
        """``inside``, ``explained`` or ``OUTSIDE``."""
        if self.low <= self.measured <= self.high:
            return "inside"
        if self.explanation and self.bound and self.bound[0] <= self.measured <= self.bound[1]:
            return "explained"
        return "OUTSIDE"


@dataclass(frozen=True)
class Report:
    """The table of a validation; true in a condition when every row is inside its range or explained."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether no row is ``OUTSIDE``."""
        return all(row.verdict != "OUTSIDE" for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def row(self, quantity: str) -> Row:
        """The row of that name.

        Raises
        ------
        BadInput
            If there is none.
        """
        for row in self.rows:
            if row.quantity == quantity:
                return row
        raise BadInput(f"no row is called {quantity!r}; there are {', '.join(r.quantity for r in self.rows)}")

    def only(self, groups: Sequence[str]) -> Report:
        """The rows of some groups.

        Raises
        ------
        BadInput
            If a group has no row.
        """
        there = list(dict.fromkeys(row.group for row in self.rows))
        missing = [name for name in groups if name not in there]
        if missing:
            raise BadInput(f"no row is in group {missing[0]!r}; the groups are {', '.join(there)}")
        return Report(tuple(row for row in self.rows if row.group in groups))

    def to_json(self) -> dict:
        """Plain values for a result file; what could not be measured or has no upper end is None."""
        names = [entry.name for entry in fields(Row) if entry.name != "values"]
        rows = [{name: getattr(row, name) for name in names} | {"verdict": row.verdict} for row in self.rows]
        for row in rows:
            row.update({key: None for key in ("measured", "high") if not math.isfinite(row[key])})
        return {"synthetic": True, "ok": self.ok, "rows": rows}

    def __str__(self) -> str:
        head = ("quantity", "measured", "detail", "range", "verdict", "source")
        lines = [head] + [
            (
                r.quantity,
                f"{r.measured:.4g} {r.unit}".strip(),
                r.detail,
                _range(r.low, r.high),
                r.verdict,
                r.source,
            )
            for r in self.rows
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        for position in range(len(self.rows) - 1, -1, -1):
            group = self.rows[position].group
            if group and (position == 0 or self.rows[position - 1].group != group):
                text[position + 1 : position + 1] = ["", group.upper()]
        notes = [
            f"* {r.quantity}: {r.explanation} (accepted {_range(*r.bound)})"
            for r in self.rows
            if r.verdict == "explained"
        ]
        bad = sum(r.verdict == "OUTSIDE" for r in self.rows)
        if any(USUAL in r.source for r in self.rows):
            notes.append("usual range: as such values are commonly quoted, not looked up in the work that is named")
        close = "all inside or explained" if self.ok else f"{bad} of {len(self.rows)} rows OUTSIDE"
        return "\n".join(["demo corpus (synthetic)", *text, *notes, close])


def grouped(group: str, rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows under one heading."""
    return tuple(replace(row, group=group) for row in rows)


def _range(low: float, high: float) -> str:
    if low == high:
        return f"{low:g}"
    return f"{low:g} .. {high:g}" if np.isfinite(high) else f">= {low:g}"


def spread(values: Sequence[float]) -> str:
    """Percentiles 5, 50 and 95 in words."""
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"p5 {low:.3g}, median {middle:.3g}, p95 {high:.3g}"


def median_row(quantity: str, unit: str, values: Sequence[float], low: float, high: float, source: str, **extra) -> Row:
    """A row about the median of `values`; outside its range if there are none."""
    if not len(values):
        return Row(quantity, unit, math.nan, "nothing to measure", low, high, source, **extra)
    detail = f"{spread(values)}, n {len(values)}"
    extra["values"] = tuple(float(value) for value in values)
    return Row(quantity, unit, float(np.median(values)), detail, low, high, source, **extra)
