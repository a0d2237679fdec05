"""FaceFormer."""

from a2f.models.face_model import FaceModel


class FaceFormer(FaceModel):
    """FaceFormer."""
