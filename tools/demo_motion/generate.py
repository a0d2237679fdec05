"""One clip: timed phones, a speaker and a mode in, face-unit curves out."""

from __future__ import annotations

import zlib

import numpy as np

from demo_motion import expression, eyes
from demo_motion.closures import ContactSolver, activation
from demo_motion.dominance import UNIT_GROUP, curves
from demo_motion.gestures import LONG_PAUSE, homeward, smoothstep, speaking, time_line
from demo_motion.mouth import FaceAsset, MouthGeometry
from demo_motion.visemes import solve_targets

FINE_RATE, STORED_RATE = 240, 60
SCALE = 1.0 / 2048.0  # one integer step of a stored unit value
LIP_SPEED, JAW_SPEED = 280.0, 165.0  # mm/s, ceilings of a clip's peaks (D10), a little inside 300 and 180
BREATH_PAUSE = 0.35  # s of silence before anyone breathes
LONGEST_BREATH, BREATH_EDGE = 0.42, 0.13  # s: the whole of it, and opening or closing for it
CORNERS = ("mouthSmile", "mouthDimple", "mouthFrown", "mouthStretch")
SIDE = 0.36          # largest left-right imbalance of a lop-sided speaker
MOUTH_SIDE = 0.12    # of mouthLeft/mouthRight at full effort
JAW_SIDE = 0.10      # of jawLeft/jawRight at full opening (D9)


class Speaker:
    """Everything of one speaker that does not change from clip to clip.

    Parameters
    ----------
    face : FaceAsset
    entry : dict
        One entry of speakers.json.
    targets : dict of str to ndarray
        `visemes.solve_targets` of the mean head.
    """

    def __init__(self, face: FaceAsset, entry: dict, targets: dict[str, np.ndarray]):
        self.name, self.style, self.targets = entry["id"], entry["style"], targets
        self.mouth = MouthGeometry(face, entry["identity"])
        self.solver = ContactSolver(self.mouth)
        self.names = face.unit_names

    def posture(self, mode: expression.Mode) -> np.ndarray:
        """(52,) resting face in a mode: expression plus habit, lips closed (D18)."""
        style = self.style
        face = {name: value * style["expressiveness"] for name, value in mode.face.items()}
        corner, brow = style["rest_corner"], style["rest_brow"]
        own = {"mouthSmile": max(corner, 0.0), "mouthFrown": max(-corner, 0.0), "browDown": max(-brow, 0.0),
               "browOuterUp": max(brow, 0.0), "browInnerUp": 0.7 * max(brow, 0.0), "eyeBlink":
               style["rest_lids"]}
        values = expression.spread_names(face, self.names) + expression.spread_names(own, self.names)
        return self.solver.rest(np.clip(self.lopsided(values[None], 0.6)[0], 0.0, 1.0))

    def lopsided(self, values: np.ndarray, share: float = 1.0) -> np.ndarray:
        """Weigh the two halves of mouth, cheeks and brows by the speaker's side."""
        lean = SIDE * self.style["side"] * share
        factor = np.ones(len(self.names))
        for i, name in enumerate(self.names):
            if name.startswith(("mouthLowerDown", "mouthUpperUp", "mouthSmile", "mouthDimple", "cheekSquint",
                                "noseSneer", "mouthStretch", "browOuterUp", "browDown", "mouthFrown")):
                factor[i] = 1.0 + lean if name.endswith("Left") else 1.0 - lean
        return values * factor


