"""Name the regions and landmarks of the cut head from painted masks, geometry and the units' support."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from demo_faces.contact import edge_lengths
from demo_faces.cut import PART_NAMES, RIM, HeadCut
from demo_faces.source import UNIT_NAMES


def largest_component(keep: np.ndarray, faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Ids of the largest connected piece of the mask `keep` (N,)."""
    ids = np.flatnonzero(keep)
    graph = edge_lengths(faces, vertices)[ids][:, ids]
    _, label = connected_components(graph, directed=False)
    return ids[label == np.bincount(label).argmax()]


def name_regions(cut: HeadCut, mean: np.ndarray, face_mask: np.ndarray) -> dict[str, np.ndarray]:
    """Regions as sorted int32 ids; `face_mask` (N,) is the painted front-face mask."""
    count = len(mean)
    bag = np.zeros(count, bool)
    bag[cut.bag] = True
    body = np.arange(count) < cut.body_count
    skin = body & ~bag
    eye_centres = [mean[cut.spans[name]].mean(0) for name in ("eye_left", "eye_right")]
    socket = np.zeros(count, bool)
    socket[cut.inside_lids] = True
    lips = np.zeros(count, bool)
    lips[cut.lip_loops[RIM:]] = True
    face = skin & ~socket & ((face_mask > 0.5) | lips)
    face_ids = largest_component(face, cut.faces, mean)
    face = np.zeros(count, bool)
    face[face_ids] = True

    eye_height = np.mean([centre[1] for centre in eye_centres])
    nose = (np.abs(mean[:, 0]) < 17) & (mean[:, 1] < eye_height - 8)
    upper_face = face & ~nose & (mean[:, 1] > eye_height - 27)
    inner = bag | np.isin(cut.part, [PART_NAMES.index(name) for name in ("teeth", "gums", "tongue")])
    eyes = np.isin(np.arange(count), np.concatenate([cut.spans["eye_left"], cut.spans["eye_right"]]))
    named = {
        "lips": lips & face,
        "upper_face": upper_face,
        "face": face,
        "skin": skin,
        "inner_mouth": inner,
        "eyes": eyes,
    }
    return {name: np.flatnonzero(keep).astype(np.int32) for name, keep in named.items()}


def name_landmarks(
    cut: HeadCut,
    mean: np.ndarray,
    units: np.ndarray,
    regions: dict[str, np.ndarray],
    upper: np.ndarray,
    lower: np.ndarray,
) -> dict[str, np.ndarray]:
    """Landmarks; `upper`, `lower` are the rim chains from the subject's right corner to the left one."""
    place = mean[:, 0]
    partner = [upper[0]]
    for k in lower[1:-1]:
        rest = [u for u in upper[1:-1] if place[u] > place[partner[-1]]]
        partner.append(min(rest, key=lambda u: abs(place[u] - place[k])))
    partner.append(upper[-1])
    size = np.linalg.norm(units, axis=-1)
    mid = np.abs(mean[:, 0]) < 0.8
    face = np.zeros(len(mean), bool)
    face[regions["face"]] = True
    chin = face & mid & (mean[:, 1] < mean[lower[len(lower) // 2], 1] - 20)
    out = {"upper_lip_inner": partner, "lower_lip_inner": lower}
    for name, edge in (("upper_incisor", "upper_teeth"), ("lower_incisor", "lower_teeth")):
        out[name] = cut.incisors(edge)
    out["jaw"] = [np.flatnonzero(chin)[mean[chin, 2].argmax()]]
    out["lower_lip_top"] = [lower[len(lower) // 2]]
    for side in ("Left", "Right"):
        down, up = size[UNIT_NAMES.index(f"browDown{side}")], size[UNIT_NAMES.index(f"browOuterUp{side}")]
        out[f"brow_{side.lower()}"] = np.flatnonzero(
            face & (down > 0.5 * down.max()) & (up > 0.15 * up.max())
        )
    return {name: np.asarray(ids, dtype=np.int32) for name, ids in out.items()}
