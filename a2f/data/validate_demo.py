"""Is the demo corpus plausible speech? Every quantity is measured on the shipped files, beside the literature.

The corpus is synthetic: a row that lies inside its range says that the generator does what mouths do, not that
a mouth was recorded.
"""

from __future__ import annotations

from a2f.data import demo_measures as dm
from a2f.data import demo_rows as mouth_rows
from a2f.data import demo_rows_corpus as corpus_rows
from a2f.data.assets import asset
from a2f.data.clip import Dataset
from a2f.data.demo import open_demo
from a2f.data.demo_report import Report, Row
from a2f.errors import BadInput
from a2f.files import read_json

__all__ = ["Report", "Row", "validate_demo"]

MEASURED_FPS = 60.0


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
    return Report(
        (
            *corpus_rows.counts(dataset, styles),
            *mouth_rows.contacts(mouths),
            *mouth_rows.areas(mouths),
            *mouth_rows.jaw(mouths),
            *mouth_rows.timing(mouths),
            *mouth_rows.speeds(mouths),
            *mouth_rows.rest(mouths),
            *corpus_rows.sound(mouths),
            *corpus_rows.eyes_and_brows(mouths),
            *corpus_rows.styles(dataset, styles),
        )
    )
