"""VOCASET (Cudeiro et al., 2019): 12 subjects, 40 sentences each, 60 frames a second, in FLAME's mesh.

Three layouts are told by the files in a folder:

========  ==========================================================================================================
official  "Training Data" of voca.is.tue.mpg.de: ``data_verts.npy`` (all frames, (M, N, 3) float32),
          ``subj_seq_to_idx.pkl`` ({subject: {sentence: {frame: row of it}}}), ``raw_audio_fixed.pkl``
          ({subject: {sentence: {"audio": int16, "sample_rate"}}}, read whole and kept) and ``templates.pkl``
          ({subject: (N, 3)})
export    what FaceFormer makes of it and many use: ``vertices_npy/FaceTalk_170725_00137_TA_sentence01.npy`` of
          (T, 3 N), ``wav/FaceTalk_170725_00137_TA_sentence01.wav``, ``templates.pkl``
release   that of the paper's code: ``verts_data.pkl`` ({subject: {sentence: tensor (T, N, 3)}}, read whole and kept),
          ``audio/FaceTalk_170725_00137_TA/sentence01.wav``, ``templates/FaceTalk_170725_00137_TA.ply``
========  ==========================================================================================================

The first two hold no triangles: they come from ``FLAME_sample.ply`` of VOCA's repository (folder ``template``), in
the folder or its ``templates``. Files are in metres; a survey is in millimetres.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2f.data.region_files import regions_for
from a2f.data.splits import KNOWN_SPLITS
from a2f.data.survey import GAP, KNOWN, NOTE, PROBLEM, Finding, Recording, Survey
from a2f.data.vocaset_layouts import EXPORT, OFFICIAL, RELEASE, Layout
from a2f.errors import BadInput, MissingData
from a2f.mesh import Topology

FPS = 60.0  # VOCA's README; some recordings ran at 59 to 61 (its issue 5)
_SPLIT = KNOWN_SPLITS["vocaset"]["voca"]
SUBJECTS = tuple(f"FaceTalk_{name}_TA" for part in (_SPLIT.train, _SPLIT.val, _SPLIT.test) for name in part.subjects)
SENTENCES = tuple(f"sentence{number:02d}" for number in range(1, 41))
# In nobody's subj_seq_to_idx.pkl (issue 120 of VOCA's repository).
NEVER_THERE = (("FaceTalk_170811_03274_TA", "sentence24"), ("FaceTalk_170809_00138_TA", "sentence32"))
HEAD = (0.1, 0.6)  # m; how long the longest side of a head's box may be
APART = 0.02  # share of its length by which a recording's sound may differ from its faces before it is counted
# Files of regions by their usual names, and what they describe; the second two come with the paper's code.
MASKS = (("", "FLAME_masks.pkl"), ("lips", "mouth_weight_mask.npy"), ("upper_face", "upper_weight_mask.npy"))


def survey(root: Path, *, regions: Path | None = None) -> Survey:
    """Look into a folder that holds VOCASET.

    Parameters
    ----------
    root : Path
    regions : Path, optional
        Where lips and upper face are (`a2f.data.region_files`); ``FLAME_masks.pkl``, or the masks of the paper's
        code, in `root` otherwise.

    Returns
    -------
    Survey
        In millimetres, 60 frames a second.

    Raises
    ------
    MissingData
        If the folder, a layout in it, or `regions` is not there.
    """
    root = Path(root)
    layouts = [layout for layout in (OFFICIAL, EXPORT, RELEASE) if layout.there(root)]
    if not layouts:
        raise MissingData(_not_there(root))
    findings: list[Finding] = []
    for other in layouts[1:]:
        findings.append(Finding(NOTE, f"{root} also holds {other.text}; {layouts[0].text} is what is read"))
    found = layouts[0].read(root, findings)
    topology = None
    if found is not None:
        _check_size(found.templates, findings)
        topology = _topology(root, found.templates, found.faces, regions, findings)
    if found is None or topology is None:
        return Survey("vocaset", layouts[0].text, None, FPS, findings=tuple(findings))
    recordings = _recordings(found, findings)
    findings += _missing(set(found.recordings))
    findings += _apart(recordings)
    return Survey("vocaset", layouts[0].text, topology, FPS, found.templates, tuple(recordings), tuple(findings))


def _not_there(root: Path) -> str:
    if not root.is_dir():
        return f"{root} is not a folder; give the one that holds VOCASET"
    looked = "; ".join(
        f"{layout.text} needs "
        + " and ".join(f"{name} ({'there' if (root / name).exists() else 'not there'})" for name in layout.telling)
        for layout in (OFFICIAL, EXPORT, RELEASE)
    )
    return (
        f"{root} does not hold VOCASET in a layout known here: {looked}. The data are given out at voca.is.tue.mpg.de "
        "to who registers: Download, then Training Data"
    )


def _check_size(templates: dict[str, np.ndarray], findings: list[Finding]) -> None:
    """Refuse heads that are not in metres, by their size."""
    for subject, template in templates.items():
        longest = float(np.ptp(template, axis=0).max()) / 1000
        if not HEAD[0] <= longest <= HEAD[1]:
            findings.append(
                Finding(
                    PROBLEM,
                    f"the template of {subject} is {longest:.3g} long, expected {HEAD[0]} to {HEAD[1]}: "
                    "VOCASET's files are in metres",
                )
            )
            return


def _topology(
    root: Path, templates: dict[str, np.ndarray], faces: np.ndarray, regions: Path | None, findings: list[Finding]
) -> Topology | None:
    mean = np.mean(list(templates.values()), axis=0)
    defaults = [(role, root / name) for role, name in MASKS if (root / name).is_file()]
    # FLAME's masks are the published ones; the others are asked where those are not there
    defaults = defaults[:1] if defaults and defaults[0][0] == "" else defaults
    try:
        ids, source = regions_for(mean, faces, regions, defaults)
        return Topology("vocaset", len(mean), faces, ids, region_source=source)
    except BadInput as error:
        findings.append(Finding(PROBLEM, str(error)))
        return None


def _recordings(found: Layout, findings: list[Finding]) -> list[Recording]:
    """Open every recording; those that cannot be are left out and named, together where all of a subject's are."""
    recordings: list[Recording] = []
    for subject in dict.fromkeys(subject for subject, _ in found.recordings):
        sentences = [sentence for own, sentence in found.recordings if own == subject]
        if subject not in found.templates:
            findings.append(Finding(GAP, f"{subject} has no template; its {len(sentences)} recordings are left out"))
            continue
        whole, refused = [], []
        for sentence in sentences:
            try:
                frames, read, sound = found.recordings[subject, sentence]()
            except (BadInput, MissingData) as error:
                refused.append(f"{subject}_{sentence} is left out: {error}")
            else:
                whole.append(
                    Recording(subject, sentence, frames, read, sound.read, sound.sample_rate, sound.num_samples)
                )
        if len(refused) > 1 and not whole:
            refused = [f"all {len(refused)} recordings of {subject} are left out. The first, {refused[0]}"]
        findings += [Finding(GAP, what) for what in refused]
        recordings += whole
    return recordings


