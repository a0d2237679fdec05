# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · The model, equation by equation
#
# > "The adaptive modulating module incorporates the composite nature of facial movements into the framework, while the
# > sparsity regularizer interprets the regional nature of facial movements. The overall backbone is non-autoregressive."
# > (Fig. 1)
#
# One clip walks through the model; at every equation its shapes, its numbers and a check. The names in the code are the
# field's, the paper's symbols stand beside them.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="03_model")
session

# %% [markdown]
# ## One clip and an untrained model
# Two clips of one speaker: the speech of the first, the motion of the second as style.

# %%
import numpy as np
import torch

from a2f.batches import templates, whole_motion
from a2f.features import FeatureCache
from a2f.models import Audio2Face, instance_normalise, load_audio_encoder, temporal_statistics

dataset, config = session.dataset, session.preset
clip = dataset.split("train")[0]
style_clip = dataset.style_partner(clip, session.seed)

encoder = load_audio_encoder(config.model)
torch.manual_seed(session.seed)
_ = torch.set_grad_enabled(False)  # nothing is trained here
model = Audio2Face(config.model, dataset.topology.num_vertices, encoder.feature_dim).eval()
model.data_std.fill_(float(np.std(clip.template)))
print(f"speech   {clip.text!r}, {clip.duration:.2f} s")
print(f"template {clip.template.shape} {dataset.topology.unit}, style motion {style_clip.vertices.shape}")

# %% [markdown]
# ## Parts
# > "The mesh embedding matrix W has a shape of 3N x 256" (section 4.5). In this preset it has K columns.

# %%
parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
for name, count in parts.items():
    print(f"{name:18s} {count:>10,d} parameters")
print(f"W is 3N x K = {3 * model.num_vertices} x {config.model.motion_dim}; alpha = {config.model.output_scale}")

# %% [markdown]
# ## Eq. 1: what is left of a style motion
# $$\\mathrm{Norm}(S_i) = S_i - \\frac{1}{T'}\\sum_{j=1}^{T'} S_j$$
# The mean face goes, and with it identity, but also every expression that is held throughout the clip. The demo preset
# subtracts the neutral template instead, as the released code does; notebook 06 measures what that is worth.

# %%
motion = whole_motion(model, style_clip)
by_mean, by_template = motion.minus_mean().dense(), motion.dense()
held = by_template.mean(dim=1).norm() / by_template.pow(2).sum(-1).mean().sqrt()
print(
    f"mean over time after Eq. 1: {by_mean.mean(dim=1).abs().max():.1e}; after subtracting the template: "
    f"{by_template.mean(dim=1).abs().max():.1e}"
)
print(f"share of this clip's displacement that is held throughout (and that Eq. 1 deletes): {held:.2f}")
assert by_mean.mean(dim=1).abs().max() < 1e-5

# %% [markdown]
# ## Style: the statistics of a latent sequence
# > "we extract the speech-independent information by simply calculating the mean and standard deviation of Z_face along
# > the temporal dimension" (section 4.2)

