"""Put the face asset together: cut, identities, units, contacts, regions, quantised arrays."""

from __future__ import annotations

import numpy as np
from demo_faces.contact import Contact
from demo_faces.cut import PART_NAMES, cut_head
from demo_faces.identities import IdentitySampler, principal_components, rigid_align
from demo_faces.regions import name_landmarks, name_regions
from demo_faces.source import UNIT_NAMES, data_folder, read_base_mesh, read_mask, read_units
from demo_faces.units import mend_units

REST_GAP = 0.15  # mm between the lips' rims at rest, every identity
STEP = 0.004  # mm, the finest quantisation step: finer ones only store noise


def quantise(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, N, 3) mm -> int16 with one step per row (R,) float32 mm."""
    scale = np.maximum(np.abs(field).max((1, 2)) / 32767, STEP).astype(np.float32)
    return np.round(field / scale[:, None, None]).astype(np.int16), scale


def build(components: int, samples: int, seed: int) -> tuple[dict[str, np.ndarray], float]:
    """All arrays of the asset and the identity basis' held-out error (RMS per vertex, mm).

    The last 200 sampled heads are held out of the components; the stored basis is fitted to all but those.
    """
    data = data_folder()
    base = read_base_mesh(data)
    masks = {name: read_mask(data, name, base.uv) for name in ("lips", "face")}
    cut = cut_head(base, masks["lips"])
    masks = {name: np.where(np.arange(len(cut.rest)) < cut.body_count, _pad(mask[cut.base_ids], len(cut.rest)), 0)
             for name, mask in masks.items()}
    units = np.stack([cut.combine(unit) for unit in read_units(data, len(base.vertices))])

    sampler = IdentitySampler(data, cut.combine, len(base.vertices))
    rng = np.random.default_rng(seed)
    heads = np.stack([cut.rest + sampler.draw(rng) for _ in range(samples)])
    body = np.arange(len(cut.rest)) < cut.body_count
    anchor = np.flatnonzero(body & (cut.rest[:, 1] > 690))
    heads = rigid_align(heads, anchor)
    kept, held = heads[:-200], heads[-200:]
    mean, identity, _ = principal_components(kept, components)

    upper, lower = rim_chains(cut.rim, mean)
    contact = Contact(upper, lower, mean, cut.faces)
    goal = np.zeros((len(upper), 3))
    goal[:, 1] = REST_GAP * contact.taper
    mean = contact.mend(mean, goal)
    identity = np.stack([contact.mend(row) for row in identity])
    units = mend_units(units, mean, cut, contact)

    regions = name_regions(cut, mean, units, masks)
    landmarks = name_landmarks(cut, mean, units, regions, upper, lower)
    mean = mean - mean[regions["face"]].mean(0)
    held_out = held_out_error(held, mean, identity, contact)
    identity_steps, identity_scale = quantise(identity)
    unit_steps, unit_scale = quantise(units)
    arrays = {
        "mean": mean.astype(np.float32), "identity_basis": identity_steps, "identity_scale": identity_scale,
        "unit_basis": unit_steps, "unit_scale": unit_scale, "unit_names": np.array(UNIT_NAMES),
        "faces": cut.faces.astype(np.int32), "part": cut.part, "part_names": np.array(PART_NAMES),
    }
    arrays |= {f"region_{name}": ids for name, ids in regions.items()}
    arrays |= {f"landmark_{name}": ids for name, ids in landmarks.items()}
    return arrays, held_out


def rim_chains(rim: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the closed rim at its corners into upper and lower chains, subject's right to left."""
    left, right = mean[rim, 0].argmax(), mean[rim, 0].argmin()
    upper = np.concatenate([rim[right:], rim[: left + 1]])
    lower = rim[left: right + 1][::-1]
    return upper, lower


def held_out_error(heads: np.ndarray, mean: np.ndarray, identity: np.ndarray, contact: Contact) -> float:
    """RMS distance (mm) between unseen heads, lips in contact like every stored head, and their best fit."""
    centred = np.stack([contact.mend(head) for head in heads])
    centred = centred - mean
    centred -= centred.mean(1, keepdims=True)  # a shift of the whole head is no identity
    flat = identity - identity.mean(1, keepdims=True)
    flat = flat.reshape(len(identity), -1)
    weights = np.linalg.lstsq(flat.T, centred.reshape(len(heads), -1).T, rcond=None)[0]
    rest = centred.reshape(len(heads), -1) - weights.T @ flat
    return float(np.sqrt((rest.reshape(len(heads), -1, 3) ** 2).sum(-1).mean()))


def _pad(values: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([values, np.zeros(count - len(values))])
