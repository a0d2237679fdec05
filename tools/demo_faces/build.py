"""Put the face asset together: cut, identities, units, contacts, regions, quantised arrays."""

from __future__ import annotations

import numpy as np

from demo_faces.calm import Calm
from demo_faces.contact import Contact, split_loop
from demo_faces.cut import PART_NAMES, HeadCut, cut_head
from demo_faces.identities import IdentitySampler, principal_components, rigid_align
from demo_faces.regions import name_landmarks, name_regions
from demo_faces.source import UNIT_NAMES, data_folder, read_base_mesh, read_mask, read_units
from demo_faces.units import mend_units

LID_FREEDOM = 0.25  # share of the sampled lid opening's variation kept, so that one blink closes every eye
REST_GAP = 0.15  # mm between the lips' rims at rest, every identity
UPPER_EDGE = np.array([0.0, -2.2, -5.8])  # mm, incisor edges seen from the upper lip's rim at the mid-line
LOWER_EDGE = np.array([0.0, 0.6, -8.4])
NOWHERE = np.zeros(3)
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
    cut = cut_head(base)
    face_mask = np.zeros(len(cut.rest))
    face_mask[: cut.body_count] = read_mask(data, "face", base.uv)[cut.base_ids[: cut.body_count]]
    units = np.stack([cut.combine(unit) for unit in read_units(data, len(base.vertices))])

    sampler = IdentitySampler(data, cut.combine, len(base.vertices))
    rng = np.random.default_rng(seed)
    heads = np.stack([cut.rest + sampler.draw(rng) for _ in range(samples)])
    body = np.arange(len(cut.rest)) < cut.body_count
    anchor = np.flatnonzero(body & (cut.rest[:, 1] > 690))
    heads = rigid_align(heads, anchor)
    kept, held = heads[:-200], heads[-200:]
    mean, identity, _ = principal_components(kept, components)
    centre = mean

    upper, lower = split_loop(cut.rim, mean)
    lips = Contact(upper, lower, mean, cut.faces)
    lids = [Contact(*split_loop(loop, mean), mean, cut.faces, reach=6.0) for loop in cut.lids.values()]
    goal = np.zeros((len(upper), 3))
    goal[:, 1] = REST_GAP * lips.taper
    mean = carry_teeth(lips.mend(mean, goal), cut, UPPER_EDGE, LOWER_EDGE)
    calm = Calm(cut, upper, mean)

    def tidy(field: np.ndarray) -> np.ndarray:
        """Identity displacement with lips in contact, lid opening nearly fixed, teeth tied to the lips;
        linear."""
        field = lips.mend(calm.smooth(field))
        for lid in lids:
            field = lid.mend(field, LID_FREEDOM * lid.difference(field))
        return carry_teeth(field, cut, NOWHERE, NOWHERE)

    identity = np.stack([tidy(row) for row in identity])
    units = mend_units(units, mean, cut, lips)

    held_out = held_out_error(np.stack([tidy(head) for head in held - centre]), identity)
    regions = name_regions(cut, mean, face_mask)
    landmarks = name_landmarks(cut, mean, units, regions, upper, lower)
    mean = mean - mean[regions["face"]].mean(0)
    identity_steps, identity_scale = quantise(identity)
    unit_steps, unit_scale = quantise(units)
    arrays = {
        "mean": mean.astype(np.float32),
        "identity_basis": identity_steps,
        "identity_scale": identity_scale,
        "unit_basis": unit_steps,
        "unit_scale": unit_scale,
        "unit_names": np.array(UNIT_NAMES),
        "faces": cut.faces.astype(np.int32),
        "part": cut.part,
        "part_names": np.array(PART_NAMES),
    }
    arrays |= {f"region_{name}": ids for name, ids in regions.items()}
    arrays |= {f"landmark_{name}": ids for name, ids in landmarks.items()}
    return arrays, held_out


def carry_teeth(
    field: np.ndarray, cut: HeadCut, upper_edge: np.ndarray, lower_edge: np.ndarray
) -> np.ndarray:
    """Shift teeth and tongue so that the incisors' edges keep a fixed place relative to the upper lip's rim.

    `field` is a shape or a displacement (N, 3); the edges are the wanted differences from the rim, (3,) mm.
    """
    out = field.copy()
    middle = field[cut.rim[0]]
    for name, goal, followers in (("upper_teeth", upper_edge, ()), ("lower_teeth", lower_edge, ("tongue",))):
        shift = middle + goal - field[cut.incisors(name)].mean(0)
        shift[0] = 0.0
        for part in (name, *followers):
            out[cut.spans[part]] += shift
    return out


def held_out_error(shapes: np.ndarray, identity: np.ndarray) -> float:
    """RMS distance per vertex (mm) between unseen displacements (S, N, 3) and their best fit; a shift is
    free."""

    def centred(fields: np.ndarray) -> np.ndarray:
        return (fields - fields.mean(1, keepdims=True)).reshape(len(fields), -1)

    flat, wanted = centred(identity), centred(shapes)
    weights = np.linalg.lstsq(flat.T, wanted.T, rcond=None)[0]
    rest = wanted - weights.T @ flat
    return float(np.sqrt((rest.reshape(len(shapes), -1, 3) ** 2).sum(-1).mean()))
