"""What the paper's training would take: counted on shapes, so the counts can be checked."""

import pytest

from a2f.config import PAPER, on_dataset
from a2f.estimates import encoder_operations, estimate, hubert_large


def test_hubert_large_is_built_without_memory_and_has_the_published_size():
    network = hubert_large()
    real = [name for name, parameter in network.named_parameters() if not parameter.is_meta]
    assert real in ([], ["masked_spec_embed"])  # 1,024 numbers
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 315_438_720
    biases = sum(layer.conv.bias.numel() for layer in network.feature_extractor.conv_layers)
    assert count - biases - network.masked_spec_embed.numel() == 315_434_112


def test_operations_of_the_encoder_grow_with_the_sound():
    one, five = encoder_operations(1.0), encoder_operations(5.0)
    assert 33e9 < one < 40e9 and 5.0 < five / one < 5.6  # attention grows faster than the sound


def test_an_estimate_counts_steps_and_grows_with_what_it_is_about():
    config = on_dataset(PAPER, "vocaset", 30.0)
    found = estimate(config, 5023, 314, 3.6)
    assert (found.steps, found.frozen_steps) == (39 * 120, 39 * 10)
    assert 1e15 < found.operations < 1e17 and 5 < found.weights_gb < 6
    assert found.operations < estimate(config, 23_370, 314, 3.6).operations
    frozen = estimate(config.replace(freeze_epochs=None), 5023, 314, 3.6)
    assert frozen.operations < 0.2 * found.operations and frozen.frozen_steps == frozen.steps
    assert found.minutes == pytest.approx(found.operations / 15e12 / 60)
    assert "390" not in str(found) and "4290 of them" in str(found)
