"""Tensors in, tensors out: the paper's model in the pieces of its section 4, and the methods it is compared with."""

from a2f.models.aperture import LipAperture
from a2f.models.audio2face import Audio2Face, data_loss
from a2f.models.composite import AdaptiveModulation, instance_normalise, temporal_statistics
from a2f.models.encoders import AudioEncoder, load_audio_encoder, resample_features
from a2f.models.face_model import Batch, FaceModel, TrainingFaces
from a2f.models.faceformer import FaceFormer
from a2f.models.meshtalk import MeshTalk
from a2f.models.motion import Motion
from a2f.models.regional import MotionEmbedding
from a2f.models.resnet1d import ResidualBlock, ResNet1D
from a2f.models.stored import build_model, load_encoder, load_model, read_run_config, read_weights, save_model
from a2f.models.voca import Voca

__all__ = [
    "AdaptiveModulation",
    "Audio2Face",
    "AudioEncoder",
    "Batch",
    "FaceFormer",
    "FaceModel",
    "LipAperture",
    "MeshTalk",
    "Motion",
    "MotionEmbedding",
    "ResNet1D",
    "ResidualBlock",
    "TrainingFaces",
    "Voca",
    "build_model",
    "data_loss",
    "instance_normalise",
    "load_audio_encoder",
    "load_encoder",
    "load_model",
    "read_run_config",
    "read_weights",
    "resample_features",
    "save_model",
    "temporal_statistics",
]
