"""The sample sentence of the quickstart: a voice out of training, phones that fit its sound, a target that closes."""

from __future__ import annotations

import numpy as np
import pytest

from a2f.data.sample import open_sample
from a2f.errors import BadInput
from a2f.observations import closure_share, mouth_opening


@pytest.mark.parametrize("fps", [60.0, 30.0, 15.0])
def test_sound_phones_and_motion_last_equally_long(fps):
    sample = open_sample(fps)
    seconds = len(sample.waveform) / sample.sample_rate
    assert sample.duration == pytest.approx(seconds, abs=1.5 / fps)
    assert sample.phones[0].start == 0 and sample.phones[-1].end == pytest.approx(seconds, abs=1e-3)
    assert sample.coefficients.shape == (sample.num_frames, len(sample.basis))


def test_it_has_a_closure_an_open_vowel_and_a_rounded_one():
    symbols = {phone.symbol for phone in open_sample().phones}
    assert {"m", "p"} <= symbols and symbols & {"aa", "ao", "ae"} and symbols & {"uw", "uh"}


def test_its_target_closes_at_every_p_b_and_m():
    sample = open_sample(60.0)
    assert closure_share(mouth_opening(sample.vertices, sample.topology), sample) == 1.0


def test_its_voice_is_a_test_voice_and_it_is_called_synthetic():
    from a2f.data.assets import asset
    from a2f.files import read_json

    described = read_json(asset("sample/sample.json"))
    assert described["voice"] == "flite-awb" and described["synthetic"] is True
    assert np.abs(open_sample().waveform).max() > 0.01


def test_a_rate_that_does_not_divide_the_stored_one_is_refused():
    with pytest.raises(BadInput, match="25"):
        open_sample(25.0)
