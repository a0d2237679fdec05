"""Digits do not depend on how many threads a process may use."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from a2f.determinism import one_product_thread, same_digits

DIGEST = """
import hashlib
import numpy as np
from a2f.data import open_dataset
clip = open_dataset().split("test")[0]
print(hashlib.sha256(clip.template.tobytes() + clip.vertices_at(np.arange(8)).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_faces_have_the_same_digits_on_any_number_of_threads(threads):
    found = [
        subprocess.run(
            [sys.executable, "-c", DIGEST], env=os.environ | {"OMP_NUM_THREADS": count}, capture_output=True, text=True,
            check=True,
        ).stdout
        for count in ("1", threads)
    ]  # fmt: skip
    assert len(found[0]) == 65 and found[0] == found[1]


@pytest.mark.parametrize("way", ["whole", "pieces", "live"])
def test_an_animation_has_the_same_digits_on_any_number_of_threads(way):
    from a2f import load
    from a2f.data import open_dataset

    clip, animator = open_dataset().split("test")[0], load("demo")
    sound = clip.read_waveform()[: clip.sample_rate]
    given = {"template": clip.template, "style": clip, "sample_rate": clip.sample_rate}
    make = {
        "whole": lambda: animator(sound, **given).vertices,
        "pieces": lambda: np.concatenate(list(animator.frames(sound, **given))),
        "live": lambda: np.concatenate(list(animator.stream([sound], **given))),
    }[way]
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with threadpool_limits(threads, user_api="blas"):
                made.append(make())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert made[0].std() > 0 and np.array_equal(*made)


def test_threads_are_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with same_digits(), one_product_thread():
            assert torch.get_num_threads() == 1
            assert np.allclose(np.eye(3) @ np.ones((3, 2)), 1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
