"""The tools that train the shipped model: sound that stays in time, tracks without gaps, measurements that can fail."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from demo_model import augment, measure, tracks  # noqa: E402
from demo_model.tracks import RATE, Utterance  # noqa: E402


def utterance(name: str = "u", voice: str = "v", seconds: float = 1.5, seed: int = 0) -> Utterance:
    """Clicks where phones begin, so that times can be read off the sound."""
    starts = 0.15 + np.arange(6) * (seconds - 0.3) / 6
    waveform = np.zeros(int(seconds * RATE), np.float32)
    rng = np.random.default_rng(seed)
    for start in starts:
        first = round(start * RATE)
        waveform[first : first + 400] = 0.3 * np.hanning(800)[400:] * rng.choice([-1, 1], 400)
    edges = [*starts, seconds - 0.15]
    spoken = [
        ("aa" if i % 2 else "p", float(a), float(b), i % 2)
        for i, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True))
    ]
    return Utterance(name, voice, name, waveform, (("_", 0.0, 0.15, 0), *spoken, ("_", edges[-1], seconds, 0)))


@pytest.fixture
def speech() -> np.ndarray:
    rng = np.random.default_rng(0)
    envelope = np.repeat(rng.uniform(0, 1, 40), 1000)
    return (0.1 * envelope * np.cumsum(rng.standard_normal(40000)) / 30).astype(np.float32)


def lag(before: np.ndarray, after: np.ndarray) -> int:
    size = 2 ** int(np.ceil(np.log2(2 * len(before))))
    product = np.fft.irfft(np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size)))
    shift = int(np.argmax(product))
    return shift if shift < size // 2 else shift - size


@pytest.mark.parametrize(
    "change",
    [
        lambda w, rng: augment.tilt(w, 3.0),
        lambda w, rng: augment.band_limited(w, 8000),
        lambda w, rng: augment.band_limited(w, 48000),
        lambda w, rng: augment.reverberant(w, 0.4, 6.0, rng),
        lambda w, rng: augment.with_noise(w, augment.noise("pink", len(w), rng), 15),
        lambda w, rng: augment.coded(w, "ulaw"),
        lambda w, rng: augment.coded(w, "gsm"),
        lambda w, rng: augment.coded(w, "vorbis"),
        lambda w, rng: augment.coded(w, "opus"),
        lambda w, rng: augment.overdriven(w, 2.0),
    ],
)
def test_treated_sound_stays_in_time(speech, change):
    after = change(speech, np.random.default_rng(1))
    assert after.dtype == np.float32 and after.shape == speech.shape
    assert abs(lag(speech, after)) <= RATE * 0.001


@pytest.mark.parametrize("kind", augment.NOISES)
def test_noise_is_added_at_the_ratio_asked_for(speech, kind):
    rng = np.random.default_rng(2)
    sound = augment.noise(kind, len(speech), rng, lambda: speech[::-1].copy())
    noisy = augment.with_noise(speech, sound, 10.0)
    added = noisy.astype(np.float64) - speech
    assert 20 * np.log10(augment.level(speech) / np.sqrt(np.mean(added**2))) == pytest.approx(10.0, abs=0.01)


def test_whispering_takes_the_pitch_away_and_keeps_the_envelope():
    times = np.arange(RATE) / RATE
    voiced = sum(np.sin(2 * np.pi * 120 * k * times) / k for k in range(1, 40)) * (np.sin(2 * np.pi * 3 * times) > 0)
    voiced = voiced.astype(np.float32)

    def pitch(w):
        return max(np.corrcoef(w[:-n], w[n:])[0, 1] for n in range(RATE // 130, RATE // 110))

    found = augment.whispered(voiced, np.random.default_rng(0))
    assert pitch(voiced) > 0.9 and pitch(found) < 0.4
    envelope = [np.sqrt(np.convolve(w.astype(float) ** 2, np.ones(800) / 800, "same")) for w in (voiced, found)]
    assert np.corrcoef(*envelope)[0, 1] > 0.9


def test_level_ignores_pauses(speech):
    padded = np.concatenate([speech, np.zeros(3 * RATE, np.float32)])
    assert augment.level(padded) == pytest.approx(augment.level(speech), rel=0.05)
    assert augment.level(np.zeros(RATE, np.float32)) == 0


def test_joined_phones_have_no_gap_and_sound_where_they_say():
    waveform, phones = tracks.join(
        [utterance("a"), utterance("b", seed=1), utterance("c", seed=2)], np.random.default_rng(3)
    )
    assert phones[0][0] == phones[-1][0] == "_" and phones[0][1] == 0
    assert phones[-1][2] == pytest.approx(len(waveform) / RATE)
    for before, after in zip(phones[:-1], phones[1:], strict=True):
        assert after[1] == pytest.approx(before[2], abs=1e-6)
    spoken = [phone for phone in phones if phone[0] != "_"]
    assert len(spoken) == 18
    for _, start, _, _ in spoken:
        first = round(start * RATE)
        assert np.abs(waveform[first : first + 60]).max() > 0.1  # the click
        assert np.abs(waveform[first - 200 : first - 5]).max() < 1e-3  # and nothing before it


def test_warping_scales_sound_and_times_alike():
    one = utterance()
    waveform, phones = tracks.warp(one.waveform, list(map(list, one.phones)), 1.1)
    assert len(waveform) == pytest.approx(len(one.waveform) / 1.1, abs=2)
    assert phones[-1][2] == pytest.approx(one.phones[-1][2] / 1.1)


def test_plans_use_every_sentence_as_often_as_asked_and_give_every_track_a_partner():
    voices = [utterance(f"{v}{i}", v) for v in "abc" for i in range(20)]
    plans = tracks.plan_tracks(voices, 4, "train", seed=5)
    spoken = [plan for plan in plans if plan.utterances]
    uses = Counter(i for plan in spoken for i in plan.utterances)
    assert set(uses) == set(range(60)) and set(uses.values()) == {4}
    degraded = Counter(i for plan in spoken if plan.degraded for i in plan.utterances)
    assert set(degraded.values()) == {2}
    assert all(len({voices[i].voice for i in plan.utterances}) == 1 for plan in spoken)
    partners = Counter((plan.subject, plan.mode) for plan in spoken)
    assert min(partners.values()) >= 2
    assert {plan.mode for plan in spoken} == set(tracks.MODES)
    assert any(not plan.utterances for plan in plans)
    assert plans == tracks.plan_tracks(voices, 4, "train", seed=5)


def test_rendering_a_plan_gives_the_same_samples_again():
    voices = [utterance(f"a{i}", "a", seed=i) for i in range(6)]
    plan = tracks.Plan("train-0", 0, "neutral", "train", (0, 3), degraded=True)
    one, other = (tracks.render(plan, voices, 7) for _ in range(2))
    assert np.array_equal(one[0], other[0]) and one[1] == other[1]
    assert not np.array_equal(one[0][:1000], tracks.render(plan, voices, 8)[0][:1000])


def test_a_track_of_nobody_has_no_phone():
    for degraded in (False, True):
        plan = tracks.Plan("silent", 0, "neutral", "train", (), degraded, silence=1.0)
        waveform, phones = tracks.render(plan, [utterance()], 1)
        assert phones == [["_", 0.0, 1.0, 0]] and len(waveform) == RATE
        assert bool(np.abs(waveform).max() > 0) == degraded


def mouth(height: float, symbol: str) -> measure.Mouth:
    phones = (("_", 0.0, 0.2, 0), (symbol, 0.2, 0.4, 1), ("_", 0.4, 1.0, 0))
    frames = np.full((30, 5), 4.0)
    frames[6:12] = height
    area = frames.mean(axis=1)
    spoken = Utterance("x", "v", "", np.zeros(RATE, np.float32), phones)
    return measure.Mouth(spoken, area, frames, area.copy(), frames.copy(), 30.0)


def test_a_closure_counts_when_the_whole_rim_is_shut_and_a_vowel_when_it_is_not():
    assert mouth(0.5, "p").closures() == [True]
    assert mouth(1.5, "p").closures() == [False]
    assert mouth(3.0, "aa").open_vowels() == [True]
    assert mouth(0.5, "aa").open_vowels() == [False]
    assert mouth(0.5, "s").closures() == mouth(0.5, "s").open_vowels() == []


def test_a_closure_elsewhere_does_not_count():
    shut_late = mouth(2.0, "b")
    shut_late.height[20:25] = 0.0
    assert shut_late.closures() == [False]


def test_correlation_is_over_speech_only():
    one = mouth(0.5, "p")
    rng = np.random.default_rng(0)
    one.area[6:12] = one.target_area[6:12] = rng.uniform(1, 5, 6)
    one.area[:6] = rng.uniform(50, 90, 6)
    assert one.correlation() == pytest.approx(1.0)
    assert one.amplitude() == pytest.approx(1.0)


def test_events_of_one_sentence_stay_together_in_the_interval():
    alike = [[True] * 5, [False] * 5] * 10  # whole sentences right or wrong: 20 independent values, not 100
    apart = [[True, False, True, False, True], [False, True, False, True, False]] * 10
    assert np.ptp(measure.interval(alike)) > 3 * np.ptp(measure.interval(apart))


def test_the_interval_holds_the_mean_and_narrows_with_more_sentences():
    rng = np.random.default_rng(1)
    few, many = rng.normal(0.9, 0.05, 10), rng.normal(0.9, 0.05, 400)
    for values in (few, many):
        low, high = measure.interval(values)
        assert low < values.mean() < high
    assert np.ptp(measure.interval(many)) < 0.5 * np.ptp(measure.interval(few))


def test_a_pair_is_the_same_speech_with_and_without_noise():
    from demo_model.noisy import Pairs, render_pair

    voices = {"a": [utterance(f"a{i}", "a", seed=i) for i in range(4)]}
    recipe = Pairs(seconds=3.0, ratios=(10.0, 10.0), nobody=0.0, spliced=0.5)
    ratios = []
    for seed in range(12):
        noisy, clean = render_pair(voices, recipe, np.random.default_rng(seed))
        assert noisy.shape == clean.shape == (3 * RATE,) and noisy.dtype == clean.dtype == np.float32
        ratios.append(20 * np.log10(augment.level(clean) / np.sqrt(np.mean((noisy - clean) ** 2))))
        again = render_pair(voices, recipe, np.random.default_rng(seed))
        assert np.array_equal(again[0], noisy) and np.array_equal(again[1], clean)
    assert np.median(ratios) == pytest.approx(10.0, abs=0.05)  # some lose what is above 4 kHz of both


def test_spliced_speech_is_made_of_pieces_of_the_sentences_at_their_level():
    from demo_model.noisy import splice

    spoken = [utterance(f"a{i}", "a", seed=i) for i in range(3)]
    found = splice(spoken, 5 * RATE, np.random.default_rng(1))
    assert found.shape == (5 * RATE,) and found.dtype == np.float32
    assert 0.2 < np.abs(found).max() <= 0.6 + 1e-6  # two that fade into each other at most add up
    clicks = np.flatnonzero(np.abs(found) > 0.25)
    assert np.ptp(clicks) > 4 * RATE


def test_where_nobody_speaks_the_pair_is_noise_and_nothing():
    from demo_model.noisy import Pairs, render_pair

    noisy, clean = render_pair({"a": [utterance()]}, Pairs(nobody=1.0), np.random.default_rng(0))
    assert not clean.any() and 10 ** (-70 / 20) * 0.9 < noisy.std() < 10 ** (-20 / 20) * 1.1


def test_bands_of_pairs_are_made_once(tmp_path, monkeypatch):
    from demo_model import noisy

    from a2f.config import DEMO

    spoken = [utterance(f"{voice}{i}", voice, seed=i) for voice in "ab" for i in range(2)]
    recipe = noisy.Pairs(clips=3, seconds=1.0)
    found = noisy.paired_bands(spoken, recipe, DEMO.model, tmp_path, 1)
    assert found.shape == (3, 2, 80, 100) and np.isfinite(found).all()
    monkeypatch.setattr(noisy.multiprocessing, "get_context", None)  # nothing is computed a second time
    assert np.array_equal(noisy.paired_bands(spoken, recipe, DEMO.model, tmp_path, 1), found)


def test_hardening_teaches_the_clean_movement_and_keeps_styles_and_blendshapes(tmp_path):
    """One sentence in one noise, learned by heart."""
    import shutil

    import torch
    from demo_model.hardening import Hardening, harden

    import a2f
    from a2f.data.assets import asset
    from a2f.data.sample import open_sample
    from a2f.files import read_json, sha256, write_json
    from a2f.models.stored import TUNED, read_weights

    run = tmp_path / "run"
    shutil.copytree(asset("model/config.json").parent, run)
    write_json(run / "finished.json", {"seconds": 1.0, "steps": 2, "sha256": {}})
    animator, sample, rng = a2f.load(run), open_sample(60.0), np.random.default_rng(0)
    noise = augment.noise("white", len(sample.waveform), rng)
    sounds = augment.with_noise(sample.waveform, noise, -5.0), sample.waveform
    pairs = np.stack([animator.encoder.prepare(torch.from_numpy(w)[None])[0].numpy() for w in sounds])
    pairs = np.stack([pairs, pairs]).astype(np.float16)
    recipe = Hardening(steps=20, batch_size=2, unspoilt=0.5, warmup=5, styles=1, share=1.0, seeds=(0,))
    out = harden(run, pairs, 1, recipe)

    finished = read_json(out / "finished.json")
    errors = finished["hardening"]["errors"]
    assert errors["before"]["without"] == {"vertices": 0, "lips": 0, "features": 0}
    assert errors["after"]["in noise"]["features"] < 0.9 * errors["before"]["in noise"]["features"]
    assert finished["steps"] == 2 and finished["sha256"] == {"best.safetensors": sha256(out / "best.safetensors")}
    before, after = animator.model.state_dict(), read_weights(out)
    same = {name for name, value in before.items() if value.equal(after[name])}
    kept = {name for name in before if name.startswith(("modulation", "embedding"))}
    assert kept and kept <= same and "audio_projection.weight" not in same
    assert any(name.startswith(TUNED) for name in after) and a2f.load(out).tuned
    half = replace(recipe, steps=1, share=0.5)
    digests = {sha256(harden(run, pairs, 1, half) / "best.safetensors") for _ in range(2)}
    assert len(digests) == 1


def test_weights_move_towards_the_mean_of_the_runs():
    import torch
    from demo_model.hardening import _move

    part = torch.nn.Linear(2, 1)
    with torch.no_grad():
        part.weight.fill_(1.0)
        part.bias.fill_(2.0)
    ends = [{"weight": np.full((1, 2), w, np.float32), "bias": np.full(1, 2, np.float32)} for w in (3.0, 5.0)]
    _move(part, ends, 0.75)
    assert part.weight.tolist() == [[3.25, 3.25]] and part.bias.tolist() == [2.0]