def unit_curves(speaker: Speaker, clip: dict, seed: int, sample_rate: int, shrink: np.ndarray | None = None, *,
                blinks: bool = True, gaze: bool = True, accents: bool = True,
                variation: bool = True) -> np.ndarray:
    """(T, 52) float64 unit values of one track at `STORED_RATE`.

    The track may hold one sentence, several with pauses between them, or none: a face that says nothing is
    at rest.

    Parameters
    ----------
    clip : dict
        ``id``, ``mode``, ``samples`` and ``phones`` as in speech.json's ``clips``.
    shrink : ndarray, (phrases,), optional
        Factor on the speech movement of each phrase, see `calm_curves`.
    blinks, gaze, accents : bool
        Whether the lids close, the eyes wander, the brows mark accents. What is left out cannot be heard: a
        model that has only the sound does without.
    variation : bool
        Whether each phrase varies at random in when it begins and how it is breathed for; if not, it follows
        the speaker's mean, and whoever breathes before most phrases breathes before all.
    """
    style, mode, names = speaker.style, expression.TABLE[clip["mode"]], speaker.names
    rng = np.random.default_rng([seed, zlib.crc32(clip["id"].encode())])
    duration = clip["samples"] / sample_rate
    line = time_line(clip["phones"], duration)
    frames = int(np.floor(duration * STORED_RATE)) + 1
    times = np.arange((frames - 1) * (FINE_RATE // STORED_RATE) + 1) / FINE_RATE

    speech = curves(line, times, speaker.targets, names, smoothness=style["smoothness"] * mode.smoothness,
                    anticipation=style["anticipation"])
    speech *= _factors(names, style, mode)
    if shrink is not None and len(line.phrases):
        # from the end of one phrase to the start of the next
        speech *= np.interp(times, np.ravel(line.phrases), np.repeat(shrink, 2))[:, None]
    jitter = 0.02 * rng.standard_normal(len(line.phrases)) * variation
    leads = np.clip(style["onset_lead"] + jitter, 0.11, 0.25)
    level = speaking(line, times, leads)
    breaths = _breaths(line, leads, style["inhale"], rng, variation)
    speech = _inhale(speech * level[:, None], breaths, times, names)
    work = expression.effort(line, times, line.pace) * level
    speech = speaker.lopsided(speech + work[:, None] * _habits(names, style, mode))
    _drift(speech, work, names, style)

    biting = activation(line.contacts, "incisors", times)
    posture = speaker.posture(mode)[None].repeat(len(times), axis=0)
    rounding = speech[:, names.index("mouthPucker")] + speech[:, names.index("mouthFunnel")]
    rounded = np.clip(rounding, 0.0, 1.0)
    corners = [i for i, name in enumerate(names) if name.startswith(CORNERS)]
    # a smile gives way to rounding, and to a lower lip that has to reach the incisors
    posture[:, corners] *= (1.0 - 0.55 * rounded[:, None]) * (1.0 - 0.60 * biting[:, None])
    values = posture + speech
    # what is left out leaves the rest as it is: each has its own draws
    for_brows, for_lids, for_gaze = rng.spawn(3)
    if accents:
        chance = min(0.9, mode.accents * style["accent"])
        brows = expression.accents(line, times, chance, style["accent"], for_brows)
        values += brows[:, None] * expression.spread_names(mode.accent, names)
    if blinks:
        _blink(values, names, eyes.blinks(line, times, style["blink_rate"], for_lids))
    if gaze:
        _look(values, names, *eyes.gaze(line, times, for_gaze))

    values = np.clip(values[:: FINE_RATE // STORED_RATE], 0.0, 1.0)
    stored = times[:: FINE_RATE // STORED_RATE]
    close, jaw = names.index("mouthClose"), names.index("jawOpen")
    # a corrective of jawOpen; a sound that holds the jaw high (D14) leaves less of it to take back
    values[:, close] = np.minimum(values[:, close], values[:, jaw])
    values = speaker.solver.touch_incisors(values, biting[:: FINE_RATE // STORED_RATE])
    return speaker.solver.close_lips(values, activation(line.contacts, "lips", stored))


def calm_curves(speaker: Speaker, clip: dict, seed: int, sample_rate: int, **options) -> np.ndarray:
    """`unit_curves` with every phrase moved no faster than people move (D10).

    A phrase that would be faster is made smaller, by itself: what is said elsewhere in a track changes nothing.
    """
    phrases = time_line(clip["phones"], clip["samples"] / sample_rate).phrases
    between = [0.5 * (a[1] + b[0]) for a, b in zip(phrases[:-1], phrases[1:], strict=True)]
    shrink = np.ones(len(phrases))
    for _ in range(5):
        values = unit_curves(speaker, clip, seed, sample_rate, shrink, **options)
        lip = np.linalg.norm(np.diff(values @ speaker.mouth.lip_units, axis=0), axis=1) * STORED_RATE
        jaw = np.abs(np.diff(values @ speaker.mouth.jaw_units)) * STORED_RATE
        excess = np.maximum(lip / LIP_SPEED, jaw / JAW_SPEED)
        parts = np.split(excess, np.rint(np.array(between) * STORED_RATE).astype(int))
        worst = np.array([part.max(initial=0.0) for part in parts[: len(phrases)]])
        if not np.any(worst > 1.0):
            break
        shrink[worst > 1.0] *= 0.97 / worst[worst > 1.0]
    return values


def clip_coefficients(speaker: Speaker, clip: dict, seed: int, sample_rate: int) -> np.ndarray:
    """(T, 52) int16: the curves of one clip in steps of `SCALE`."""
    return np.rint(calm_curves(speaker, clip, seed, sample_rate) / SCALE).astype(np.int16)


def _factors(names, style, mode) -> np.ndarray:
    """(52,) factor on each unit's speech movement."""
    own = {"jawOpen": style["jaw"] * mode.jaw, "mouthLowerDown": style["lower_lip"],
           "mouthUpperUp": style["upper_lip"] * mode.upper_lip, "mouthPucker": style["rounding"] *
           mode.rounding,
           "mouthFunnel": style["rounding"] * mode.rounding, "mouthStretch": style["spread"] * mode.spread}
    overall = style["gain"] * mode.gain
    out = np.ones(len(names))
    for i, name in enumerate(names):
        stem = name.removesuffix("Left").removesuffix("Right")
        # rounding is a target to be met, not a size: overall gain does not scale it
        out[i] = own.get(stem, 1.0) * (1.0 if UNIT_GROUP.get(name) == "round" else overall)
    return out


def _habits(names, style, mode) -> np.ndarray:
    """(52,) unit values a speaker adds at full vocal effort."""
    size = mode.gain
    habit = {"cheekSquint": style["habit_cheek"], "noseSneer": style["habit_nose"],
             "browInnerUp": style["habit_brow"], "browOuterUp": style["habit_brow"], "browDown":
             style["habit_knit"],
             "mouthDimple": style["habit_corner"], "mouthSmile": 0.35 * style["habit_corner"],
             "mouthShrugLower": style["habit_chin"], "eyeSquint": 0.4 * style["habit_cheek"]}
    return size * expression.spread_names(habit, names)


def _breaths(line, leads, chance, rng, variation) -> list[tuple[float, float, float]]:
    """(start, end, depth) of open-mouthed breaths before phrases (D19).

    A breath wants a silence of `BREATH_PAUSE` and is over 50-90 ms before the sound; a track's first silence
    is the visible end of a longer one. In a long pause the mouth comes to rest before it.
    """
    out, quiet_since = [], 0.0
    ways = homeward(line, leads)
    for position, (start, end) in enumerate(line.phrases):
        draw, depth, until = rng.random(), rng.uniform(0.8, 1.2), rng.uniform(0.05, 0.09)
        if not variation:
            draw, depth, until = 0.5, 1.0, 0.07
        silence = start - (line.phrases[position - 1][1] if position else 0.0)
        room = start - quiet_since - until
        if silence >= BREATH_PAUSE and room >= 0.25 and draw < chance:
            out.append((max(quiet_since, start - until - LONGEST_BREATH), start - until, depth))
        following = line.phrases[position + 1][0] if position + 1 < len(line.phrases) else line.duration
        quiet_since = end + (min(ways[position], 0.38) if following - end >= LONG_PAUSE else 0.0)
    return out


def _inhale(speech, breaths, times, names):
    """Open the mouth a little for each breath."""
    out = speech.copy()
    for start, end, depth in breaths:
        shape = smoothstep((times - start) / BREATH_EDGE) * smoothstep((end - times) / BREATH_EDGE)
        out[:, names.index("jawOpen")] += 0.075 * depth * shape
        for side in ("Left", "Right"):
            out[:, names.index("mouthLowerDown" + side)] += 0.08 * depth * shape
    return out


def _drift(speech, work, names, style):
    """Sideways movement: the jaw's with its opening, the mouth's to the speaker's own side with effort."""
    jaw = JAW_SIDE * style["jaw_side"] * speech[:, names.index("jawOpen")]
    mouth = MOUTH_SIDE * style["side"] * work
    for stem, amount in (("jaw", jaw), ("mouth", mouth)):
        speech[:, names.index(stem + "Left")] += np.maximum(amount, 0.0)
        speech[:, names.index(stem + "Right")] += np.maximum(-amount, 0.0)


def _blink(values, names, lids):
    for side in ("Left", "Right"):
        lid = names.index("eyeBlink" + side)
        values[:, lid] = 1.0 - (1.0 - np.clip(values[:, lid], 0.0, 1.0)) * (1.0 - 0.96 * lids)


def _look(values, names, sideways, vertical):
    for side in ("Left", "Right"):
        values[:, names.index("eyeLookUp" + side)] += np.maximum(vertical, 0.0)
        values[:, names.index("eyeLookDown" + side)] += np.maximum(-vertical, 0.0)
        # looking to the subject's left turns the left eye out and the right eye in
        outward = sideways if side == "Left" else -sideways
        values[:, names.index("eyeLookOut" + side)] += np.maximum(outward, 0.0)
        values[:, names.index("eyeLookIn" + side)] += np.maximum(-outward, 0.0)


def build_clips(face: FaceAsset, speakers: list[dict], speech: dict, seed: int, only: str | None = None):
    """Yield ``(clip id, (T, 52) int16)`` in the order of speech.json, of one speaker only if asked."""
    targets = solve_targets(MouthGeometry(face))
    by_id = {entry["id"]: Speaker(face, entry, targets) for entry in speakers if only in (None, entry["id"])}
    for clip in speech["clips"]:
        if clip["speaker"] in by_id:
            yield clip["id"], clip_coefficients(by_id[clip["speaker"]], clip, seed, speech["sample_rate"])
