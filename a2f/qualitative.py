"""What Fig. 4 compares by eye, as frames and numbers: lips at single sounds, and how much each region moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from a2f.data import Clip
from a2f.errors import BadInput
from a2f.evaluation import interval
from a2f.mesh import Topology
from a2f.metrics import vertex_distance
from a2f.observations import motion_std, mouth_opening

# Section 5.3 names /b/, /p/, /w/ and /v/; a mouth wide open is added.
SHOWN = (("b",), ("p",), ("w",), ("v",), ("aa", "ae", "ay", "aw"))
CLOSED, POUTED = ("p", "b", "m"), ("w",)
REACH = 0.2  # seconds around a closure in which the lips open
REGIONS = ("lips", "upper_face", "face")


@dataclass(frozen=True, eq=False)
class Moments:
    """Frames of a clip to look at.

    Parameters
    ----------
    frames : ndarray, (M,) int
    labels : tuple of M str
        What to write over them, the sound or the time.
    how : str
        How they were chosen.
    """

    frames: np.ndarray
    labels: tuple[str, ...]
    how: str


def choose_clip(clips: Sequence[Clip]) -> Clip:
    """Return the clip with the most of the sounds that are shown; of equals the first, so without phones the first."""
    if not clips:
        raise BadInput("there is no clip to choose from")
    return max(clips, key=lambda clip: len(_spoken(clip)))


def choose_moments(clip: Clip, count: int = 5) -> Moments:
    """Return the middle of /b/, /p/, /w/, /v/ and an open vowel, each where the clip first has it.

    Parameters
    ----------
    clip : Clip
        Without phones, or with none of these, frames are taken where the lips are furthest from the neutral face, or
        evenly where they leave it too seldom.
    count : int
        How many frames, where they are not those of sounds; at most so many of the sounds.
    """
    if count < 1:
        raise BadInput(f"count is {count}, expected at least 1")
    spoken = _spoken(clip)[:count]
    if spoken:
        middle = [(phone.start + phone.end) / 2 for phone in spoken]
        frames = np.clip(np.rint(np.array(middle) * clip.fps).astype(int), 0, clip.num_frames - 1)
        return Moments(frames, tuple(f"/{phone.symbol}/" for phone in spoken), "the middle of each sound")
    from scipy.signal import find_peaks

    lips = clip.topology.region("lips")
    away = np.linalg.norm(clip.vertices[:, lips] - clip.template[lips], axis=-1).mean(axis=-1)
    peaks, _ = find_peaks(away, distance=max(1, round(REACH * clip.fps)))
    if len(peaks) >= count:
        frames = np.sort(peaks[np.argsort(-away[peaks], kind="stable")[:count]])
        how = "where the lips are furthest from the neutral face, since this clip has no phones"
    else:
        frames = np.unique(np.linspace(0, clip.num_frames - 1, count).round().astype(int))
        how = "evenly spaced, since this clip has no phones and its lips leave rest too seldom"
    return Moments(frames, tuple(f"{frame / clip.fps:.2f} s" for frame in frames), how)


def _spoken(clip: Clip) -> list:
    """Return the first phone of each kind in `SHOWN` that the clip has."""
    first = [[phone for phone in clip.phones if phone.symbol in kind][:1] for kind in SHOWN]
    return sum(first, [])


def lip_errors(prediction: np.ndarray, clip: Clip, frames: np.ndarray) -> np.ndarray:
    """Return the mean distance of the lips' vertices to the truth, (M,) at M frames, in the topology's unit."""
    if len(prediction) != clip.num_frames:
        raise BadInput(f"clip {clip.name}: {len(prediction)} faces were predicted for {clip.num_frames} frames")
    lips = clip.topology.region("lips")
    truth = clip.vertices_at(np.asarray(frames))
    return vertex_distance(np.asarray(prediction)[frames][:, lips], truth[:, lips]).mean(axis=1)


def region_std(std: np.ndarray, topology: Topology) -> dict[str, float]:
    """Return the mean over lips, upper face and face of a map that `motion_std` made, (N,)."""
    return {name: float(np.mean(np.asarray(std)[topology.region(name)])) for name in REGIONS}


def region_pose(vertices: np.ndarray, template: np.ndarray, topology: Topology) -> dict[str, float]:
    """Return how far lips, upper face and face stand from the neutral face on the mean over time: an expression.

    Parameters
    ----------
    vertices : ndarray, (T, N, 3)
    template : ndarray, (N, 3)
    """
    away = np.linalg.norm(np.asarray(vertices).mean(axis=0, dtype=np.float64) - template, axis=-1)
    return {name: float(away[topology.region(name)].mean()) for name in REGIONS}


def lips_forward(vertices: np.ndarray, template: np.ndarray, topology: Topology) -> np.ndarray:
    """Return how far the lips stand before their place in the neutral face, (T,), mean over the region ``lips``.

    Forward is z, as in every data set here; a pout is positive.
    """
    lips = topology.region("lips")
    return np.asarray(vertices)[:, lips, 2].mean(axis=1, dtype=np.float64) - float(template[lips, 2].mean())


def at_sounds(vertices: np.ndarray, clip: Clip) -> dict[str, list[float]]:
    """Measure the lips at each of a clip's /p b m/ and /w/, as section 5.3 speaks of them.

    Parameters
    ----------
    vertices : ndarray, (T, N, 3)
        Faces at the clip's frames.
    clip : Clip

    Returns
    -------
    dict of str to list of float
        In the topology's unit: ``gap``, the smallest opening during each of p, b and m; ``stroke``, from there to the
        largest opening within 0.2 s; ``forward``, how far the lips come forward at w at most. Empty without phones;
        without landmarks of the lips' rims only ``forward``.
    """
    times = np.arange(len(vertices)) / clip.fps

    def within(values: np.ndarray, symbols: tuple[str, ...], reach: float = 0.0) -> list[np.ndarray]:
        """Values during each such sound, with half a frame of grace since a short one may fall between two frames."""
        grace = reach + 0.5 / clip.fps
        spans = [(p.start - grace, p.end + grace) for p in clip.phones if p.symbol in symbols]
        parts = [values[(times >= start) & (times <= end)] for start, end in spans]
        return [part for part in parts if len(part)]

    found: dict[str, list[float]] = {}
    if {"upper_lip_inner", "lower_lip_inner"} <= set(clip.topology.landmarks) and clip.phones:
        opening = mouth_opening(vertices, clip.topology)
        gaps, around = within(opening, CLOSED), within(opening, CLOSED, REACH)
        found["gap"] = [float(gap.min()) for gap in gaps]
        found["stroke"] = [float(wide.max() - gap.min()) for gap, wide in zip(gaps, around, strict=True)]
    if clip.phones:
        forward = lips_forward(vertices, clip.template, clip.topology)
        found["forward"] = [float(part.max()) for part in within(forward, POUTED)]
    return found


def observe(predict: Callable[[Clip], np.ndarray], clips: Iterable[Clip]) -> list[dict[str, float]]:
    """Measure on every clip what Fig. 4 lets one see.

    Parameters
    ----------
    predict : callable
        Gives the faces of a clip, (T, N, 3).
    clips : iterable of Clip

    Returns
    -------
    list of dict
        A row a clip: the standard deviation over time of ``lips``, ``upper_face`` and ``face``, mean over vertices,
        and, where the clip has such sounds, the means over them of ``gap``, ``stroke`` and ``forward`` (`at_sounds`).
    """
    rows = []
    for clip in clips:
        faces = predict(clip)
        sounds = {name: float(np.mean(values)) for name, values in at_sounds(faces, clip).items() if values}
        rows.append(region_std(motion_std(faces), clip.topology) | sounds)
    if not rows:
        raise BadInput("there is no clip to observe")
    return rows


def observed_means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each measure over the clips that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


@dataclass(frozen=True)
class Seen:
    """What section 5.3 says of Fig. 4, and whether the numbers say it too.

    `pairs` holds, for each two methods compared, the first's mean minus the second's over clips with the half-width of
    its 95 % interval. Clips of one speaker resemble each other and another seed gives other networks, so an interval
    over clips is too narrow for a verdict on a method.
    """

    claim: str
    measure: str
    pairs: dict[str, tuple[float, float]]
    verdict: str


def section_5_3(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Seen]:
    """Compare methods on the same clips, claim by claim; claims about sounds are left out where none was measured.

    Parameters
    ----------
    rows : dict of str to list of dict
        What `observe` returned for ``"Ours"``, ``"VOCA"``, ``"MeshTalk"`` and ``"FaceFormer"``.
    """
    others = [("Ours", "VOCA"), ("Ours", "MeshTalk"), ("Ours", "FaceFormer")]
    smooth = [(one, other) for one in ("Ours", "FaceFormer") for other in ("VOCA", "MeshTalk")]
    claims = (
        ("ours opens and closes the mouth more at p, b and m", "stroke", +1, others),
        ("ours closes the lips further at p, b and m", "gap", -1, others),
        ("ours pouts more at w", "forward", +1, others),
        ("ours and FaceFormer move the lips more than VOCA and MeshTalk", "lips", +1, smooth),
        ("ours and FaceFormer move the face more than VOCA and MeshTalk", "face", +1, smooth),
    )
    found = []
    for claim, measure, sign, compared in claims:
        pairs = {}
        for one, other in compared:
            both = zip(rows[one], rows[other], strict=True)
            gaps = [a[measure] - b[measure] for a, b in both if measure in a and measure in b]
            if gaps:
                pairs[f"{one} - {other}"] = interval(gaps)
        if pairs:
            # a single clip has no interval and decides nothing
            signs = [np.sign(sign * mean) if abs(mean) > half_width > 0 else 0.0 for mean, half_width in pairs.values()]
            if min(signs) < 0:  # a claim of "more than the others" falls with one of them
                verdict = "does not hold"
            else:
                verdict = "holds" if min(signs) > 0 else "holds in part" if max(signs) > 0 else "undecided"
            found.append(Seen(claim, measure, pairs, verdict))
    return found
