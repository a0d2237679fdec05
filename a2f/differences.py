"""The 48 points in which the paper's text and its released code differ, and what stands for each of them here.

Released: github.com/wuhaozhe/audio2face_mm2023, commit a847f45. A point is either a field of the configuration, whose
values say the text and the release, or it is not reproduced, for the reason given.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One point.

    Parameters
    ----------
    number : int
    topic : str
    text : str
        What the paper says.
    release : str
        What its code does.
    field : str
        ``"<part>.<field>"`` of `a2f.config.Config`, or a protocol or a data set's split as ``"protocol.<name>"`` and
        ``"split.<data set>"``; empty where it is not reproduced.
    reason : str
        Why it is not reproduced; empty where there is a field.
    """

    number: int
    topic: str
    text: str
    release: str
    field: str = ""
    reason: str = ""


_SAME = "the text leaves it open, so every preset does as released"
_UNSEEN = "was not released"

DIFFERENCES = (
    Difference(1, "what Eq. 1 subtracts", "the mean face", "the template", "model.style_normalisation"),
    Difference(2, "style statistics", "mean, deviation", "and deviation of differences", "model.style_statistics"),
    Difference(3, "map to scale and shift", "a linear layer", "one joint layer, scale unbounded", reason=_SAME),
    Difference(4, "Z_audio in Eq. 2", "normalised over time", "batch norm", "model.audio_normalisation"),
    Difference(5, "order", "resampled, then Z_audio", "1x1 convolution, then resampled",
               reason="a map of channels and linear interpolation over time commute"),
    Difference(6, "channels of Z_audio", "as the encoder's", "K, after a projection", reason=_SAME),
    Difference(7, "channels of the style latent", "C_face, as Z_pred", "512, Z_pred 256", "model.style_stages"),
    Difference(8, "style encoder", "ResNet18", "half its blocks", "model.style_stages"),
    Difference(9, "decoder", "ResNet18, stride 1", "8 blocks of 256 channels", "model.decoder_blocks"),
    Difference(10, "residual block", "a ResNet's", "PReLU inside, none after the sum", reason=_SAME),
    Difference(11, "stem and head", "a ResNet's", "none", reason=_SAME),
    Difference(12, "template embedding", "W times S_bar", "added after the modulation", "model.template_embedding"),
    Difference(13, "output", "S_bar + 0.1 W^T z", "the same, on normalised faces", "model.output_scale"),
    Difference(14, "options", "none", "another quantiser and L1 weight", reason="no line of the release reads them"),
    Difference(15, "ablations", "w/o Composite, w/o Regional", "no switch", "model.composite"),
    Difference(16, "shortest style", "any", "9 frames, else NaN",
               reason="recordings of fewer than 12 frames are left out when a data set is opened"),
    Difference(17, "which HuBERT", "HuBERT-large", "LL-60k, through torchaudio", "model.audio_encoder"),
    Difference(18, "its last layer", "final", "before the closing layer norm", "model.audio_final_norm"),
    Difference(19, "waveform", "-", "not normalised", "model.normalise_waveform"),
    Difference(20, "dropout of HuBERT", "-", "all rates zero", reason="without effect, and off here too"),
    Difference(21, "frozen for", "10 epochs", "11", "training.freeze_epochs"),
    Difference(22, "what is unfrozen", "HuBERT", "all of it, at the full rate", reason="both do; no other reading"),
    Difference(23, "data term", "norm a frame", "squared norm", "training.loss"),
    Difference(24, "BIWI", "-", "data term times 0.1", "training.data_weight"),
    Difference(25, "beta", "1e-4 on |W|_1", "the same, not divided by size", "training.sparsity_weight"),
    Difference(26, "normalisation of faces", "-", "mean an axis, one deviation",
               reason="as released, but always from the training split's heads; over which set it was is not known"),
    Difference(27, "epochs", "120", "400 by default, scripts pass 120", "training.epochs"),
    Difference(28, "checkpoint", "after training", "every 1000 steps, the last left", reason="both weights are kept: "
               "`last`, after all steps, and `best`, by validation; the study of notebook 12 compares them"),
    Difference(29, "selection", "-", "none", reason="`last` is the weights without selection"),
    Difference(30, "validation split", "described", "the test set", reason="here weights are never chosen on test"),
    Difference(31, "style in training", "any sequence", "the target itself", "training.style_source"),
    Difference(32, "batches", "-", "cropped to the shortest sample, from a random start", reason="crops have "
               "`training.crop_frames` frames or those of the shortest clip; the release's differ in every batch"),
    Difference(33, "sound at test time", "resampled", "stretched to the mesh's length", reason="frame i is at i / fps "
               "here; stretching hides a rate that is off by up to 2 % and shifts the lips by as much"),
    Difference(34, "batch norm", "-", "trained on crops, used on whole clips", "model.audio_normalisation"),
    Difference(35, "frame rate", "30", "60 on VOCASET, 25 on BIWI", "data.fps"),
    Difference(36, "style at test time", "no leakage", "best of K by the truth, or the truth", "protocol.best-of-K"),
    Difference(37, "the author's word", "-", "motion of the training set", "protocol.random-K"),
    Difference(38, "how the best is chosen", "-", "whole-face error", "protocol.best-of-K"),
    Difference(39, "largest lip error", "over the lips", "over masked errors", reason="equal for masks of 0 and 1"),
    Difference(40, "averages", "-", "over sequences, unweighted", reason=_SAME),
    Difference(41, "VOCASET test", "as VOCA: sentences 21-40", "sentences 1-40", "split.vocaset"),
    Difference(42, "MeshTalk data", "9 / 4 / 2", "test subjects validate too", "split.multiface"),
    Difference(43, "BIWI", "192 / 24 / 32", "the same list; 190 files exist", "split.biwi"),
    Difference(44, "list of bad BIWI recordings", "-", "there, not used", reason="not used there, so not here"),
    Difference(45, "Ours best everywhere", "in the caption", "not in the table", reason="no setting; notebook 12"),
    Difference(46, "F-DTW of FaceFormer on VOCASET", "a cell", "half the frames", reason="all methods are scored at "
               "one frame rate; notebook 12 makes the artefact"),
    Difference(47, "exported meshes", "-", "times 0.001", reason="exports carry their unit"),
    Difference(48, "preprocessing, masks, baselines, user study", "described", "absent", reason=_UNSEEN),
)  # fmt: skip
