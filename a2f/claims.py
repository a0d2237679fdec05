"""The paper's claims, each with what the result files say about it and the verdict that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2f.errors import BadInput

NAMES = {"lip_mean": "mean lip", "lip_max": "maximal lip", "upper": "upper face", "face": "face", "f_dtw": "F-DTW"}


def _change(differences: Mapping[str, Mapping], metrics: tuple[str, ...]) -> str:
    """Say how much lower or higher the first method is, metric by metric."""
    return ", ".join(
        f"{NAMES[name]} {100 * differences[name]['relative']:+.0f} % ({differences[name]['verdict']})"
        for name in metrics
    )


def _verdict(differences: Mapping[str, Mapping], metrics: tuple[str, ...]) -> str:
    """A claim of lower errors holds where every interval says lower, and in part where only some do."""
    found = [differences[name]["verdict"] for name in metrics]
    if all(one == "lower" for one in found):
        return "holds"
    if any(one == "lower" for one in found):
        return "holds in part"
    return "does not hold" if any(one == "higher" for one in found) else "undecided"


def _names(beaten: Mapping[str, bool], won: bool) -> str:
    return ", ".join(NAMES[name] for name, found in beaten.items() if found is won) or "none"


def _row(rows: list[Mapping], method: str) -> Mapping[str, Mapping]:
    for row in rows:
        if row["method"] == method:
            return row["metrics"]
    raise BadInput(f"the table has no row {method!r}; it has {', '.join(row['method'] for row in rows)}")


def build_claims(
    style_space: Mapping[str, Any],
    region_graph: Mapping[str, float],
    table1: Mapping[str, Any],
    sparsity: Mapping[str, list[Mapping]],
    corners: Mapping[str, Any],
    data: str,
) -> list[dict[str, str]]:
    """Return every claim that this companion looks at, with evidence and verdict.

    Parameters
    ----------
    style_space : mapping
        The numbers of Fig. 2 (notebook 01).
    region_graph : mapping
        The numbers of Fig. 3 (notebook 02).
    table1 : mapping
        The numbers of Table 1 (notebook 05).
    sparsity : mapping
        The numbers of Fig. 7 (notebook 06), a list over seeds for each row.
    corners : mapping
        Style normalisation and template embedding (notebook 06).
    data : str
        On which data all this was measured.

    Returns
    -------
    list of dict
        In the format of `a2f.readme`.
    """
    purity, log = style_space["speaker"], style_space["log: speaker"]
    composite = table1["differences"]["without-composite"]
    regional = table1["differences"]["without-regional"]
    ours, rows = _row(table1["rows"], "Ours"), table1["rows"]
    floors = [row for row in rows if not row["trained"]]
    beaten = {name: all(ours[name]["mean"] < row["metrics"][name]["mean"] for row in floors) for name in NAMES}
    seeds, still = len(ours["face"]["seeds"]), _row(rows, "Neutral face")
    (kept, runs), (dropped, without) = sparsity.items()
    share = [sum(run["share_of_vertices_90"] for run in found) / len(found) for found in (runs, without)]
    local = [a["share_of_vertices_90"] < b["share_of_vertices_90"] for a, b in zip(runs, without, strict=True)]
    paper = _row(corners["rows"], "mean face, template (paper)")
    both = corners["differences"]["both"]["upper"]
    neutral_upper = _row(corners["rows"], "Neutral face")["upper"]["mean"]
    static_upper = _row(corners["rows"], "Mean of the style clip")["upper"]["mean"]
    by_seeds = f"{seeds} seeds, 95 % interval"

    def claim(text: str, section: str, notebook: str, reported: str, here: str, verdict: str) -> dict[str, str]:
        return {
            "claim": text,
            "section": section,
            "notebook": notebook,
            "paper": reported,
            "here": here,
            "verdict": verdict,
            "data": data,
        }

    untested = "needs data, weights or methods that are not embedded"
    return [
        claim(
            "Speaker identity shapes the distribution of facial movements",
            "3, Fig. 2",
            "01_composite",
            "a t-SNE picture, no number",
            f"nearest neighbour is the same speaker's for {100 * purity['purity']:.0f} % of clips "
            f"({100 * purity['chance']:.0f} % by chance), {100 * log['purity']:.0f} % in log space",
            "holds" if purity["purity"] > 2 * purity["chance"] else "does not hold",
        ),
        claim(
            "Mouth and chin move together, upper and lower face less so",
            "3, Fig. 3",
            "02_regional",
            "a graph with edges above 0.5",
            f"correlation mouth-chin {region_graph['mouth-chin']:.2f}, upper-lower {region_graph['upper-lower']:.2f}",
            "holds" if region_graph["mouth-chin"] > region_graph["upper-lower"] else "does not hold",
        ),
        claim(
            "Without the composite part, speech-independent movements get worse",
            "5.4, Table 1",
            "05_table1",
            "BIWI: upper .0068 to .0071, face .0105 to .0120",
            f"with it: {_change(composite, ('upper', 'face', 'f_dtw'))}; {by_seeds}",
            _verdict(composite, ("upper", "face", "f_dtw")),
        ),
        claim(
            "The composite part improves lip synchronisation",
            "5.4, Table 1",
            "05_table1",
            "BIWI: lip .0170 to .0186",
            f"with it: {_change(composite, ('lip_mean', 'lip_max'))}; {by_seeds}",
            _verdict(composite, ("lip_mean", "lip_max")),
        ),
        claim(
            "Without the regional part, lip synchronisation gets worse",
            "5.4, Table 1",
            "05_table1",
            "BIWI: lip .0170 to .0175; MeshTalk 1.659 to 1.690",
            f"with it: {_change(regional, ('lip_mean', 'lip_max'))}; {by_seeds}",
            _verdict(regional, ("lip_mean", "lip_max")),
        ),
        claim(
            "The full model is better than a face that does not speak",
            "5.2 (implied)",
            "05_table1",
            "no such row",
            f"lip error {100 * ours['lip_mean']['mean'] / still['lip_mean']['mean']:.0f} % of the neutral face's; "
            f"lower than every floor on {_names(beaten, True)}"
            + ("" if all(beaten.values()) else f", not on {_names(beaten, False)}"),
            "holds" if all(beaten.values()) else "holds in part" if any(beaten.values()) else "does not hold",
        ),
        claim(
            "The sparsity regulariser makes each motion feature local",
            "5.4, Fig. 7",
            "06_sparsity",
            "pictures, no number",
            f"half of the features hold 90 % of their energy in {100 * share[0]:.0f} % of the face {kept}, in "
            f"{100 * share[1]:.0f} % {dropped}",
            "holds" if all(local) else "holds in part" if any(local) else "does not hold",
        ),
        claim(
            "Subtracting the mean face (Eq. 1) extracts the movement that matters",
            "4.2",
            "06_sparsity",
            "no ablation",
            f"upper-face error of the paper's configuration {paper['upper']['mean']:.2f} mm; neutral face "
            f"{neutral_upper:.2f}, mean of the style clip {static_upper:.2f}; minus template and no template "
            f"embedding: {100 * both['relative']:+.0f} % ({both['verdict']})",
            "does not hold"
            if both["verdict"] == "lower"
            else "undecided"
            if both["verdict"] == "undecided"
            else "holds",
        ),
        claim(
            "Ours is better than VOCA, MeshTalk and FaceFormer",
            "5.2, Table 1",
            "05_table1",
            "lower than all three in 13 of 15 columns",
            untested,
            "not tested here",
        ),
        claim(
            "HuBERT features are the best of four, and unfreezing them helps",
            "4.4",
            "04_training",
            "no number",
            untested,
            "not tested here",
        ),
        claim(
            "One second of animation takes 0.007 s, FaceFormer 0.1 s",
            "5.2",
            "00_quickstart",
            "0.007 s on an RTX 3090",
            untested,
            "not tested here",
        ),
    ]
