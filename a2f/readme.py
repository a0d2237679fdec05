"""The README's tables, made from the files that commands wrote, never by hand.

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
     "reused_seconds": 0.0,                   training that an earlier call had done already, on one core
     "smoke_seconds": 180.3 or null,          the last complete smoke run of the same library, if there is one
     "test_seconds": 410 or null,             the last `make test` that passed in this checkout, without installation
     "library": "<sha256 of the sources>", "date": "..."}

The shipped model's `evaluation.json` (written by `make demo-model`) gives the second table: the rows that a demand was
made on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json

SECTIONS = ("results", "model")  # between <!-- name:start --> and <!-- name:end -->
FIELDS = ("claim", "section", "notebook", "paper", "here", "verdict", "data")
VERDICTS = (
    "holds",
    "holds in part",
    "does not hold",
    "undecided",
    "cannot be tested on this data",
    "not tested here",
)


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
    place = f"{timings['cores']} cores of {timings['processor']}"
    spent = [f"`make reproduce` took {duration(timings['total_seconds'])} on {place}"]
    if timings["reused_seconds"]:
        spent.append(f"with runs that an earlier call had trained in {duration(timings['reused_seconds'])} on one core")
    if install is not None:
        spent.append(f"after {duration(install)} of installation")
    if smoke is not None:
        spent.append(f"`make reproduce PRESET=smoke` {duration(smoke)}")
    if test is not None:
        spent.append(f"`make test` {duration(test)}")
    each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in timings["notebooks"].items())
    lines += ["", ", ".join(spent) + ".", "", f"Notebook by notebook: {each}."]
    return "\n".join(lines) + "\n"


def render_model(evaluation: dict[str, Any]) -> str:
    """Return the table of what was demanded of the shipped model, in Markdown, ending in a newline."""
    lines = ["| Measured on voices that it never heard | | Demand | Holds |", "|---|---|---|---|"]
    for row in evaluation["rows"]:
        if row["demand"]:
            low_high = f" ({row['interval'][0]:.3g} to {row['interval'][1]:.3g})" if row["interval"] else ""
            verdict = "yes" if row["holds"] else "**no**"
            lines.append(f"| {row['quantity']} | {row['value']:.3g}{low_high} | {row['demand']} | {verdict} |")
    return "\n".join(lines) + "\n"


def section(text: str, name: str) -> str:
    """Return what stands between the markers of a section in a README's text."""
    start, end = markers(name)
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise BadInput(f"README.md must hold the line {start} once and the line {end} once after it")
    return text.split(start)[1].split(end)[0].lstrip("\n")


def markers(name: str) -> tuple[str, str]:
    """Return the lines that a section stands between."""
    if name not in SECTIONS:
        raise BadInput(f"the README has no section {name!r}; there are {', '.join(SECTIONS)}")
    return f"<!-- {name}:start -->", f"<!-- {name}:end -->"


def replace(readme: Path, name: str, new: str) -> None:
    """Write one section of `readme` anew, and nothing where it says so already.

    Raises
    ------
    MissingData, BadInput
        If the file or a marker is missing.
    """
    if not readme.is_file():
        raise MissingData(f"{readme.name} is not there")
    text = readme.read_text(encoding="utf-8")
    if section(text, name) != new:
        start, end = markers(name)
        with atomic_path(readme) as temporary:
            temporary.write_text(f"{text.split(start)[0]}{start}\n{new}{end}{text.split(end)[1]}", encoding="utf-8")


def update(readme: Path, figures: Path) -> None:
    """Write the results into `readme` anew from `figures/report.json` and `figures/timings.json`.

    Raises
    ------
    MissingData, BadInput
        If a file or a marker is missing.
    """
    replace(readme, "results", render(read_json(figures / "report.json"), read_json(figures / "timings.json")))
