"""The README's table of claims, made from the report that a notebook wrote, never by hand.

`figures/report.json` (written by notebook 14 through `Session.save_report`)::

    {"name": "report",
     "claims": [{"claim": "Without the composite part, errors grow",   one sentence of the paper, shortened
                 "section": "5.4, Table 1",                            where the paper says it
                 "notebook": "05_table1",                              where it is tested here
                 "paper": "lip 0.0034 to 0.0040",                      what the paper reports
                 "here": "lip 1.21 to 1.43 mm (3 seeds)",              what was measured here
                 "verdict": "holds",                                   one of VERDICTS
                 "data": "synthetic demo corpus"}, ...],               on which data
     "origin": {...}}

`figures/timings.json` (written by `a2f reproduce`)::

    {"preset": "demo", "dataset": "demo", "cores": 2, "install_seconds": 140 or null,
     "notebooks": {"00_quickstart": 31.2, ...}, "total_seconds": 1201.5,
     "smoke_seconds": 180.3 or null,          the last complete smoke run of the same library, if there is one
     "test_seconds": 410 or null,             the last `make test` that passed in this checkout, without installation
     "library": "<sha256 of the sources>", "date": "..."}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json

START, END = "<!-- results:start -->", "<!-- results:end -->"
FIELDS = ("claim", "section", "notebook", "paper", "here", "verdict", "data")
VERDICTS = ("holds", "holds in part", "does not hold", "undecided", "not tested here")


def check_claims(claims: list[dict[str, str]], synthetic: bool) -> None:
    """Refuse a report that lacks a field, has an unknown verdict, or hides that its data are synthetic.

    Raises
    ------
    BadInput
        Naming the claim and the field.
    """
    if not claims:
        raise BadInput("the report has no claims")
    for number, claim in enumerate(claims, 1):
        if set(claim) != set(FIELDS):
            raise BadInput(f"claim {number} has the fields {sorted(claim)}; expected {sorted(FIELDS)}")
        for field in FIELDS:
            if not isinstance(claim[field], str) or not claim[field].strip():
                raise BadInput(f"claim {number}: {field} is {claim[field]!r}; expected a text")
        if claim["verdict"] not in VERDICTS:
            raise BadInput(f"claim {number}: verdict is {claim['verdict']!r}; expected one of {VERDICTS}")
        if synthetic and "synthetic" not in claim["data"]:
            raise BadInput(
                f"claim {number}: data is {claim['data']!r}, but the numbers come from the demo corpus: "
                "say that it is synthetic"
            )


def duration(seconds: float) -> str:
    """Say a duration as a reader would: "48 s", "3 min 20 s", "21 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes >= 10:
        return f"{round(seconds / 60)} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def render(report: dict[str, Any], timings: dict[str, Any]) -> str:
    """Return the section between the markers, in Markdown, ending in a newline."""

    def cell(text: str) -> str:
        return " ".join(text.replace("|", "\\|").split())

    lines = ["| The paper says | Tested in | Paper | Here | Verdict | Data |", "|---|---|---|---|---|---|"]
    for claim in report["claims"]:
        notebook = claim["notebook"]
        lines.append(
            f"| {cell(claim['claim'])} ({cell(claim['section'])}) | [{notebook}](notebooks/{notebook}.ipynb) "
            f"| {cell(claim['paper'])} | {cell(claim['here'])} | {cell(claim['verdict'])} "
            f"| {cell(claim['data'])} |"
        )
    install, smoke, test = (timings[f"{name}_seconds"] for name in ("install", "smoke", "test"))
    spent = [f"`make reproduce` took {duration(timings['total_seconds'])} on {timings['cores']} CPU cores"]
    if install is not None:
        spent.append(f"after {duration(install)} of installation")
    if smoke is not None:
        spent.append(f"`make reproduce PRESET=smoke` {duration(smoke)}")
    if test is not None:
        spent.append(f"`make test` {duration(test)}")
    each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in timings["notebooks"].items())
    lines += ["", ", ".join(spent) + ".", "", f"Notebook by notebook: {each}."]
    return "\n".join(lines) + "\n"


def section(text: str) -> str:
    """Return what stands between the markers in a README's text."""
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise BadInput(f"README.md must hold the line {START} once and the line {END} once after it")
    return text.split(START)[1].split(END)[0].lstrip("\n")


def update(readme: Path, figures: Path) -> None:
    """Write the section into `readme` anew from `figures/report.json` and `figures/timings.json`.

    Raises
    ------
    MissingData, BadInput
        If a file or a marker is missing.
    """
    if not readme.is_file():
        raise MissingData(f"{readme.name} is not there")
    text = readme.read_text(encoding="utf-8")
    old = section(text)
    new = render(read_json(figures / "report.json"), read_json(figures / "timings.json"))
    head, tail = text.split(START)[0], text.split(END)[1]
    if old != new:
        with atomic_path(readme) as temporary:
            temporary.write_text(f"{head}{START}\n{new}{END}{tail}", encoding="utf-8")
