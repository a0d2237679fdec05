"""Phones become gestures in time: who leads the sound, where lips must touch, when the mouth is at rest."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from demo_motion.visemes import CLOSURE_PHONES, LABIODENTAL_PHONES, PAUSE, VISEMES, visemes_of

# Lead of the movement over its sound, s (D2: small inside speech; lips' contacts are locked to the
# acoustics).
LEAD = {"bilabial": 0.012, "labiodental": 0.012, "consonant": 0.030, "vowel": 0.045}
ROUNDING_LEAD = 0.080
SHORT_PAUSE = 0.30
LONG_PAUSE = 0.60  # s, from which the face comes to rest between two phrases
# The way back to rest (D20): half is left after 120 ms, a tenth after some 300 ms, nothing after `HOMEWARD`.
DECAY, HOMEWARD = 0.083, 0.55  # s
# A stop's closure ends at its burst; what follows inside the phone is aspiration with the lips already apart.
LONGEST_CLOSURE = {"p": 0.050, "b": 0.064, "m": 0.120}
SHORTEST_HOLD = 0.056
STRESS = {0: 0.82, 1: 1.18, 2: 1.04}  # size of a vowel's opening (D8: height and stress shape it)
# Time constants that shrink with the pace keep fast speech exact, but its vowels are smaller, too (D11): their
# size goes with this power of the pace. Consonants are spared: closures persist.
SHRINKING = 0.22


@dataclass(frozen=True)
class Gesture:
    """One viseme in time: `scale` from its vowel's stress, `run_up` consonants since the last vowel.

    `pace` is the time-scale of its phrase, see `TimeLine`.
    """

    viseme: str
    start: float
    end: float
    scale: float = 1.0
    run_up: int = 0
    pace: float = 1.0


@dataclass(frozen=True)
class Contact:
    """An interval in which lips (or lower lip and incisors) touch: `where` is ``lips`` or ``incisors``."""

    where: str
    start: float
    end: float
    pace: float = 1.0


@dataclass(frozen=True)
class TimeLine:
    """All that the curves need to know of one utterance.

    Parameters
    ----------
    gestures, contacts : tuple
    phrases : tuple of (float, float)
        Stretches of speech between pauses of at least `SHORT_PAUSE`, s.
    short_pauses : tuple of (float, float)
    stressed : tuple of (float, float)
        Vowels with primary stress.
    pace : float
        Time-scale of all movements: clip(mean phone / 85 ms, .55, 1.3) (D11: fast speech speeds every
        articulator up, so that closures persist). Here of the whole, in each gesture and contact of its
        phrase; 1 where nothing is said.
    duration : float
    """

    gestures: tuple[Gesture, ...]
    contacts: tuple[Contact, ...]
    phrases: tuple[tuple[float, float], ...]
    short_pauses: tuple[tuple[float, float], ...]
    stressed: tuple[tuple[float, float], ...]
    pace: float
    duration: float


def time_line(phones, duration: float) -> TimeLine:
    """Read timed phones.

    Parameters
    ----------
    phones : sequence of (symbol, start, end, stress)
        Seconds; pauses are ``"_"``; stress 0 none, 1 primary, 2 secondary.
    duration : float
        Length of the sound, s.

    Raises
    ------
    ValueError
        If a symbol is unknown.

    Notes
    -----
    Silence is a track like any other: without phones, or with pauses only, there are no gestures.
    """
    spoken = [(s, float(a), float(b), int(stress)) for s, a, b, stress in phones if s != PAUSE]
    breaks = [i for i in range(1, len(spoken)) if spoken[i][1] - spoken[i - 1][2] >= SHORT_PAUSE]
    bounds = [0, *breaks, len(spoken)] if spoken else []
    stretches = [spoken[i:j] for i, j in zip(bounds[:-1], bounds[1:], strict=True)]
    paces = [pace_of(stretch) for stretch in stretches]

    gestures, contacts, run_up = [], [], 0
    for position, (symbol, start, end, stress) in enumerate(spoken):
        pace = paces[bisect_right(breaks, position)]
        if position in breaks:
            run_up = 0
        names = visemes_of(symbol, stress)
        vowel = VISEMES[names[0]].kind == "vowel"
        scale = STRESS[stress] * pace**SHRINKING if vowel else 1.0
        edges = np.linspace(start, end, len(names) + 1)
        if len(names) == 2:
            edges[1] = start + 0.55 * (end - start)
        for name, left, right in zip(names, edges[:-1], edges[1:], strict=True):
            gestures.append(Gesture(name, float(left), float(right), scale, run_up, pace))
        run_up = 0 if vowel else run_up + 1
        after_pause = position == 0 or start - spoken[position - 1][2] > 0.02
        following = spoken[position + 1][1] if position + 1 < len(spoken) else duration
        if symbol in CLOSURE_PHONES:
            contacts.append(_closure(symbol, start, end, after_pause, following - end, pace))
        elif symbol in LABIODENTAL_PHONES:
            contacts.append(Contact("incisors", start - 0.006, max(end - 0.006, start + 0.034), pace))

    phrases = tuple((stretch[0][1], stretch[-1][2]) for stretch in stretches)
    short = tuple((spoken[i - 1][2], spoken[i][1]) for i in range(1, len(spoken))
                  if 0.02 < spoken[i][1] - spoken[i - 1][2] < SHORT_PAUSE)
    stressed = tuple((a, b) for symbol, a, b, stress in spoken
                     if stress == 1 and VISEMES[visemes_of(symbol, 1)[0]].kind == "vowel")
    return TimeLine(tuple(gestures), tuple(contacts), phrases, short, stressed, pace_of(spoken), float(duration))


def pace_of(spoken) -> float:
    """Time-scale of a stretch of (symbol, start, end, stress); 1 where nothing is said."""
    if not spoken:
        return 1.0
    return float(np.clip(np.mean([end - start for _, start, end, _ in spoken]) / 0.085, 0.55, 1.3))


def _closure(symbol: str, start: float, end: float, after_pause: bool, pause_after: float, pace: float) -> Contact:
    """When the lips are held together: the acoustic closure, entered a little early (D3, D6)."""
    # before an utterance the lips are already together when the closure starts to be heard
    first = start - (0.040 if after_pause else 0.012)
    last = min(end, start + LONGEST_CLOSURE[symbol]) - 0.002
    if symbol == "m" and pause_after > 0.1:
        last = end + min(pause_after, 0.45)  # nothing opens the lips after a last /m/
    return Contact("lips", first, max(last, start - 0.012 + SHORTEST_HOLD), pace)


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Rise from 0 to 1 with zero speed and zero acceleration at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6.0 * x - 15.0) + 10.0)


def homeward(line: TimeLine, onset_lead: np.ndarray) -> list[float]:
    """Seconds that the mouth has for its way back to rest after each phrase.

    It is at rest when the next movement begins, where the pause is long, and when the track ends.
    """
    out = []
    for position, (_, end) in enumerate(line.phrases):
        room = line.duration - end
        if position + 1 < len(line.phrases):
            pause = line.phrases[position + 1][0] - end
            # in a shorter pause the next phrase takes over before rest is reached (D20)
            room = pause - onset_lead[position + 1] - 0.02 if pause >= LONG_PAUSE else HOMEWARD
        out.append(float(np.clip(room, 0.2, HOMEWARD)))
    return out


def speaking(line: TimeLine, times: np.ndarray, onset_lead: np.ndarray,
             pause_floor: float = 0.20) -> np.ndarray:
    """How far the mouth has left its rest posture, 0..1; exactly 0 in long silence.

    It leaves rest `onset_lead` seconds before the voice (D1), returns as a damped mass does after it, and
    keeps part of its opening through short pauses (D20).

    Parameters
    ----------
    line : TimeLine
    times : ndarray, (T,)
    onset_lead : ndarray, (phrases,)
        s.
    """
    level = np.zeros_like(times)
    for (start, end), lead, way in zip(line.phrases, onset_lead, homeward(line, onset_lead), strict=True):
        rise = smoothstep((times - (start - lead)) / (lead + 0.05))
        since = np.maximum(times - (end - 0.02), 0.0)
        fall = (1.0 + since / DECAY) * np.exp(-since / DECAY)
        fall *= 1.0 - smoothstep((since - 0.45 * way) / (0.55 * way))
        level = np.maximum(level, rise * fall)
    for start, end in line.short_pauses:
        depth = (1.0 - pause_floor) * min(1.0, (end - start) / 0.09)
        middle, half = 0.5 * (start + end) - 0.01, 0.5 * (end - start) + 0.08
        level = level * (1.0 - depth * (1.0 - smoothstep(np.abs(times - middle) / half)))
    return level
