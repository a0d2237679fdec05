"""The thresholded W: the minimum is that of Eq. 4 and its zeros are exact, where the gradient's W has none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from a2f.config import Config, TrainingConfig
from a2f.errors import BadInput
from a2f.models import load_model
from a2f.proximal import threshold
from a2f.training import train

BETA = 0.3


def test_it_comes_to_the_minimum_that_coordinate_descent_finds():
    """scikit-learn minimises the same objective in another way; features of unlike sizes tell the metrics apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30)) * np.geomspace(0.1, 3, 30)
    y = x[:, ::5] @ rng.normal(size=6) + 0.1 * rng.normal(size=200)
    expected = Lasso(alpha=BETA, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(x, y).coef_
    features, target = torch.tensor(x), torch.tensor(y)

    def objective(weight: torch.Tensor) -> float:
        return float((features @ weight - target).square().mean() / 2 + BETA * weight.abs().sum())

    weight = torch.zeros(30, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([weight], lr=1e-2)
    for step in range(1500):
        adam.param_groups[0]["lr"] = 1e-2 * (1 - step / 1500)
        adam.zero_grad()
        ((features @ weight - target).square().mean() / 2).backward()
        adam.step()
        threshold(adam, weight, BETA)
    found = weight.detach()
    assert objective(found) == pytest.approx(objective(torch.tensor(expected)), rel=1e-3)
    assert set(np.flatnonzero(found)) == set(np.flatnonzero(expected)) and 0 < np.count_nonzero(expected) < 15


def test_a_trained_w_has_exact_zeros_at_no_worse_an_objective(tiny_config, dataset, feature_cache, tmp_path):
    config = tiny_config.replace(sparsity_weight=0.03, epochs=10, freeze_epochs=None, validate_every=10)
    zeros, objectives = {}, {}
    for step in ("gradient", "proximal"):
        run = train(config.replace(sparsity_step=step), dataset, tmp_path / step, cache=feature_cache, progress=False)
        last = json.loads((run / "history.json").read_text())[-1]
        objectives[step] = last["train_loss"] + 0.03 * last["sparsity"]
        zeros[step] = float((load_model(run, "last").embedding.weight == 0).float().mean())
    assert zeros["gradient"] == 0 and zeros["proximal"] > 0.05
    assert objectives["proximal"] <= 1.02 * objectives["gradient"]


def test_settings_of_before_are_the_gradients_and_others_are_refused(tiny_config):
    stored = tiny_config.to_dict()
    del stored["training"]["sparsity_step"]  # as old runs have it
    assert Config.from_dict(stored) == tiny_config and tiny_config.training.sparsity_step == "gradient"
    with pytest.raises(BadInput, match="sparsity_step is 'newton', expected one of 'gradient', 'proximal'"):
        TrainingConfig(sparsity_step="newton")
