"""Trains the phone recogniser whose log posteriors are the audio features called `ctc-phones`.

    python tools/build_ctc.py                    train, measure, write a2f/assets/encoder/ctc.safetensors and ctc.json
    python tools/build_ctc.py --silence drop     without the pause as a symbol

It is trained on the phone sequences of the demo corpus' training speakers, without their times: connectionist
temporal classification (CTC) finds those itself. Validation and test speakers are only measured, after the last
step. One thread, one seed: the same machine writes the same bytes again. Run tools/write_manifest.py afterwards.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils.rnn import pad_sequence  # noqa: E402

from a2f.audio import SAMPLE_RATE, resample  # noqa: E402
from a2f.data import Clip, open_dataset  # noqa: E402
from a2f.determinism import same_digits  # noqa: E402
from a2f.features import encode  # noqa: E402
from a2f.files import atomic_path, sha256, write_json  # noqa: E402
from a2f.models.ctc import BLANK, CtcFeatures, PhoneNetwork  # noqa: E402
from a2f.models.half import half_precision  # noqa: E402
from a2f.models.whisper import LogMelFeatures  # noqa: E402

ASSETS = Path(__file__).resolve().parent.parent / "a2f" / "assets"
PAUSE = "_"
SEED, STEPS, BATCH, RATE = 7, 1600, 8, 3e-3
WARP = 0.1  # voices are stretched in frequency by up to so much, as vocal tracts differ in length
MASKED = 12  # bands hidden at a time, so that no narrow range decides


def spoken(clip: Clip, symbols: Sequence[str]) -> list[str]:
    """Return the phones of a clip that are among the symbols, in order, two neighbours of one kind kept apart."""
    return [phone.symbol for phone in clip.phones if phone.symbol in symbols]


def bands_of(clips: Sequence[Clip], folder: Path = ASSETS / "encoder") -> list[Tensor]:
    """Return the log-mel features of clips, (T, 160) each."""
    front = LogMelFeatures(folder, normalise_waveform=True)
    return [torch.from_numpy(encode(front, resample(c.waveform, c.sample_rate, SAMPLE_RATE))) for c in clips]


def varied(bands: Tensor, rng: np.random.Generator) -> Tensor:
    """Return features (T, 160) as another speaker might have made them: bands shifted, a few of them hidden."""
    pairs = bands.reshape(len(bands), 2, 80)
    place = np.clip(np.arange(80) * rng.uniform(1 - WARP, 1 + WARP), 0, 79)
    below = np.minimum(place.astype(int), 78)
    share = torch.from_numpy((place - below).astype(np.float32))
    pairs = torch.lerp(pairs[..., below], pairs[..., below + 1], share)
    first = rng.integers(80)
    pairs[..., first : first + rng.integers(MASKED + 1)] = pairs.mean()
    return pairs.reshape(bands.shape)


def batches(bands: Sequence[Tensor], rng: np.random.Generator) -> list[np.ndarray]:
    """Return all clips once, in batches of about one length: the norms should see little padding."""
    order = np.argsort([len(rows) + rng.uniform(0, 25) for rows in bands])
    chunks = np.array_split(order, max(1, round(len(order) / BATCH)))
    return [chunks[i] for i in rng.permutation(len(chunks))]


@same_digits()
def train(bands: Sequence[Tensor], targets: Sequence[Tensor], symbols: int, seed: int, steps: int) -> PhoneNetwork:
    """Train a network by CTC.

    Parameters
    ----------
    bands : sequence of Tensor, (T_i, 160)
    targets : sequence of Tensor, (P_i,) int64
        Phones as numbers from 1; 0 is the blank.
    symbols : int
    seed, steps : int

    Returns
    -------
    PhoneNetwork
        In evaluation mode.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PhoneNetwork(symbols).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
        waiting: list[np.ndarray] = []
        for _ in range(steps):
            waiting = waiting or batches(bands, rng)
            batch = waiting.pop()
            padded = pad_sequence([varied(bands[i], rng) for i in batch], batch_first=True)
            posteriors = network(padded).log_softmax(-1).transpose(0, 1)
            lengths = [torch.tensor([len(rows[i]) for i in batch]) for rows in (bands, targets)]
            loss = F.ctc_loss(posteriors, torch.cat([targets[i] for i in batch]), *lengths)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
    return network.eval()


def decode(posteriors: np.ndarray, symbols: Sequence[str]) -> list[str]:
    """Return the best symbol of each frame (T, C), repetitions joined, blanks left out."""
    best = posteriors.argmax(axis=1)
    return [symbols[k] for k in best[np.flatnonzero(np.diff(best, prepend=-1))] if symbols[k] != BLANK]


def distance(found: Sequence[str], wanted: Sequence[str]) -> int:
    """Return how many insertions, deletions and substitutions turn one sequence into the other."""
    row = list(range(len(wanted) + 1))
    for i, one in enumerate(found, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]


def error_rate(encoder: CtcFeatures, clips: Sequence[Clip]) -> float:
    """Return the phone error rate over clips: edits over spoken phones, pauses not counted."""
    phones = [symbol for symbol in encoder.symbols if symbol != PAUSE]
    edits = total = 0
    for clip in clips:
        features = encode(encoder, resample(clip.waveform, clip.sample_rate, SAMPLE_RATE))
        found = [symbol for symbol in decode(features, encoder.symbols) if symbol != PAUSE]
        wanted = spoken(clip, phones)
        edits, total = edits + distance(found, wanted), total + len(wanted)
    return edits / total


def write(network: PhoneNetwork, symbols: Sequence[str], folder: Path, described: dict) -> None:
    """Write the weights, then what describes them, each file whole or not at all."""
    from safetensors.torch import save

    with atomic_path(folder / "ctc.safetensors") as path:
        path.write_bytes(save(half_precision(network.state_dict())))
    names = {"symbols": list(symbols), "sha256": sha256(folder / "ctc.safetensors")}
    write_json(folder / "ctc.json", names | described)


def main() -> None:
    """Train, measure on the two kinds of speakers that were not trained on, and write both files."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=ASSETS / "encoder")
    parser.add_argument("--silence", choices=("keep", "drop"), default="keep", help="is the pause a symbol")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    corpus = open_dataset("demo")
    clips = corpus.split("train")
    phones = sorted({phone.symbol for clip in clips for phone in clip.phones} - {PAUSE})
    symbols = [BLANK, *phones, *([PAUSE] if arguments.silence == "keep" else [])]
    targets = [torch.tensor([symbols.index(phone) for phone in spoken(clip, symbols)]) for clip in clips]
    begun = time.monotonic()
    network = train(bands_of(clips), targets, len(symbols), arguments.seed, arguments.steps)
    seconds = time.monotonic() - begun
    described = {"seed": arguments.seed, "steps": arguments.steps, "seconds": round(seconds)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:  # measured as it will be used, from rounded weights
        write(network, symbols, Path(scratch), {})
        extractor = (ASSETS / "encoder" / "preprocessor_config.json").read_bytes()
        (Path(scratch) / "preprocessor_config.json").write_bytes(extractor)
        encoder = CtcFeatures(Path(scratch), normalise_waveform=True)
        encoder.freeze()
        rates = {split: round(error_rate(encoder, corpus.split(split)), 4) for split in ("train", "val", "test")}
    described["phone_error_rate"] = rates
    write(network, symbols, arguments.out, described)
    print(described)


if __name__ == "__main__":
    main()
