"""The paper's claims about single sounds, styles and running time (5.2 to 5.4): what was seen here, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAPER = "0.007 s against 0.1 s, 14 times; neither the machine nor what is counted is said"
PUBLISHED = "FaceFormer as published"


def runtime_claim(runtime: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the claim of section 5.2 on running time: text, section, notebook, paper, here, verdict.

    Parameters
    ----------
    runtime : mapping or None
        The paper's ``ratio``, and ``machines``: ``faceformer`` of each bench's summary, by what computed. None where
        there is none.
    """
    about = ("One second of animation takes 0.007 s, FaceFormer 0.1 s", "5.2", "09_runtime", PAPER)
    if runtime is None:
        return *about, "no full measurement is stored; `a2f bench` makes one", "not tested here"
    here, least, most = [], [], []
    for name, every in runtime["machines"].items():
        rows = [row for row in every if row["faceformer"] == PUBLISHED]
        whole, behind = (sorted(row[key] for row in rows) for key in ("end_to_end", "after_encoder"))
        seconds = sorted(row["seconds_a_second"] for row in rows)
        here.append(
            f"{name}: FaceFormer takes {whole[0]:.2g} to {whole[-1]:.2g} times as long end to end ({seconds[0]:.2g} to "
            f"{seconds[-1]:.2g} s for a second of speech here), {behind[0]:.2g} to {behind[-1]:.2g} times behind the "
            "audio encoder"
        )
        least.append(whole[0])
        most.append(max(whole[-1], behind[-1]))
    here[-1] += "; by mesh and length"
    if min(least) >= runtime["ratio"]:
        return *about, "; ".join(here), "holds"
    return *about, "; ".join(here), "holds in part" if max(most) >= runtime["ratio"] else "does not hold"


def seen_claims(qualitative: Mapping[str, Any], styles: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the claims of sections 5.3 and 5.4 on what Fig. 4 and Fig. 6 show.

    Parameters
    ----------
    qualitative, styles : mapping
        The results of notebooks 07 and 08.
    """
    found = []
    for row in qualitative["claims"]:
        pairs = ", ".join(
            f"{pair.replace(' - ', ' over ')} {mean:+.2f} ± {half:.2f} {qualitative['unit']}"
            for pair, (mean, half) in row["pairs"].items()
        )
        text = row["claim"][0].upper() + row["claim"][1:]
        found.append((text, "5.3, Fig. 4", "07_qualitative", "pictures, no number", pairs, row["verdict"]))
    purity, within, between = styles["purity"], *(styles["distances"][key] for key in ("one style", "two styles"))
    apart = "" if not within else f"; two styles differ {between / within:.0f} times as much as one from two clips"
    found.append(
        (
            "One utterance in several styles moves differently, each like its style",
            "5.4, Fig. 6",
            "08_styles",
            "pictures, no number",
            f"the nearest clip is of the same style for {100 * purity['value']:.0f} % "
            f"({100 * purity['chance']:.0f} % by chance){apart}",
            "holds" if purity["value"] > 2 * purity["chance"] else "does not hold",
        )
    )
    return found