def _missing(found: set[tuple[str, str]]) -> list[Finding]:
    """Say by name which of the 480 recordings there is no trace of."""
    findings = []
    for subject in SUBJECTS:
        gone = [sentence for sentence in SENTENCES if (subject, sentence) not in found]
        if len(gone) == len(SENTENCES):
            findings.append(Finding(GAP, f"no recording of subject {subject}"))
            continue
        findings += [
            Finding(KNOWN, f"{subject}_{sentence} is not there, nor in other copies of VOCASET")
            if (subject, sentence) in NEVER_THERE
            else Finding(GAP, f"{subject}_{sentence} is not there")
            for sentence in gone
        ]
    return findings


def _apart(recordings: list[Recording]) -> list[Finding]:
    """Count the recordings whose sound is longer or shorter than their faces."""
    shares = {r.name: r.num_samples / r.sample_rate * FPS / r.num_frames for r in recordings}
    apart = {name: share for name, share in shares.items() if abs(share - 1) > APART}
    if not apart:
        return []
    most = max(apart, key=lambda name: abs(apart[name] - 1))
    return [
        Finding(
            NOTE,
            f"in {len(apart)} of {len(recordings)} recordings the sound differs from the faces by more than "
            f"{APART:.0%} of the length, most in {most} (it is {apart[most]:.3f} times as long): the cameras "
            "ran at 59 to 61 frames a second. What one has beyond the other is not used",
        )
    ]
