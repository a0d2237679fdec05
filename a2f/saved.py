"""A model with all that belongs to it: read from one folder, written to one folder, put on a hub."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from a2f import pretrained
from a2f.card import model_card
from a2f.config import Config
from a2f.errors import BadInput
from a2f.files import atomic_path, read_json, write_json
from a2f.mesh import Topology
from a2f.model_config import ModelConfig
from a2f.models import Audio2Face, AudioEncoder, load_encoder, load_model, read_run_config, save_model
from a2f.models.hubert import HubertFeatures
from a2f.models.runtime_encoder import RuntimeEncoder
from a2f.models.stored import TUNED


class SavedModel:
    """A model, its audio encoder, its topology and what is known of them.

    Parameters
    ----------
    model : Audio2Face
    encoder : AudioEncoder
    topology : Topology
    config : Config
    tuned : bool
        The encoder's weights are not those that its name stands for; they go with the model.
    seed : int, optional
        Of the run that made the model.
    card, evaluation : mapping, optional
        What `a2f.card.model_card` takes; written with the model.

    Raises
    ------
    BadInput
        If model, encoder and topology do not fit each other.
    """

    def __init__(
        self,
        model: Audio2Face,
        encoder: AudioEncoder,
        topology: Topology,
        config: Config,
        *,
        tuned: bool = False,
        seed: int | None = None,
        card: Mapping[str, Any] | None = None,
        evaluation: Mapping[str, Any] | None = None,
    ) -> None:
        if topology.num_vertices != model.num_vertices:
            raise BadInput(f"the model moves {model.num_vertices} vertices, its topology has {topology.num_vertices}")
        if encoder.feature_dim != model.audio_dim:
            raise BadInput(
                f"the model takes {model.audio_dim} audio features, {config.model.audio_encoder} gives "
                f"{encoder.feature_dim}"
            )
        self.model, self.encoder, self.topology, self.config = model.eval(), encoder.eval(), topology, config
        self.tuned, self.seed, self.card, self.evaluation = tuned, seed, card, evaluation

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike = pretrained.DEMO,
        name: str | None = None,
        *,
        download: bool = False,
        revision: str | None = None,
        endpoint: str | None = None,
    ) -> Self:
        """Load a model.

        Parameters
        ----------
        source : str or path-like
            ``"demo"``, the shipped model; the folder of a training run or one that `save_pretrained` wrote; or a hub
            name ``"owner/name"``.
        name : str, optional
            Which weights of the folder: ``"best"`` or ``"last"`` of a run. By default ``"model"`` where there is such a
            file, as in every saved model, and ``"best"`` elsewhere.
        download : bool
            Fetch a hub name first. Without it no network is used.
        revision : str, optional
            Branch, tag or commit of a hub name.
        endpoint : str, optional
            Address of the hub; that of ``HF_ENDPOINT``, or huggingface.co, by default.

        Raises
        ------
        MissingData
            If there is no such model, or its audio encoder is not on this machine; the text says how to get it.
        BadInput
            If its files are damaged or do not fit each other.
        A2FError
            If the hub cannot be reached or refuses.
        """
        folder = pretrained.model_folder(source, download=download, revision=revision, endpoint=endpoint)
        config, described = read_run_config(folder)
        if config.model.audio_encoder == pretrained.ENCODER:
            config = config.replace(audio_encoder=str(folder / pretrained.ENCODER))
        if name is None:
            saved = pretrained.WEIGHTS.removesuffix(".safetensors")
            name = saved if (folder / pretrained.WEIGHTS).is_file() else "best"
        if config.method != ModelConfig.method:
            raise BadInput(
                f"{folder} holds a {config.method} network; only the paper's has the style and the blendshapes that an "
                "animation is made of. `a2f evaluate` measures the others"
            )
        model = load_model(folder, name)
        encoder, tuned = load_encoder(folder, config, name)
        card, evaluation = _beside(folder / pretrained.CARD), _beside(folder / pretrained.EVALUATION)
        topology = Topology.load(folder / pretrained.TOPOLOGY)
        seed = described.get("seed")
        return cls(model, encoder, topology, config, tuned=tuned, seed=seed, card=card, evaluation=evaluation)

    def save_pretrained(
        self,
        folder: str | os.PathLike,
        card: Mapping[str, Any] | None = None,
        *,
        evaluation: Mapping[str, Any] | None = None,
        half: bool = False,
    ) -> Path:
        """Write a folder that `load` reads on any machine: configuration, weights, topology and model card.

        An audio encoder that was fine-tuned, or that came from a folder, goes with it; one that ships with a2f or has a
        hub name is only named.

        Parameters
        ----------
        folder : path-like
            Files that are there are replaced, each whole or not at all.
        card : mapping, optional
            What to say in the card, `a2f.card.FACTS`; what the model was loaded with by default.
        evaluation : mapping, optional
            Results for the card, see `a2f.card.model_card`; those that the model was loaded with by default.
        half : bool
            Store matrices as float16.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        BadInput
            If the card's facts are not such, a weight is too large for float16, or not torch runs the audio encoder.
        """
        folder = Path(folder)
        if isinstance(self.encoder, RuntimeEncoder):
            by = self.encoder.runtime
            raise BadInput(f"a model whose audio encoder {by} runs is not saved; save the one that it was made from")
        if card is None and self.card is not None:  # as it was loaded, but for the place where it was
            card = {key: value for key, value in self.card.items() if key != "model_id"}
        facts = self._facts(card, folder.resolve().name)
        evaluation = self.evaluation if evaluation is None else evaluation
        text = model_card(facts, evaluation)  # before anything is written: a wrong fact is found here
        config, extra = self.config, {}
        if isinstance(self.encoder, HubertFeatures) and (self.tuned or Path(config.model.audio_encoder).is_dir()):
            self.encoder.save(folder / pretrained.ENCODER, half)
            config = config.replace(audio_encoder=pretrained.ENCODER)
        elif self.tuned:
            extra = {TUNED + key: value.contiguous() for key, value in self.encoder.state_dict().items()}
        self.topology.save(folder / pretrained.TOPOLOGY)
        weights = pretrained.WEIGHTS.removesuffix(".safetensors")
        save_model(self.model, folder, config, weights, self.seed, extra, half)
        write_json(folder / pretrained.CARD, facts)
        if evaluation is None:
            (folder / pretrained.EVALUATION).unlink(missing_ok=True)  # another model's, if there is one
        else:
            write_json(folder / pretrained.EVALUATION, evaluation)
        with atomic_path(folder / pretrained.README) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return folder

    def _facts(self, given: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
        """Return the facts of the card, with what the model itself knows where nothing else is said."""
        model, training = self.config.model, self.config.training
        encoder = Path(model.audio_encoder).name if Path(model.audio_encoder).is_dir() else model.audio_encoder
        known = {
            "name": name,
            "synthetic": self.config.data.dataset == pretrained.DEMO,
            "model": {
                "audio encoder": encoder + (", fine-tuned" if self.tuned else ""),
                "blendshapes": model.motion_dim,
                "composite part": model.composite,
                "parameters": sum(p.numel() for p in self.model.parameters()),
                "vertices": self.model.num_vertices,
                "unit": self.topology.unit,
                "fps": f"{self.config.data.fps:g}",
            },
            "training": {
                "data set": self.config.data.dataset,
                "loss": training.loss,
                "sparsity weight": training.sparsity_weight,
                "learning rate": training.learning_rate,
                "schedule": training.schedule,
                "batch size": training.batch_size,
                "epochs": training.epochs,
                "seed": self.seed,
            },
        }
        return known | dict(given or {})

    def push_to_hub(
        self,
        repo_id: str,
        *,
        token: str | None = None,
        private: bool = True,
        card: Mapping[str, Any] | None = None,
        evaluation: Mapping[str, Any] | None = None,
        half: bool = False,
        message: str = "Upload a model of a2f",
        endpoint: str | None = None,
    ) -> str:
        """Save the model and put it on a hub.

        Parameters
        ----------
        repo_id : str
            ``"owner/name"``; made if it is not there, and one that is there stays as private or public as it is.
        token : str, optional
            That of ``hf auth login`` by default.
        private : bool
            A new repository is seen by its owner alone.
        card, evaluation, half
            See `save_pretrained`.
        message : str
            Of the commit.
        endpoint : str, optional
            Address of the hub; that of ``HF_ENDPOINT``, or huggingface.co, by default.

        Returns
        -------
        str
            The model's address.

        Raises
        ------
        BadInput
            If `repo_id` is no hub name.
        A2FError
            If the hub cannot be reached or refuses.
        """
        pretrained.check_hub_name(repo_id)
        given = self.card if card is None else card
        facts = {"name": repo_id.partition("/")[2]} | dict(given or {}) | {"model_id": repo_id}
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, facts, evaluation=evaluation, half=half)
            return pretrained.upload(
                Path(folder), repo_id, token=token, private=private, message=message, endpoint=endpoint
            )


def _beside(path: Path) -> dict[str, Any] | None:
    """Return what a file beside the weights says of them, None where there is no such file."""
    if not path.is_file():
        return None
    found = read_json(path)
    if not isinstance(found, dict):
        raise BadInput(f"{path} holds {type(found).__name__}, expected an object")
    return found
