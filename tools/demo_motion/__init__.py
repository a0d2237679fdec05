"""From timed phones to face-unit curves: the generator of the demo corpus' motion (synthetic)."""
