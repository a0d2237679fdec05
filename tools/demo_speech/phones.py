"""eSpeak's IPA events become a small ARPAbet-like phone list whose stops begin where the mouth closes.

eSpeak marks p t k ch at their release, and b d g jh there too unless a vowel or glide comes before. A
mouth, however, shuts before that. Every such stop therefore begins at its closure: the start of the silence
eSpeak puts before the release, found in the waveform; the phone before it ends there. At the start of a
phrase there is no sound to go by, so a fixed closure (48 ms voiceless, 33 ms voiced: the usual length of
eSpeak's own) is taken from the pause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PAUSE = "_"
VOWELS = ("aa", "ae", "ah", "ao", "aw", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw")
CONSONANTS = tuple("b ch d dh f g h jh k l m n ng p r s sh t th v w y z zh".split())
PHONE_SET = VOWELS + CONSONANTS + (PAUSE,)

# IPA name -> phones. Where two stand, they share the time as in SHARE_OF_FIRST. Flaps are d, glottal stops t.
_MAP = """
ɑː aa|ɑ aa|aː aa|a: aa|æ ae|a ae|ɛə ae|ʌ ah|ə ah|ɐ ah|ɔː ao|ɔ ao|ɒ ao|o ao|aʊ aw|ʌʉ aw|aɪ ay|ɛ eh|e eh|eə eh
ɜː er|ɚ er|ɜ er|əɪ er|eɪ ey|eː ey|ɪ ih|ᵻ ih|iː iy|i iy|oʊ ow|əʊ ow|oː ow|ɔɪ oy|ʊ uh|uː uw|ʉː uw|ʉ uw
ɑːɹ aa r|ɔːɹ ao r|ɛɹ eh r|ɪɹ ih r|ʊɹ uh r|ʌɹ er r|əɹ er r|ʉɹ uw r
aɪɚ ay er|aɪə ay ah|iə iy ah|ʊə uh ah|əl ah l
b b|tʃ ch|d d|ɾ d|ð dh|f f|ɡ g|h h|dʒ jh|k k|l l|m m|n n|n̩ n|ŋ ng|p p|ɹ r|r r|s s|ʃ sh
t t|ʔ t|θ th|v v|w w|ʍ w
j y|ʲ y|z z|ʒ zh
"""
IPA_TO_PHONES = {
    entry.split()[0]: tuple(entry.split()[1:])
    for line in _MAP.strip().splitlines()
    for entry in line.split("|")
}
SHARE_OF_FIRST = 0.6

VOICELESS, VOICED = {"p", "t", "k", "tʃ"}, {"b", "d", "ɡ", "dʒ"}
VOICELESS_CLOSURE, VOICED_CLOSURE = 0.048, 0.033  # seconds
LONGEST_CLOSURE = 0.080  # seconds, how far back the silence before a release may reach
SHORTEST_GAP = 0.008  # seconds, a shorter quiet stretch is the trough between two pitch pulses
LEFT_TO_PREVIOUS = 0.025  # seconds that the phone before a stop always keeps
QUIET = 10 ** (-40 / 20)  # of the loudest sample
SHORTEST_PAUSE = 0.06  # seconds


@dataclass(frozen=True)
class Phone:
    """`symbol` of PHONE_SET, `start`, `end` in seconds, `stress` 0, 1 (main) or 2 (side), on vowels only."""

    symbol: str
    start: float
    end: float
    stress: int


def closure_start(waveform: np.ndarray, rate: int, release: int) -> int | None:
    """First sample of the silence that ends at a release.

    Parameters
    ----------
    waveform : ndarray, float32, shape (S,)
    rate : int
        Samples a second.
    release : int
        Sample of the release.

    Returns
    -------
    int or None
        None where the sound does not stop before the release.
    """
    step = rate // 1000
    limit = QUIET * np.abs(waveform).max()
    # the burst may begin up to 6 ms before its mark
    for end in range(release + step, release - 6 * step, -step):
        start = end
        while (
            start - step >= 0
            and end - start < LONGEST_CLOSURE * rate
            and np.abs(waveform[start - step : start]).max() < limit
        ):
            start -= step
        if end - start >= SHORTEST_GAP * rate:
            return start
    return None


def _real_pauses(events: list[tuple[int, str]], waveform: np.ndarray, rate: int) -> list[tuple[int, str]]:
    """Joins nameless events and drops those that are no pause: too short, or a sounding link of two vowels.

    The time of a dropped one goes to the phone before it.
    """
    limit = 10 * QUIET * np.abs(waveform).max()
    kept: list[tuple[int, str]] = []
    for index, (sample, name) in enumerate(events):
        if name == "" and kept:
            if kept[-1][1] == "":
                continue
            following = [s for s, n in events[index + 1 :] if n != ""]
            if following and (
                (following[0] - sample) < SHORTEST_PAUSE * rate
                or np.sqrt(np.mean(waveform[sample : following[0]] ** 2)) > limit
            ):
                continue
        kept.append((sample, name))
    return kept


def _starts(events: list[tuple[int, str]], waveform: np.ndarray, rate: int) -> list[float]:
    """Start of every event in seconds, stops at their closure."""
    starts = [sample / rate for sample, _ in events]
    for index in range(1, len(events)):
        sample, name = events[index]
        if name not in VOICELESS | VOICED:
            continue
        before = events[index - 1][1]
        usual = VOICELESS_CLOSURE if name in VOICELESS else VOICED_CLOSURE
        if before == "":
            wanted, left = sample / rate - usual, 0.5 * (starts[index] - starts[index - 1])
        else:
            found = closure_start(waveform, rate, sample)
            if found is not None:
                wanted = found / rate
            else:
                wanted = sample / rate - (usual if name in VOICELESS and before != "s" else 0.0)
            left = LEFT_TO_PREVIOUS
        starts[index] = min(starts[index], max(wanted, starts[index - 1] + left))
    return starts


def phones_of(events: tuple[tuple[int, str], ...], waveform: np.ndarray, rate: int) -> list[Phone]:
    """Phones of one utterance, without gaps, from the first sound to the last.

    Parameters
    ----------
    events : tuple of (int, str)
        Sample and IPA name as eSpeak gives them; the empty name is a pause or the end.
    waveform : ndarray, float32, shape (S,)
        The utterance itself, needed to find the closures.
    rate : int
        Samples a second.

    Returns
    -------
    list of Phone
        Pauses inside the utterance are kept; leading and trailing ones are not. The first stop of an
        utterance may start before time 0: the caller puts silence there.

    Raises
    ------
    ValueError
        If eSpeak uses a name that is not in the table.
    """
    kept = [(0, ""), *_real_pauses(list(events), waveform, rate)]
    stresses = [1 if "ˈ" in name else 2 if "ˌ" in name else 0 for _, name in kept]
    named = [(sample, name.replace("ˈ", "").replace("ˌ", "")) for sample, name in kept]
    if named[1][1] == "":
        raise ValueError("the utterance starts with a pause")
    starts = _starts(named, waveform, rate)
    if named[1][1] in VOICELESS | VOICED:  # nothing but the caller's silence comes before
        starts[1] = named[1][0] / rate - (VOICELESS_CLOSURE if named[1][1] in VOICELESS else VOICED_CLOSURE)
    phones: list[Phone] = []
    for (_, name), stress, start, end in zip(named[1:], stresses[1:], starts[1:], starts[2:], strict=False):
        if name and name not in IPA_TO_PHONES:
            raise ValueError(f"eSpeak's phoneme {name!r} is not in the table in demo_speech/phones.py")
        if end <= start:
            continue
        symbols = IPA_TO_PHONES[name] if name else (PAUSE,)
        middle = start + SHARE_OF_FIRST * (end - start)
        spans = [(start, end)] if len(symbols) == 1 else [(start, middle), (middle, end)]
        for order, (symbol, (left, right)) in enumerate(zip(symbols, spans, strict=True)):
            phones.append(Phone(symbol, left, right, stress if symbol in VOWELS and order == 0 else 0))
    while phones and phones[-1].symbol == PAUSE:
        phones.pop()
    return phones
