"""Tensors in, tensors out: the paper's model in the pieces of its section 4."""

from a2f.models.aperture import LipAperture
from a2f.models.audio2face import Audio2Face, read_run_config, read_weights
from a2f.models.composite import AdaptiveModulation, instance_normalise, temporal_statistics
from a2f.models.encoders import AudioEncoder, load_audio_encoder, resample_features
from a2f.models.motion import Motion
from a2f.models.regional import MotionEmbedding
from a2f.models.resnet1d import ResidualBlock, ResNet1D

__all__ = [
    "AdaptiveModulation",
    "Audio2Face",
    "AudioEncoder",
    "LipAperture",
    "Motion",
    "MotionEmbedding",
    "ResNet1D",
    "ResidualBlock",
    "instance_normalise",
    "load_audio_encoder",
    "read_run_config",
    "read_weights",
    "resample_features",
    "temporal_statistics",
]
