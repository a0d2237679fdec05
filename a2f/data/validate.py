"""Is a folder of recordings fit for training? Every frame is read once; what was found is told by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from a2f.data.assembly import frames_with_sound
from a2f.data.splits import KNOWN_SPLITS
from a2f.data.survey import GAP, KINDS, NOTE, PROBLEM, Finding, Recording, Survey
from a2f.errors import BadInput

PIECE = 256  # frames read at a time
FAR = 0.5  # of the head's size: a face farther from its template than this lies in another frame of reference
APART = 0.05  # share of a recording's length by which face and sound may differ before it is told
SHOWN = 12  # findings of a kind that are printed; the json holds all


@dataclass(frozen=True)
class DataReport:
    """What `validate` found.

    Parameters
    ----------
    survey : Survey
    findings : tuple of Finding
        Those of the survey and of the reading of all frames.
    lengths : dict
        Hours, frames, and how face and sound agree.
    """

    survey: Survey
    findings: tuple[Finding, ...]
    lengths: dict

    @property
    def ok(self) -> bool:
        """True when the data can be used."""
        return bool(self.survey.recordings) and all(finding.kind != PROBLEM for finding in self.findings)

    def to_json(self) -> dict:
        """Return everything as plain values."""
        topology = self.survey.topology
        found = {"dataset": self.survey.name, "layout": self.survey.layout, "usable": self.ok, "fps": self.survey.fps}
        if topology is not None:
            found |= {
                "vertices": topology.num_vertices,
                "triangles": len(topology.faces),
                "unit": topology.unit,
                "regions": {name: len(ids) for name, ids in sorted(topology.regions.items())},
                "region_source": topology.region_source,
            }
        sizes = {subject: 0 for subject in sorted(self.survey.templates)}
        for recording in self.survey.recordings:
            sizes[recording.subject] = sizes.get(recording.subject, 0) + 1
        findings = {kind: [f.what for f in self.findings if f.kind == kind] for kind in KINDS}
        return found | {"recordings": sizes, **self.lengths, "findings": findings}

    def __str__(self) -> str:
        value = self.to_json()
        lines = [f"{value['dataset']}: {value['layout']}"]
        if self.survey.topology is not None:
            lines.append(
                f"  {value['vertices']} vertices, {value['triangles']} triangles, unit {value['unit']}, "
                f"{value['fps']:g} frames a second"
            )
            sizes = ", ".join(f"{name} {size}" for name, size in value["regions"].items())
            lines.append(f"  regions: {sizes} ({value['region_source']})")
        counts = ", ".join(f"{subject} {count}" for subject, count in value["recordings"].items())
        lines.append(f"  {len(self.survey.recordings)} recordings: {counts or 'none'}")
        if self.lengths:
            lines.append(
                f"  {value['minutes']:.1f} minutes, {value['frames']} frames; sound is {value['sound_share']:.3f} "
                f"times as long as the faces (median; {value['sound_share_least']:.3f} to "
                f"{value['sound_share_most']:.3f})"
            )
        for kind, found in value["findings"].items():
            lines += [f"  {kind}: {what}" for what in found[:SHOWN]]
            if len(found) > SHOWN:
                lines.append(f"  {kind}: ... and {len(found) - SHOWN} more; --json FILE holds all")
        lines.append("usable" if self.ok else "not usable: see the problems above")
        return "\n".join(lines)


def validate(survey: Survey, progress: bool = True) -> DataReport:
    """Read all frames of a survey once and report.

    Parameters
    ----------
    survey : Survey
    progress : bool
        Show a bar on standard error.
    """
    from tqdm.auto import tqdm

    findings = [*survey.findings, *_templates(survey)]
    shares, frames = [], 0
    for recording in tqdm(survey.recordings, desc=survey.name, unit="recording", disable=not progress, leave=False):
        found = _faces(survey, recording)
        findings += found
        shares.append(recording.num_samples / recording.sample_rate * survey.fps / recording.num_frames)
        frames += frames_with_sound(recording, survey.fps)
    for recording, share in zip(survey.recordings, shares, strict=True):
        if abs(share - 1) > APART:
            findings.append(Finding(NOTE, f"{recording.name}: the sound is {share:.2f} times as long as the faces"))
    if survey.recordings and any(finding.kind == PROBLEM for finding in findings) is False:
        findings += _splits(survey)
    if not survey.recordings:
        findings.append(Finding(PROBLEM, "no whole recording was found"))
    lengths = {}
    if shares:
        lengths = {
            "frames": frames,
            "minutes": frames / survey.fps / 60,
            "sound_share": float(np.median(shares)),
            "sound_share_least": float(min(shares)),
            "sound_share_most": float(max(shares)),
        }
    return DataReport(survey, tuple(findings), lengths)


def _templates(survey: Survey) -> list[Finding]:
    """Look for templates that are not finite, and for triangles without an area."""
    found = []
    for subject, template in survey.templates.items():
        if not np.isfinite(template).all():
            found.append(Finding(PROBLEM, f"the template of {subject} holds coordinates that are not finite"))
            continue
        a, b, c = (template[survey.topology.faces[:, corner]].astype(np.float64) for corner in range(3))
        flat = int((np.linalg.norm(np.cross(b - a, c - a), axis=1) <= 1e-12 * np.ptp(template) ** 2).sum())
        if flat:
            found.append(Finding(NOTE, f"the template of {subject} has {flat} triangles without an area"))
    return found


def _faces(survey: Survey, recording: Recording) -> list[Finding]:
    """Read a recording piece by piece."""
    template = survey.templates[recording.subject]
    size = float(np.ptp(template, axis=0).max())
    wrong, far = 0, 0.0
    try:
        for start in range(0, recording.num_frames, PIECE):
            faces = recording.read_vertices(slice(start, min(start + PIECE, recording.num_frames)))
            finite = np.isfinite(faces).all(axis=(1, 2))
            wrong += int((~finite).sum())
            if finite.any():
                apart = np.abs(faces[finite] - template).mean(axis=(1, 2))
                far = max(far, float(apart.max()) / size)
    except BadInput as error:
        return [Finding(PROBLEM, f"{recording.name} cannot be read: {error}")]
    found = []
    if wrong:
        found.append(
            Finding(PROBLEM, f"{recording.name}: {wrong} of {recording.num_frames} frames hold coordinates that are "
                             "not finite; mend or remove the file")  # fmt: skip
        )
    if far > FAR:
        found.append(
            Finding(PROBLEM, f"{recording.name} lies up to {far:.2g} head sizes from its subject's template; bring "
                             "both into one unit and one frame of reference")  # fmt: skip
        )
    return found


def _splits(survey: Survey) -> list[Finding]:
    """Count what every published split finds, and name the sentences that it lacks of a subject that is there."""
    found = []
    for name, split in KNOWN_SPLITS.get(survey.name, {}).items():
        roles = [role for r in survey.recordings for role in split.roles(r.subject, r.sentence, r.style)]
        counts = ", ".join(f"{role} {roles.count(role)}" for role in ("train", "val", "test"))
        lacking = [role for role in ("train", "val", "test") if role not in roles]
        text = f"split {name!r} ({split.source}): {counts}"
        found.append(Finding(GAP if lacking else NOTE, text + (f"; none for {', '.join(lacking)}" if lacking else "")))
    return found
