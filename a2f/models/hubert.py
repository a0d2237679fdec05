"""HuBERT, the paper's audio encoder, and wav2vec 2.0, from a folder or from the local cache of a model hub."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from a2f.audio import SAMPLE_RATE
from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json, temporary_folder
from a2f.models.encoder_base import BUNDLED, AudioEncoder, unit_level, without_progress_bar
from a2f.models.half import half_precision


def _local_folder(source: str | Path) -> Path:
    """Return the folder of a model, as given or of a hub name in the local cache.

    Looked up here, since transformers asks the hub who it is talking for even where it may use local files only.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(source).is_dir():
        return Path(source)
    try:
        found = try_to_load_from_cache(str(source), "config.json")
    except HFValidationError as error:
        raise FileNotFoundError(str(error)) from None
    if not isinstance(found, str):
        raise FileNotFoundError(f"no config.json of {source} is there")
    return Path(found).parent


class HubertFeatures(AudioEncoder):
    """HuBERT through transformers, the paper's encoder, or wav2vec 2.0, which is of the same make.

    Parameters
    ----------
    source : str or Path
        A local folder in transformers' format, or a hub name whose files are already in the local cache. Which of the
        two models it holds is the ``model_type`` of its ``config.json``.
    final_norm : bool
        Features after the closing layer norm ("final layer", the text) or the last layer's raw output (released code).
        The base models have no norm behind the last layer, so that both are the same there.
    normalise_waveform : bool

    Raises
    ------
    MissingData
        If there is no such folder and no such model in the cache.
    BadInput
        If it is another kind of model, or its weights are not whole.
    """

    first_centre = 200 / SAMPLE_RATE  # the first feature sees samples 0..399

    def __init__(self, source: str | Path, final_norm: bool, normalise_waveform: bool) -> None:
        super().__init__()
        from safetensors import SafetensorError
        from transformers import HubertModel, Wav2Vec2Model

        kinds = {"hubert": HubertModel, "wav2vec2": Wav2Vec2Model}
        try:
            with without_progress_bar():
                folder = _local_folder(source)
                kind = read_json(folder / "config.json").get("model_type")
                if kind not in kinds:
                    raise BadInput(f"audio encoder {source!s} has model_type {kind!r}, expected one of {list(kinds)}")
                self.network, report = kinds[kind].from_pretrained(
                    folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
                )
        except OSError as error:
            raise MissingData(
                f"audio encoder {source!s} is neither a local folder nor in the local model cache "
                f"({str(error).splitlines()[0]}). "
                f"Fetch it once where there is a network, `hf download {source}`, or give the folder that holds its "
                "config.json and weights as audio_encoder (hubert-large and wav2vec2-base may also lie in folders of "
                "these names below the one that the environment variable A2F_MODELS names); the bundled encoder is "
                f"called {BUNDLED!r}"
            ) from None
        except (pickle.UnpicklingError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"the weights of audio encoder {source!s} cannot be read, and nothing in them was run "
                f"({str(error).strip().splitlines()[0][:200]}); give a whole model in transformers' format"
            ) from None
        # transformers draws what the file lacks at random; masking, and with it its vector, is out of use here
        lacking = sorted(set(report["missing_keys"]) - {"masked_spec_embed"})
        if lacking:
            raise BadInput(
                f"the weights of audio encoder {source!s} lack {len(lacking)} tensors of a {kind}, {lacking[0]} among "
                f"them; give a whole {kind} in transformers' format"
            )
        self.final_norm, self.normalise_waveform = final_norm, normalise_waveform
        self.feature_dim = self.network.config.hidden_size
        # of the weights themselves: a folder or a hub name may hold others tomorrow
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        self.identity = f"{kind}:{digest.hexdigest()[:16]}:final_norm={final_norm}:level={normalise_waveform}"
        self._last_layer: Tensor | None = None
        self.network.encoder.layers[-1].register_forward_hook(self._keep_last_layer)

    def _keep_last_layer(self, module: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        self._last_layer = output[0] if isinstance(output, tuple) else output

    def prepare(self, waveform: Tensor) -> Tensor:
        """Return waveforms (B, S) as the network takes them, at one level where that is wanted."""
        return unit_level(waveform) if self.normalise_waveform else waveform

    def compute(self, prepared: Tensor) -> Tensor:
        """Map what `prepare` returned to features (B, T_a, hidden size)."""
        output = self.network(prepared).last_hidden_state
        features, self._last_layer = (output if self.final_norm else self._last_layer), None
        return features

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz to (B, T_a, hidden size)."""
        return self.compute(self.prepare(waveform))

    def save(self, folder: Path, half: bool) -> None:
        """Write the network to a folder in transformers' format, each file whole or not at all."""
        from safetensors.torch import load_file, save_file

        with temporary_folder(folder) as temporary, without_progress_bar():
            self.network.save_pretrained(temporary, max_shard_size="50GB")
            for path in temporary.iterdir():
                with atomic_path(folder / path.name) as whole:
                    if half and path.suffix == ".safetensors":
                        save_file(half_precision(load_file(path)), whole, metadata={"format": "pt"})
                    else:
                        whole.write_bytes(path.read_bytes())

    def freeze(self, frozen: bool = True) -> None:
        """Freeze or unfreeze; transformers' front end would otherwise ask for a gradient of its own accord."""
        super().freeze(frozen)
        self.network.feature_extractor._requires_grad = not frozen
