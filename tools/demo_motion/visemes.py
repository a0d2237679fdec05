"""What each sound wants from the mouth: targets in millimetres, and how firmly each articulator insists.

Targets are stated as what can be measured on a face (drop of the lower incisor, height between the lips,
see D7, D8, D17 in `sources.py`) plus unit values for shape (pucker, funnel, stretch). `solve_targets` turns
them into units on the mean head, so a rebuilt face basis needs no retuning.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Articulator groups: within one group all units share one dominance (Cohen & Massaro 1993), between groups
# they differ, because /s/ insists on its jaw but not on its lips (D14) and /w/ on its lips but not on its
# jaw.
GROUPS = ("jaw", "height", "round", "spread")


@dataclass(frozen=True)
class Viseme:
    """Target and firmness of one class of speech sounds.

    Parameters
    ----------
    kind : str
        ``vowel``, ``consonant``, ``bilabial`` or ``labiodental``: chooses the lead over the sound (D2).
    jaw, height : float
        Drop of the lower incisor edge and height between the inner lips, mm, for a firm, isolated sound.
    pucker, funnel, stretch, roll : float
        Unit values of the lip shape; `roll` tucks the lower lip in.
    firm : dict of str to float
        Peak dominance per articulator group; 1 where not named.
    rounded : bool
        Whether the lips anticipate this sound (D13).
    """

    kind: str
    jaw: float
    height: float
    pucker: float = 0.0
    funnel: float = 0.0
    stretch: float = 0.0
    roll: float = 0.0
    firm: dict[str, float] = field(default_factory=dict)
    rounded: bool = False

    def firmness(self, group: str) -> float:
        """Peak dominance in `group`."""
        return self.firm.get(group, 1.0)


def _vowel(jaw, height, firm_jaw=1.6, **shape):
    firm = {"jaw": firm_jaw, "height": 1.4, "round": 1.2, "spread": 1.2, **shape.pop("firm", {})}
    return Viseme("vowel", jaw, height, firm=firm, **shape)


def _consonant(jaw, height, jaw_firm=0.8, **shape):
    firm = {"jaw": jaw_firm, "height": 0.9, "round": 0.5, "spread": 0.5, **shape.pop("firm", {})}
    return Viseme("consonant", jaw, height, firm=firm, **shape)


VISEMES: dict[str, Viseme] = {
    # Bilabials and labiodentals: the lips' contact itself is solved in `closures.py`; here only the jaw's
    # share (D12).
    "pp": Viseme("bilabial", 0.9, 3.4, firm={"jaw": 4.4, "height": 0.9, "round": 0.5, "spread": 0.6}),
    "ff": Viseme("labiodental", 1.6, 2.4, roll=0.22, firm={"jaw": 2.0, "height": 2.2, "round": 0.8,
    "spread": 0.8}),
    "th": _consonant(2.4, 3.8),
    "dd": _consonant(2.2, 3.4),
    "ll": _consonant(3.0, 4.6, jaw_firm=0.6),
    "kk": _consonant(2.8, 4.4, jaw_firm=0.5),
    # The jaw is held high through a sibilant whatever vowel follows; the lips are free to anticipate (D14).
    "ss": _consonant(1.3, 3.6, jaw_firm=5.5, stretch=0.08, firm={"round": 0.9, "spread": 0.9}),
    "sh": _consonant(1.6, 5.8, jaw_firm=4.5, pucker=0.42, funnel=0.38,
                     firm={"height": 1.6, "round": 2.6, "spread": 1.2}, rounded=True),
    "rr": _consonant(2.4, 4.6, pucker=0.26, funnel=0.16, firm={"round": 1.3}, rounded=True),
    # /h/ and the glottal stop have no shape of their own.
    "hh": _consonant(3.6, 5.6, jaw_firm=0.15, firm={"height": 0.15, "round": 0.05, "spread": 0.05}),
    "ww": Viseme("consonant", 1.4, 1.3, pucker=0.88, funnel=0.10, rounded=True,
                 firm={"jaw": 3.0, "height": 16.0, "round": 6.0, "spread": 3.0}),
    "yy": _consonant(1.9, 3.8, stretch=0.26, firm={"round": 1.4, "spread": 1.4}),
    # Vowels: incisor drop ordered a > e > o > i > u (D7) within 1-12 mm (D8); heights as in D17.
    "aa": _vowel(10.2, 13.4, firm_jaw=2.6, pucker=0.08, firm={"height": 1.9}),
    "ae": _vowel(9.5, 13.0, firm_jaw=2.6, stretch=0.16, firm={"height": 1.9}),
    "ah": _vowel(7.0, 10.0),
    "eh": _vowel(6.4, 9.6, stretch=0.14),
    "ax": _vowel(4.2, 5.8, firm_jaw=0.7, firm={"height": 0.7, "round": 0.3, "spread": 0.3}),
    "er": _vowel(4.2, 5.8, firm_jaw=1.2, pucker=0.22, funnel=0.14, rounded=True),
    "ih": _vowel(3.6, 6.2, stretch=0.14),
    "iy": _vowel(2.3, 6.1, stretch=0.12, firm={"round": 2.0, "spread": 1.8}),
    "ao": _vowel(7.2, 8.8, pucker=0.30, funnel=0.30, firm={"round": 2.0}, rounded=True),
    "ow": _vowel(5.6, 9.8, pucker=0.48, funnel=0.34, firm={"round": 2.4}, rounded=True),
    "uh": _vowel(3.2, 4.8, pucker=0.44, funnel=0.16, firm={"round": 2.2}, rounded=True),
    "uw": _vowel(1.6, 3.7, pucker=0.92, funnel=0.35, firm={"height": 2.6, "round": 4.0, "spread": 2.0},
                 rounded=True),
}

# The phone symbols of speech.json; a diphthong is two visemes.
PHONES: dict[str, tuple[str, ...]] = {
    "p": ("pp",), "b": ("pp",), "m": ("pp",), "f": ("ff",), "v": ("ff",),
    "t": ("dd",), "d": ("dd",), "n": ("dd",), "th": ("th",), "dh": ("th",), "l": ("ll",), "s": ("ss",), "z":
    ("ss",),
    "sh": ("sh",), "zh": ("sh",), "ch": ("sh",), "jh": ("sh",), "k": ("kk",), "g": ("kk",), "ng": ("kk",),
    "r": ("rr",), "h": ("hh",), "w": ("ww",), "y": ("yy",),
    "aa": ("aa",), "ae": ("ae",), "ah": ("ah",), "ao": ("ao",), "eh": ("eh",), "er": ("er",), "ih": ("ih",),
    "iy": ("iy",), "uh": ("uh",), "uw": ("uw",),
    "ay": ("aa", "ih"), "aw": ("aa", "uh"), "oy": ("ao", "ih"), "ey": ("eh", "iy"), "ow": ("ow", "uh"),
}
PAUSE = "_"
CLOSURE_PHONES = ("p", "b", "m")
LABIODENTAL_PHONES = ("f", "v")


def visemes_of(symbol: str, stress: int) -> tuple[str, ...]:
    """The viseme names of one phone.

    Raises
    ------
    ValueError
        If the symbol is not in the table: a new sound needs its shape named, not guessed.
    """
    if symbol == "ah" and stress == 0:
        return ("ax",)  # an unstressed "ah" is the reduced vowel
    if symbol not in PHONES:
        raise ValueError(f"phone {symbol!r} has no viseme; add it to PHONES in tools/demo_motion/visemes.py")
    return PHONES[symbol]


SHAPE_UNITS = {"pucker": ("mouthPucker",), "funnel": ("mouthFunnel",),
               "stretch": ("mouthStretchLeft", "mouthStretchRight"),
               "roll": ("mouthRollLower",)}


def solve_targets(mouth) -> dict[str, np.ndarray]:
    """Unit values of every viseme on the mean head.

    The lips' height left over by jaw and shape goes to the lower lip and, for a fifth, to the upper lip
    (D12: the jaw carries only about half of the lower lip's travel); where the jaw alone opens too far,
    `mouthClose` takes it back.

    Parameters
    ----------
    mouth : MouthGeometry
        Linear measurements of the mean head.

    Returns
    -------
    dict of str to ndarray, (52,) float64
    """
    targets = {}
    for name, viseme in VISEMES.items():
        values = np.zeros(len(mouth.unit_names))
        for shape, units in SHAPE_UNITS.items():
            values[mouth.ids(*units)] = getattr(viseme, shape)
        values[mouth.id("jawOpen")] = viseme.jaw / mouth.jaw_drop_per_unit
        missing = viseme.height - mouth.centre_gap(values)
        if missing > 0:
            lower = mouth.ids("mouthLowerDownLeft", "mouthLowerDownRight")
            upper = mouth.ids("mouthUpperUpLeft", "mouthUpperUpRight")
            values[lower] = 0.8 * missing / mouth.centre_gain(lower)
            values[upper] = 0.2 * missing / mouth.centre_gain(upper)
        else:
            close = mouth.ids("mouthClose")
            values[close] = min(missing / mouth.centre_gain(close), values[mouth.id("jawOpen")])
        targets[name] = values
    return targets
