"""What many hours of speech take, by arithmetic from a bench: core-hours, gigabytes and a price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from a2f.bench.ratios import find, lengths
from a2f.models.encoder_base import BUNDLED


@dataclass(frozen=True)
class Hours:
    """The cost of some hours of speech.

    Parameters
    ----------
    name : str
        The audio encoder, and the runtime where it is not torch's.
    core_hours : float
        Of encoder, decoder, projection and writing; the style is made once for all.
    gigabytes : float
        Of the files.
    """

    name: str
    core_hours: float
    gigabytes: float

    def days(self, cores: int) -> float:
        """Return the days that so many cores take, each with its own process and files."""
        return self.core_hours / cores / 24


def of_speech(bench: Mapping[str, Any], vertices: int, hours: float, kind: str = "npz") -> list[Hours]:
    """Return the cost for each audio encoder that was timed, on the longest speech that was.

    Parameters
    ----------
    bench : mapping
    vertices : int
        One of the bench's sizes.
    hours : float
        Of speech.
    kind : {"npz", "glb"}
        Of the files.
    """
    speech = max(lengths(bench))
    place = {"speech": speech, "vertices": vertices}
    rest = sum(
        find(bench, part="inference", step=step, method="a2f", **place)["median"] for step in ("decoder", "projection")
    )
    written = find(bench, part="export", step=kind, **place)
    encoders = {
        name: find(bench, part="inference", step="audio encoder", method=name, speech=speech)["median"]
        for name in ("hubert-large", BUNDLED)
    }
    for row in bench["rows"]:
        if row["part"] == "runtimes" and row["method"] != "torch" and row["speech"] == speech:
            encoders[f"{row['step']} by {row['method']}"] = row["median"]
    return [
        Hours(name, hours * (seconds + rest + written["median"]) / speech,
              hours * 3600 * written["bytes"] / speech / 1e9)
        for name, seconds in encoders.items()
    ]  # fmt: skip