# %%
embedded = model.embedding.embed(motion)  # W Norm(S_i)
latent = model.modulation.encoder(embedded)  # Z_face, a quarter of the frames
statistics = temporal_statistics(latent, config.model.style_statistics)
print(
    f"embedded motion {tuple(embedded.shape)} -> Z_face {tuple(latent.shape)} -> statistics {tuple(statistics.shape)}"
)
assert latent.shape[1] == -(-motion.num_frames // 4)
shuffled = temporal_statistics(latent[:, torch.randperm(latent.shape[1])], config.model.style_statistics)
assert torch.allclose(statistics, shuffled, atol=1e-4), "statistics hold nothing of the order of the frames"

# %% [markdown]
# ## Eq. 2: the style modulates the speech
# $$Z_{fuse} = \\sigma_{predict}\\,\\frac{Z_{audio} - \\mu(Z_{audio})}{\\sigma(Z_{audio})} + \\mu_{predict}$$

# %%
features = FeatureCache(encoder, session.runs / "features").at_frames(clip)  # encoder at 50 Hz, resampled to the frames
audio = instance_normalise(model.audio_projection(features.transpose(1, 2)).transpose(1, 2))
style = model.style(motion)
fused = model.modulation(audio, style)
print(f"audio features {tuple(features.shape)} -> Z_audio {tuple(audio.shape)} -> Z_fuse {tuple(fused.shape)}")
sigma, mu = style.chunk(2, dim=-1)
sigma = sigma + 1 if config.model.scale_around_one else sigma
assert torch.allclose(fused.mean(1), mu, atol=1e-4) and torch.allclose(
    fused.std(1, correction=0), sigma.abs(), atol=1e-2
)

# %% [markdown]
# ## Eq. 3: features become a face
# $$\\hat S_i = \\bar S + \\alpha W^T Z_{pred}[i]$$
# The same W that read the style draws the face: its columns are a blendshape basis, and alpha times Z_pred their weights.

# %%
template = templates([clip])
predicted = model.features(features, template, style)  # Z_pred
faces = model.synthesise(predicted, template)
by_hand = clip.template + np.tensordot(predicted[0].numpy(), model.blendshapes(), axes=1)
print(f"Z_pred {tuple(predicted.shape)} -> faces {tuple(faces.shape)}")
assert np.abs(by_hand - faces[0].numpy()).max() < 1e-5 * np.ptp(clip.template)
assert torch.allclose(model(features, template, motion), faces)

# %% [markdown]
# ## Eq. 4: the objective
# $$\\mathcal L = \\sum_i \\|\\hat S_i - S_i\\|_2 + \\beta \\|W\\|_1$$
# The error of a frame is a quadratic form in Z_pred, so training never forms the vertices; the value is the same.

# %%
target = whole_motion(model, clip)
direct = (config.model.output_scale * predicted @ model.embedding.weight - target.dense()).pow(2).sum(-1)
quick = model.embedding.frame_error(predicted, target)
sparsity = float(model.embedding.sparsity())
print(f"squared norm a frame: direct {float(direct.mean()):.4f}, as a quadratic form {float(quick.mean()):.4f}")
print(
    f"||W||_1 = {sparsity:.0f}, times beta {config.training.sparsity_weight:g} = {config.training.sparsity_weight * sparsity:.2f}"
)
assert torch.allclose(direct, quick, rtol=1e-3)

# %% [markdown]
# ## How far the decoder sees
# > "it is sufficient to fuse temporal information from adjacent frames as the ResNet1D does" (section 4.4)
#
# Change one frame of the decoder's input and see which frames of its output move.

# %%
import matplotlib.pyplot as plt

middle = fused.shape[1] // 2
changed = fused.clone()
changed[:, middle] += 1
reach = (model.decoder(changed) - model.decoder(fused)).abs().amax(dim=(0, 2))
moved = (torch.nonzero(reach > 0).flatten() - middle).tolist()
figure, axes = plt.subplots(figsize=(9, 2.6), layout="constrained")
axes.bar(np.arange(len(reach)) - middle, reach / reach.max(), color="#3b6fb6", width=0.9)
axes.set(
    xlabel=f"frames from the changed one ({clip.fps:g} a second)", ylabel="change of Z_pred\n(share of largest)", xlim=(-30, 30)
)
axes.set_title(f"The decoder sees {max(moved)} frames to either side", fontsize=11)
plt.close(figure)
session.save_figure(
    figure, "model_reach", {"frames": max(moved)}, "How far one frame of speech reaches in the decoder's output."
)
assert max(moved) <= 2 * config.model.decoder_blocks
figure

# %% [markdown]
# ## What differs from the paper
# The text leaves open how Z_audio comes to have W's K channels (a 1 x 1 convolution here, as in the released code), and
# whether sigma_predict starts around zero or one (one, in this preset). The released code has no instance norm in Eq. 2,
# adds a third statistic, and has half the blocks in its style encoder: `preset("release")` follows it switch by switch.
