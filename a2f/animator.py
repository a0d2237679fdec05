"""A trained model ready for sound: a waveform, a face and a style motion in, an animation out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Self

import numpy as np
import torch

from a2f.animation import Animation
from a2f.audio import SAMPLE_RATE, resample, to_mono_float
from a2f.batches import whole_motion
from a2f.chunked import face_pieces
from a2f.data import Clip
from a2f.data.sample import open_sample
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.features import encode, frame_count
from a2f.kept import Kept
from a2f.models import Motion, resample_features
from a2f.models.runtime_encoder import RuntimeEncoder
from a2f.processes import usable_device
from a2f.runtimes import INT8, TORCH, check_place, run_by, runtime_deviation
from a2f.saved import SavedModel
from a2f.streaming import AHEAD, HOP, PAST, FaceStream


class Animator(SavedModel):
    """A model, its audio encoder and its topology, ready for sound.

    `from_pretrained`, `save_pretrained` and `push_to_hub` are those of `SavedModel`, and so is what it is made of.
    """

    def with_runtime(
        self,
        name: str,
        sound: np.ndarray | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        template: np.ndarray | None = None,
        style: torch.Tensor | Clip | Animation | None = None,
        calibration: np.ndarray | None = None,
        threads: int = 1,
        report: Callable[[str], object] = print,
    ) -> Animator:
        """Return the same model with its audio encoder run by another runtime than torch; nothing else differs.

        Parameters
        ----------
        name : {"openvino", "openvino-int8", "onnxruntime", "onnxruntime-int8", "torch"}
            Single precision deviates by rounding only, int8 so that it may show. Which is quickest depends on the
            processor (``a2f bench``); OpenVINO's int8 is for those with VNNI. All but torch need
            ``pip install "a2f[runtime]"``. A first call converts the network, which takes up to minutes, and keeps it
            (`a2f.models.kept_network.cache_folder`).
        sound : ndarray, (S,) or (S, channels), optional
            The deviation is measured on its first seconds and told to `report`. For int8 it always is, by default on
            the sample sentence.
        sample_rate : int
            Of `sound` and `calibration`, Hz.
        template, style
            As for a call, for the measured faces.
        calibration : ndarray, (S,) or (S, channels), optional
            Speech like that to come, from which OpenVINO's int8 takes its ranges; sentences of the demo corpus by
            default.
        threads : int
            That one call of the encoder uses.
        report : callable
            Is told the deviation.

        Raises
        ------
        MissingData
            If the runtime is not installed.
        BadInput
            If there is no such runtime, the encoder or a sound is of no use for it, or the model is on a GPU.
        """
        check_place(name, self.device)
        if calibration is not None:
            calibration = resample(to_mono_float(calibration), sample_rate, SAMPLE_RATE)
        encoder = run_by(name, self.encoder, calibration, threads=threads)
        if sound is None and name in INT8:
            example = open_sample()
            sound, sample_rate = example.waveform, example.sample_rate
        if sound is not None and name != TORCH:
            heard = resample(to_mono_float(sound), sample_rate, SAMPLE_RATE)
            fps, unit = self.config.data.fps, self.topology.unit
            if template is None:
                vector = style if isinstance(style, torch.Tensor) else self.style(style)
            else:
                template, vector = self._conditions(template, style)
            found = runtime_deviation(self.model, (self.encoder, encoder), heard, fps, unit, template, vector)
            report(f"{name} {found}")
        return type(self)(
            self.model,
            encoder,
            self.topology,
            self.config,
            tuned=self.tuned,
            seed=self.seed,
            card=self.card,
            evaluation=self.evaluation,
        )

    def to(self, device: str) -> Self:
        """Move the model and an audio encoder that torch runs; returns the animator itself.

        Faces, weights and streams come back as NumPy arrays wherever they are computed; on a GPU they differ by
        rounding from those of a CPU.

        Parameters
        ----------
        device : {"cpu", "cuda"}

        Raises
        ------
        BadInput
            If it is another, or not there, or another runtime than torch runs the audio encoder.
        """
        where = usable_device(device)
        if isinstance(self.encoder, RuntimeEncoder):
            check_place(self.encoder.runtime, where)
        self.model.to(where)
        self.encoder.to(where)
        return self

    @property
    def device(self) -> torch.device:
        """Where faces are computed."""
        return self.model.data_std.device

    @cached_property
    def _kept(self) -> Kept:
        return Kept(self.model)

    @torch.no_grad()
    @same_digits()
    def style(self, motion: Clip | Animation | None) -> torch.Tensor | None:
        """Return the style vector of a motion, to be used for any number of animations.

        Parameters
        ----------
        motion : Clip, Animation or None
            Any facial motion on this topology, at any frame rate. An `Animation`'s first frame is taken as its neutral
            face. None is the motionless face.
        """
        if motion is None or isinstance(motion, Clip):  # made once: neither can change
            return self._kept.style(motion, lambda: self._style(motion))
        return self._style(motion)

    def _style(self, motion: Clip | Animation | None) -> torch.Tensor | None:
        fps = self.config.data.fps
        if motion is None:
            still = torch.zeros(1, 16, 3 * self.model.num_vertices, device=self.device)
            return self.model.style(Motion(still))
        if isinstance(motion, Clip):
            whole = whole_motion(self.model, motion)
            return self.model.style(Motion(_at_rate(whole.values, motion.fps, fps), whole.basis))
        vertices = torch.from_numpy(self.topology.check_vertices(motion.vertices, "the style motion"))[None]
        vertices = vertices.to(self.device)
        whole = self.model.motion(vertices, vertices[:, 0])
        return self.model.style(Motion(_at_rate(whole.values, motion.fps, fps)))

    @torch.no_grad()
    @same_digits()
    def __call__(
        self,
        waveform: np.ndarray,
        template: np.ndarray,
        style: torch.Tensor | Clip | Animation | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        name: str = "",
    ) -> Animation:
        """Animate a face.

        Parameters
        ----------
        waveform : ndarray, (S,) or (S, channels), float or integer
        template : ndarray, (N, 3)
            The face to move, in the topology's unit.
        style : Tensor, Clip, Animation or None
            What `style` returned, or a motion to take the style from.
        sample_rate : int
        name : str

        Returns
        -------
        Animation
            With the exact blendshape basis and its weights.
        """
        template, style = self._conditions(template, style)
        sound = resample(to_mono_float(waveform), sample_rate, SAMPLE_RATE)
        fps = self.config.data.fps
        found = torch.from_numpy(encode(self.encoder, sound))[None].to(self.device)
        frames = frame_count(sound, fps)
        audio = resample_features(found, frames, fps, self.encoder.feature_rate, self.encoder.first_centre)
        face = torch.from_numpy(template)[None].to(self.device)
        weights = self._kept.model.features(audio, face, style)
        return Animation(
            vertices=self.model.synthesise(weights, face)[0].cpu().numpy(),
            fps=fps,
            topology=self.topology,
            audio=sound,
            sample_rate=SAMPLE_RATE,
            name=name,
            basis=self._kept.blendshapes,
            weights=weights[0].cpu().numpy(),
            config=self.config.to_dict(),
        )

    def frames(
        self,
        waveform: np.ndarray | Iterable[np.ndarray],
        template: np.ndarray,
        style: torch.Tensor | Clip | Animation | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        chunk_seconds: float | None = None,
        reuse: bool = False,
    ) -> Iterator[np.ndarray]:
        """Animate a face piece by piece, in memory that does not grow with the length of the sound.

        The faces are those of a call: audio features of the same windows, the decoder's convolutions with all that they
        see around a piece, and Eq. 2's statistics over the whole sound. Only `chunk_seconds` changes them, see there.

        Parameters
        ----------
        waveform : ndarray, (S,) or (S, channels), or iterable of such
            Pieces of one sound, of any sizes. A model that normalises over the whole sound (audio_normalisation
            "instance") reads it twice, which an array or a list allows and an iterator does not.
        template, style, sample_rate
            As for a call.
        chunk_seconds : float, optional
            Seconds of sound, 0.5 or more, that one call of the audio encoder adds, for less memory. By default as many
            as the encoder takes. With fewer it sees less around each feature: `a2f.chunked.deviation` measures what
            that changes.
        reuse : bool
            Write all pieces to the same memory, which is faster: each holds until the next one is asked for.

        Yields
        ------
        ndarray, (n, N, 3) float32
            At most a second of faces; together as many frames as a call makes.

        Raises
        ------
        BadInput
            If an argument does not fit.
        """
        template, style = self._conditions(template, style)
        return face_pieces(
            self._kept.model,
            self.encoder,
            self.config.data.fps,
            waveform,
            template,
            style,
            sample_rate=sample_rate,
            chunk_seconds=chunk_seconds,
            reuse=reuse,
        )

    def stream(
        self,
        sound: Iterable[np.ndarray],
        template: np.ndarray,
        style: torch.Tensor | Clip | Animation | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        hop: float = HOP,
        ahead: float = AHEAD,
        past: float = PAST,
    ) -> FaceStream:
        """Return a live animation: it yields faces, pieces of (n, N, 3), while the pieces of `sound` come in.

        Its `latency` is ``hop + ahead``; where sound comes from a callback, give ``()`` and use its `push` and
        `finish`. The faces are not quite those of a call: `a2f.streaming.streaming_deviation` measures by how much.

        Parameters
        ----------
        sound : iterable of ndarray, (S,) or (S, channels)
            Pieces of any sizes.
        template, style, sample_rate
            As for a call.
        hop : float
            Seconds of faces that are made at once.
        ahead, past : float
            Seconds of sound after and before them that are heard for it.

        Raises
        ------
        BadInput
            If an argument does not fit.
        """
        template, style = self._conditions(template, style)
        return FaceStream(
            self._kept.model,
            self.encoder,
            self.config.data.fps,
            sound,
            template,
            style,
            sample_rate=sample_rate,
            hop=hop,
            ahead=ahead,
            past=past,
        )

    def _conditions(
        self, template: np.ndarray, style: torch.Tensor | Clip | Animation | None
    ) -> tuple[np.ndarray, torch.Tensor | None]:
        """Return the face to move, checked, and the style as a vector."""
        template = self.topology.check_vertices(template, "the template")
        if template.ndim != 2:
            raise BadInput(f"the template has shape {template.shape}, expected ({self.topology.num_vertices}, 3)")
        return template, style.to(self.device) if isinstance(style, torch.Tensor) else self.style(style)


def _at_rate(values: torch.Tensor, given: float, wanted: float) -> torch.Tensor:
    """Return values (B, T, C) at another frame rate, between frames by linear interpolation."""
    if given == wanted:
        return values
    frames = max(1, round((values.shape[1] - 1) * wanted / given) + 1)
    position = (torch.arange(frames, dtype=torch.float64) * given / wanted).clamp(max=values.shape[1] - 1)
    below = position.floor().long()
    above = (below + 1).clamp(max=values.shape[1] - 1)
    return torch.lerp(values[:, below], values[:, above], (position - below).to(values).view(1, -1, 1))


load = Animator.from_pretrained
