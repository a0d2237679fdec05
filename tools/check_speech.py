"""Measures the demo speech: are phone times where the sound changes, how high and loud are the voices.

    python tools/check_speech.py [--original]   --original renders again and compares the decoded audio

Independent of how the labels were made: closures are sought as the steepest fall of energy, sibilants by
the lag at which the label mask and the high-band energy agree best.
"""

from __future__ import annotations

import argparse
import collections
import json
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

ASSETS = Path(__file__).resolve().parent.parent / "a2f" / "assets" / "demo"
RATE = 16000
MILLI = RATE // 1000


def level(wave: np.ndarray, window: int = 5) -> np.ndarray:
    """Energy in dB at 1 ms steps over a centred window of `window` ms."""
    total = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    centre = np.arange(0, len(wave), MILLI)
    low, high = (
        np.maximum(centre - window * MILLI // 2, 0),
        np.minimum(centre + window * MILLI // 2, len(wave)),
    )
    return 10 * np.log10((total[high] - total[low]) / np.maximum(high - low, 1) + 1e-8)


def closure_errors(clips: list[dict], wave_of) -> dict[str, np.ndarray]:
    """Steepest energy fall minus label start in ms, stops after vowels, by symbol; dips (dB) under "dip".

    Parameters
    ----------
    clips : list of dict
        Clips as in speech.json.
    wave_of : callable (clip) -> ndarray, float32, shape (S,)
    """
    vowels = set("aa ae ah ao aw ay eh er ey ih iy ow oy uh uw".split())
    found = collections.defaultdict(list)
    for clip in clips:
        energy = level(wave_of(clip))
        for before, phone in zip(clip["phones"][:-1], clip["phones"][1:], strict=True):
            if phone[0] not in "p t k b d g".split() or before[0] not in vowels:
                continue
            at = round(phone[1] * 1000)
            if at < 80 or at + 80 > len(energy):
                continue
            slope = energy[at - 55 : at + 65] - energy[at - 65 : at + 55]  # over 10 ms, centred
            found[phone[0]].append(int(np.argmin(slope)) - 60)
            middle = round(500 * (before[1] + before[2]))
            found["dip " + ("ptk" if phone[0] in "ptk" else "bdg")].append(
                energy[at : max(at + 1, round(phone[2] * 1000))].min() - energy[middle]
            )
    return {key: np.array(value) for key, value in found.items()}


def sibilant_lag(clips: list[dict], wave_of) -> int:
    """Lag in ms (+ = sound later) at which mask and high-band energy (3.5 to 7.5 kHz) agree best."""
    band = butter(4, (3500, 7500), "bandpass", fs=RATE, output="sos")
    energies, masks = [], []
    for clip in clips:
        energy = np.maximum(level(sosfilt(band, wave_of(clip))), -60)
        mask = np.zeros(len(energy))
        for symbol, start, end, _ in clip["phones"]:
            if symbol in ("s", "z", "sh"):
                mask[round(start * 1000) : round(end * 1000)] = 1
        energies.append(energy)
        masks.append(mask)
    energy, mask = np.concatenate(energies), np.concatenate(masks)
    lags = range(-100, 101)
    return lags[int(np.argmax([np.corrcoef(np.roll(mask, lag), energy)[0, 1] for lag in lags]))]


def pitch(wave: np.ndarray) -> float:
    """Median fundamental frequency in Hz by autocorrelation of 64 ms windows."""
    values = []
    low, high = RATE // 400, RATE // 55
    for start in range(0, len(wave) - 1024, 400):
        piece = wave[start : start + 1024]
        if np.sqrt(np.mean(piece**2)) < 0.02:
            continue
        piece = piece - piece.mean()
        curve = np.fft.irfft(np.abs(np.fft.rfft(piece, 4096)) ** 2)[: high + 1] / (
            1 - np.arange(high + 1) / 1024
        )
        best = curve[low:high].max()
        if best > 0.6 * curve[0]:
            peaks = [
                k
                for k in range(low, high)
                if curve[k] > 0.92 * best and curve[k - 1] <= curve[k] >= curve[k + 1]
            ]
            values.append(RATE / peaks[0] if peaks else RATE / (low + int(np.argmax(curve[low:high]))))
    return float(np.median(values))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--original", action="store_true", help="render again and compare with the decoded audio"
    )
    arguments = parser.parse_args()
    import soundfile

    corpus = json.loads((ASSETS / "speech.json").read_text(encoding="utf-8"))
    audio = {
        s["id"]: soundfile.read(ASSETS / "speech" / f"{s['id']}.ogg", dtype="float32")[0]
        for s in corpus["speakers"]
    }

    def wave_of(clip: dict) -> np.ndarray:
        return audio[clip["speaker"]][clip["start"] : clip["start"] + clip["samples"]]

    clips = corpus["clips"]
    seconds = np.array([clip["samples"] / RATE for clip in clips])
    print(
        f"{len(clips)} clips, {seconds.min():.2f} to {seconds.max():.2f} s, median {np.median(seconds):.2f} s"
    )
    for key, value in sorted(closure_errors(clips, wave_of).items()):
        spread = (np.percentile(value, 75) - np.percentile(value, 25)) / 1.35
        print(f"{key:8s} n {len(value):4d} median {np.median(value):6.1f} robust sd {spread:5.1f}")
    print("sibilant lag ms:", sibilant_lag(clips, wave_of))
    for speaker in corpus["speakers"]:
        own = [clip for clip in clips if clip["speaker"] == speaker["id"]]
        figures = []
        for mode in ("neutral", "happy", "angry", "sad"):
            waves = [wave_of(clip) for clip in own if clip["mode"] == mode]
            figures.append(
                f"{mode} {np.median([pitch(w) for w in waves]):.0f} Hz "
                f"{10 * np.log10(np.mean([np.mean(w**2) for w in waves])):.1f} dB"
            )
        phones = collections.Counter(p[0] for clip in own for p in clip["phones"])
        groups = {
            "mbp": "m b p",
            "fv": "f v",
            "round": "w uw ow",
            "sh": "sh ch jh",
            "th": "th dh",
            "open": "aa ae ay aw",
        }
        counts = " ".join(f"{k} {sum(phones[p] for p in v.split())}" for k, v in groups.items())
        print(
            speaker["id"],
            "lag",
            sibilant_lag(own, wave_of),
            "|",
            ", ".join(figures),
            "|",
            counts,
            "| missing",
            [p for p in corpus["phone_set"]["symbols"] if p not in phones],
        )
    if arguments.original:
        import build_speech

        kept = build_speech.render()[1]
        for name, original in kept.items():
            decoded = audio[name]
            noise = decoded[: len(original)] - original
            shifts = []
            for clip in clips[::7]:
                if clip["speaker"] == name:
                    a, b = original[clip["start"] : clip["start"] + clip["samples"]], wave_of(clip)
                    spectrum = np.conj(np.fft.rfft(a, 131072)) * np.fft.rfft(b, 131072)
                    shift = int(np.argmax(np.fft.irfft(spectrum)))
                    shifts.append(shift if shift < 65536 else shift - 131072)
            print(
                name,
                "length difference",
                len(decoded) - len(original),
                "shifts in samples",
                sorted(set(shifts)),
                f"coding noise {10 * np.log10(np.mean(noise**2) / np.mean(original**2)):.1f} dB",
            )


if __name__ == "__main__":
    main()
