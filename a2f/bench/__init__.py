"""How long things take, against a plain path and against FaceFormer, and what the machine could do at best."""
