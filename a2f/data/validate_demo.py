"""Is the demo corpus plausible speech? Every quantity is measured on the shipped files, beside the literature.

The corpus is synthetic: a row that lies inside its range says that the generator does what mouths do, not that
a mouth was recorded.
"""

from __future__ import annotations

from a2f.data import demo_measures as dm
from a2f.data import demo_rows as shapes
from a2f.data import demo_rows_corpus as corpus
from a2f.data import demo_rows_rest as quiet
from a2f.data import demo_rows_timing as timing
from a2f.data.assets import asset
from a2f.data.clip import Dataset
from a2f.data.demo import open_demo
from a2f.data.demo_report import Report, Row, grouped
from a2f.errors import BadInput
from a2f.files import read_json

__all__ = ["ARTICULATION", "Report", "Row", "validate_demo"]

MEASURED_FPS = 60.0
_MOUTH = {
    "closures": shapes.contacts,
    "aperture by viseme": shapes.apertures,
    "lead of the mouth over the voice": timing.leads,
    "rounding": timing.rounding,
    "clusters of consonants": timing.clusters,
    "stress and rate": timing.stress_and_rate,
    "jaw and lips": shapes.jaw_and_lips,
    "speeds": shapes.speeds,
    "rest": quiet.rest,
    "pauses and the way back to rest": quiet.way_back,
    "breath": quiet.breaths,
}
ARTICULATION = tuple(_MOUTH)  # the groups of rows that say how the mouth moves, not what the corpus consists of


def validate_demo(dataset: Dataset | None = None) -> Report:
    """Measure the demo corpus.

    Parameters
    ----------
    dataset : Dataset, optional
        The corpus at 60 frames a second; opened if not given, which checks each file against the manifest.

    Raises
    ------
    BadInput
        If the frame rate is another one: contacts of 40 ms cannot be timed at 30.
    """
    dataset = open_demo(MEASURED_FPS) if dataset is None else dataset
    if dataset.fps != MEASURED_FPS:
        raise BadInput(
            f"the demo corpus is validated at {MEASURED_FPS:g} frames a second, not {dataset.fps:g}"
        )
    mouths = [dm.measure(clip, dataset.unit_names) for clip in dataset.clips]
    styles = {entry["id"]: entry["style"] for entry in read_json(asset("demo/speakers.json"))["speakers"]}
    rows = [*grouped("corpus", corpus.counts(dataset, styles))]
    for name, measure in _MOUTH.items():
        rows += grouped(name, measure(mouths))
    rows += grouped("mouth and sound", corpus.sound(mouths))
    rows += grouped("eyes and brows", corpus.eyes_and_brows(mouths))
    rows += grouped("modes and speakers", corpus.styles(dataset, styles))
    return Report(tuple(rows))
