"""MeshTalk."""

from a2f.models.face_model import FaceModel


class MeshTalk(FaceModel):
    """MeshTalk."""
