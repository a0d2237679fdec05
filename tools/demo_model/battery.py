"""Every demand on the shipped model as one row of a table: measured, with an interval, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from a2f.animating import Animator
from a2f.data import open_dataset
from a2f.data.assets import asset
from a2f.data.faces import load_faces
from a2f.files import read_json
from a2f.observations import motion_std, mouth_area
from demo_model import augment, measure
from demo_model.measure import Mouth, Speaker
from demo_model.tracks import RATE, Utterance, join

SEED = 11
FOREIGN = "piper"  # begins the name of the voice whose whole family is foreign to training
FORMANT = "espeak"  # begins the names of the formant synthesiser's voices, all others are called natural
SILENT = 0.02  # of the largest opening in speech


def row(
    quantity: str, value: float, demand: str = "", holds: bool | None = None, interval=None, detail: str = ""
) -> dict:
    """One row of evaluation.json."""
    bounds = None if interval is None else [round(float(x), 4) for x in interval]
    return {"quantity": quantity, "value": round(float(value), 4), "interval": bounds, "demand": demand or None,
            "holds": None if holds is None else bool(holds), "detail": detail}  # fmt: skip


def held_out_speakers(animator: Animator, modes: tuple[str, ...] = ("neutral",), number: int = 0) -> list[Speaker]:
    """The demo corpus' test speakers: heads, styles and style motions that the training draws never held.

    `number` chooses another sentence of theirs to take the style from.
    """
    dataset = open_dataset("demo", fps=animator.config.data.fps)
    entries = {entry["id"]: entry for entry in read_json(asset("demo/speakers.json"))["speakers"]}
    found = []
    for subject in dict.fromkeys(clip.subject for clip in dataset.split("test")):
        for mode in modes:
            clip = [c for c in dataset.split("test") if c.subject == subject and c.style == mode][number]
            found.append(Speaker(entries[subject], clip.template, mode, animator.style(clip), clip.name))
    return found


class Battery:
    """All measurements of one model on voices that it never heard.

    Parameters
    ----------
    animator : Animator
    voices : dict of str to list of Utterance
    """

    def __init__(self, animator: Animator, voices: dict[str, list[Utterance]]) -> None:
        self.animator, self.faces, self.speakers = animator, load_faces(), held_out_speakers(animator)
        given = {speaker.clip for speaker in self.speakers}  # what gives a style is not animated with it
        self.voices = {voice: [u for u in found if u.name not in given] for voice, found in voices.items()}
        self.natural = {voice: found for voice, found in self.voices.items() if not voice.startswith(FORMANT)}
        self._wanted: dict[str, np.ndarray] = {}
        self.clean = {voice: self.mouths(utterances) for voice, utterances in self.voices.items()}
        self.loudest = max(float(m.area[m.speech()].max()) for mouths in self.clean.values() for m in mouths)

    def mouths(
        self, utterances: list[Utterance], treat: Callable | None = None, rate: int = RATE, every: int = 1
    ) -> list[Mouth]:
        """Animate every so many-th sentence, its sound changed by ``treat(waveform, number)``; speakers take turns."""
        found = []
        chosen = list(enumerate(utterances))[::every]
        for number, utterance in tqdm(chosen, utterances[0].voice, leave=False):
            speaker = self.speakers[number % len(self.speakers)]
            if utterance.name not in self._wanted:
                self._wanted[utterance.name] = measure.wanted(
                    utterance, speaker, self.faces, self.animator.config.data.fps
                )
            sound = None if treat is None else treat(utterance.waveform, number)
            found.append(measure.mouth(self.animator, utterance, speaker, self._wanted[utterance.name], sound, rate))
        return found

    def everything(self, treat: Callable, rate: int = RATE, every: int = 1) -> list[Mouth]:
        """All sentences of the natural voices, or every so many-th, treated."""
        return [m for us in self.natural.values() for m in self.mouths(us, treat, rate, every)]

    def accuracy(self, reference: Battery | None) -> list[dict]:
        """Correlation and amplitude of the opening, by voice and over all."""
        rows = []
        for voice, mouths in self.clean.items():
            values = [m.correlation() for m in mouths]
            foreign = voice.startswith(FOREIGN)
            beside = "" if reference is None else (
                f"; log-mel features, same decoder: {np.mean([m.correlation() for m in reference.clean[voice]]):.3f}"
            )  # fmt: skip
            rows.append(row(f"mouth opening, r, {voice}", np.mean(values), ">= 0.88" if foreign else "",
                            np.mean(values) >= 0.88 if foreign else None, measure.interval(values),
                            f"{len(values)} sentences, speech only, no lag{beside}"))  # fmt: skip
        kinds = f"{len(self.natural)} natural, {len(self.clean) - len(self.natural)} eSpeak"
        groups = (
            ("natural unseen voices", self.natural, False), (f"all unseen voices ({kinds})", self.clean, True)
        )  # fmt: skip
        for name, chosen, asked in groups:
            of_voice = [np.mean([m.correlation() for m in self.clean[voice]]) for voice in chosen]
            every = [m.correlation() for voice in chosen for m in self.clean[voice]]
            detail = f"mean of {len(of_voice)} voices, {len(every)} sentences"
            if reference is not None:
                low = [np.mean([m.correlation() for m in reference.clean[voice]]) for voice in chosen]
                detail += f"; log-mel features, same decoder: {np.mean(low):.3f}"
            demand, holds = (">= 0.90", np.mean(of_voice) >= 0.90) if asked else ("", None)
            quantity = f"mouth opening, r, {name}"
            rows.append(row(quantity, np.mean(of_voice), demand, holds, measure.interval(every), detail))
        for voice, mouths in self.clean.items():
            values = [m.amplitude() for m in mouths]
            rows.append(row(f"amplitude, predicted / wanted sd, {voice}", np.mean(values), "0.9 .. 1.1",
                            0.9 <= np.mean(values) <= 1.1, measure.interval(values)))  # fmt: skip
        return rows

    def contacts(self) -> list[dict]:
        """Closures at p b m and openness of open vowels."""
        mouths = [m for found in self.clean.values() for m in found]
        closed, vowels = [m.closures() for m in mouths], [m.open_vowels() for m in mouths]
        wanted = [c for m in mouths for c in m.closures(m.target_height)]
        shares = {voice: np.concatenate([m.closures() for m in found]).mean() for voice, found in self.clean.items()}
        by_voice = ", ".join(f"{voice} {share:.2f}" for voice, share in shares.items())
        rows = []
        for quantity, found, detail in (
            ("p b m within 1 mm of rest", closed, f"closures; {by_voice}; in the targets {np.mean(wanted):.2f}"),
            ("open vowels without closure", vowels, f"vowels ({' '.join(measure.OPEN_VOWELS)}), more than 1 mm"),
        ):
            every = np.concatenate(found)
            rows.append(row(quantity, every.mean(), ">= 0.90", every.mean() >= 0.9, measure.interval(found),
                            f"{len(every)} {detail}"))  # fmt: skip
        return rows

    def opening(self, waveform: np.ndarray, sample_rate: int = RATE) -> np.ndarray:
        """(T,) mm^2 of the first speaker's mouth for any sound."""
        speaker = self.speakers[0]
        animation = self.animator(waveform, speaker.template, speaker.style, sample_rate=sample_rate)
        return mouth_area(animation.vertices, animation.topology)

    def silence(self) -> list[dict]:
        """What the mouth does when nobody speaks."""
        rng, samples = np.random.default_rng(SEED), 5 * RATE
        sounds = {
            "digital silence": (np.zeros(samples, np.float32), True),
            "faint white noise, -70 dB": (augment.noise("white", samples, rng) * np.float32(10 ** (-70 / 20)), True),
            "room noise (pink), -45 dB": (augment.noise("pink", samples, rng) * np.float32(10 ** (-45 / 20)), True),
            "music alone, -25 dB": (augment.noise("music", samples, rng) * np.float32(10 ** (-25 / 20)), False),
        }
        rows = []
        for name, (sound, asked) in sounds.items():
            share = float(self.opening(sound).max()) / self.loudest
            demand, holds = (f"< {SILENT}", share < SILENT) if asked else ("", None)
            detail = f"of the largest in speech, {self.loudest:.0f} mm2"
            rows.append(row(f"opening in {name}", share, demand, holds, detail=detail))
        return rows

    def loudness(self) -> list[dict]:
        """The same sentence at a tenth of the level."""
        worst = 0.0
        for utterances in self.voices.values():
            for utterance in utterances[:5]:
                full = self.opening(utterance.waveform)
                for factor in (0.5, 0.2, 0.1):
                    change = self.opening(utterance.waveform * np.float32(factor)) - full
                    worst = max(worst, float(np.abs(change).max() / full.max()))
        return [row("change of the opening at 0.1 to 1 of the level", worst, "< 0.05", worst < 0.05,
                    detail="largest, of the sentence's largest opening")]  # fmt: skip

    def robustness(self) -> list[dict]:
        """Noise, music, rooms, sample rates, codecs, whispering, shouting."""
        rng, kinds = np.random.default_rng(SEED), ("white", "pink", "babble")
        others = [u.waveform for us in self.voices.values() for u in us]

        def pick() -> np.ndarray:
            return others[rng.integers(len(others))]

        def noisy(kind: str | None, ratio: float) -> Callable:
            return lambda w, i: augment.with_noise(w, augment.noise(kind or kinds[i % 3], len(w), rng, pick), ratio)

        def shouted(waveform: np.ndarray, number: int) -> np.ndarray:
            return np.clip(augment.overdriven(augment.tilt(waveform, 4.0), 3.0) * 20, -1, 1)

        tests = [
            ("noise (white, pink, babble) at 10 dB", noisy(None, 10.0), RATE, 1, True),
            ("8 kHz", lambda w, i: augment.soxr.resample(w, RATE, 8000), 8000, 1, True),
            ("music at 10 dB", noisy("music", 10.0), RATE, 1, False),
            ("a room, decay 0.5 s", lambda w, i: augment.reverberant(w, 0.5, 3.0, rng), RATE, 2, False),
            ("telephone (GSM)", lambda w, i: augment.coded(w, "gsm"), RATE, 2, False),
            ("11.025 kHz", lambda w, i: augment.soxr.resample(w, RATE, 11025), 11025, 2, False),
            ("48 kHz", lambda w, i: augment.soxr.resample(w, RATE, 48000), 48000, 2, False),
            ("whispered (no voice, envelope kept)", lambda w, i: augment.whispered(w, rng), RATE, 1, False),
            ("shouted into a clipping microphone", shouted, RATE, 1, False),
        ]
        rows = []
        for name, treat, rate, every, asked in tests:
            values = [m.correlation() for m in self.everything(treat, rate, every)]
            base = np.mean([m.correlation() for voice in self.natural for m in self.clean[voice][::every]])
            fall = base - np.mean(values)
            demand, holds = ("fall <= 0.1", fall <= 0.1) if asked else ("", None)
            rows.append(row(f"mouth opening, r, {name}", np.mean(values), demand, holds, measure.interval(values),
                            f"{len(values)} sentences; clean {base:.3f}, fall {fall:.3f}"))  # fmt: skip
        return rows

    def long_speech(self) -> list[dict]:
        """A minute and more in one piece."""
        rows = []
        for voice, utterances in self.natural.items():
            rng, count = np.random.default_rng(SEED), len(utterances)
            waveform, phones = join([utterances[i % count] for i in range(min(count, 24))], rng)
            whole = Utterance(f"{voice}-long", voice, "", waveform, tuple(map(tuple, phones)))
            mouth = self.mouths([whole])[0]
            pauses = np.concatenate([
                mouth.area[int((start + 0.35) * mouth.fps) : int((end - 0.35) * mouth.fps)]
                for symbol, start, end, _ in phones if symbol == "_" and end - start > 0.8
            ])  # fmt: skip
            quiet = np.median(pauses) / self.loudest
            quantity = f"mouth opening, r, {len(waveform) / RATE:.0f} s in one piece, {voice}"
            detail = f"opening inside pauses over .8 s: median {quiet:.3f} of the largest"
            rows.append(row(quantity, mouth.correlation(), detail=detail))
        return rows

    def styles(self) -> list[dict]:
        """Sentences under eight styles: other movement, the same closures."""
        modes = ("neutral", "happy", "angry", "sad")
        speakers, again = (held_out_speakers(self.animator, modes, number) for number in (0, 1))
        chosen = [u for us in self.natural.values() for u in us[:8]]
        template = speakers[0].template
        closed = []
        for speaker in speakers:
            moved = [self.animator(u.waveform, template, speaker.style) for u in chosen]
            found = [measure.heights(one.vertices, one.topology) for one in moved]
            counts = [Mouth(u, None, h, None, h, moved[0].fps).closures() for u, h in zip(chosen, found, strict=True)]
            closed.append(np.concatenate(counts).mean())

        def heat_map(speaker: Speaker) -> np.ndarray:
            return motion_std(self.animator(chosen[0].waveform, template, speaker.style).vertices)

        maps, others = (np.stack([heat_map(s) for s in group]) for group in (speakers, again))
        size = np.linalg.norm(maps, axis=1).mean()
        alike = np.linalg.norm(maps - others, axis=1) / size
        apart = [np.linalg.norm(maps[i] - maps[j]) / size for i in range(len(maps)) for j in range(i)]
        ratio = np.median(apart) / np.median(alike)
        return [
            row("std heat maps of 8 styles: apart / same style again", ratio, "> 2", ratio > 2,
                detail=f"medians of distance over size: {np.median(apart):.3f} between two styles (closest two "
                       f"{np.min(apart):.3f}), {np.median(alike):.3f} from another sentence of one style"),
            row("p b m within 1 mm of rest, 8 styles", np.mean(closed), ">= 0.90", np.mean(closed) >= 0.9,
                detail=f"{len(chosen)} sentences each; worst style {np.min(closed):.2f}"),
        ]  # fmt: skip

    def unseen_faces(self) -> list[dict]:
        """The template is only added: the same movement on every head."""
        rng, utterance = np.random.default_rng(SEED), next(iter(self.voices.values()))[0]
        first, differences = None, []
        for _ in range(12):
            face = self.faces.identity(np.clip(0.8 * rng.standard_normal(40), -1.8, 1.8))
            moved = self.animator(utterance.waveform, face, self.speakers[0].style).vertices - face
            first = moved if first is None else first
            differences.append(float(np.abs(moved - first).max()))
        return [
            row("movement on 12 heads, largest difference, mm", max(differences), "< 0.01", max(differences) < 0.01)
        ]

    def rows(self, reference: Battery | None) -> list[dict]:
        """The whole table."""
        return [
            *self.accuracy(reference), *self.contacts(), *self.silence(), *self.loudness(), *self.robustness(),
            *self.long_speech(), *self.styles(), *self.unseen_faces(),
        ]  # fmt: skip
