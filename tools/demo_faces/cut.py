"""Cut one head from the base mesh: skin to a neck edge loop, mouth bag, tongue, and eyes and teeth of our own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from demo_faces.parts import Part, eye, teeth
from demo_faces.source import BaseMesh

# Frozen vertex numbers of MakeHuman's hm08 base mesh: (mid-line vertex, its neighbour to the subject's left)
NECK_LOOP = (1524, 8206)
RIM_LOOP = (474, 7229)  # the loop where upper and lower lip touch
NOSE_TIP = 297
BAG_SEED = 673  # roof of the mouth
PART_NAMES = ("skin", "lips", "mouth_bag", "eye_white", "iris", "pupil", "teeth", "gums", "tongue")


@dataclass
class HeadCut:
    """One topology and the linear map from base-mesh displacements to its vertices.

    Attributes
    ----------
    base_ids : (B,) ids of the base mesh kept as they are (body skin and bag, then tongue).
    rest : (N, 3) float64 mm, the cut of the base mesh itself.
    faces : (F, 3) int64.
    part : (N,) uint8 index into PART_NAMES.
    rim : (38,) ids of the closed lip rim, from the upper mid-line towards the subject's left.
    neck, bag : ids of the neck's edge loop and of the mouth bag.
    """

    base_ids: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    rim: np.ndarray
    neck: np.ndarray
    bag: np.ndarray
    body_count: int
    spans: dict[str, np.ndarray] = field(default_factory=dict)
    maps: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def combine(self, displacement: np.ndarray) -> np.ndarray:
        """(V, 3) displacement of the base mesh -> (N, 3) of the cut."""
        made = [matrix @ displacement[helper] for helper, matrix in self.maps]
        return np.concatenate([displacement[self.base_ids], *made])


class _Quads:
    """Edge loops and flood fills of a quad mesh."""

    def __init__(self, quads: np.ndarray) -> None:
        self.faces_of = defaultdict(set)
        self.neighbours = defaultdict(set)
        for index, quad in enumerate(quads.tolist()):
            for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
                self.faces_of[frozenset((a, b))].add(index)
                self.neighbours[a].add(b)
                self.neighbours[b].add(a)

    def loop(self, first: int, second: int) -> list[int]:
        """Closed edge loop: at every regular vertex leave by the edge that shares no face with the one before."""
        out = [first, second]
        while True:
            before, here = out[-2:]
            beside = self.faces_of[frozenset((before, here))]
            ahead = [other for other in self.neighbours[here]
                     if other != before and not beside & self.faces_of[frozenset((here, other))]]
            if len(self.neighbours[here]) != 4 or len(ahead) != 1 or len(out) > 500:
                raise ValueError(f"the edge loop from {first} does not close: vertex {here} is irregular")
            if ahead[0] == first:
                return out
            out.append(ahead[0])

    def flood(self, seed: int, walls: set[int]) -> set[int]:
        """All vertices reached from `seed` without passing a wall (walls left out)."""
        reached, front = {seed}, [seed]
        while front:
            for other in self.neighbours[front.pop()]:
                if other not in reached and other not in walls:
                    reached.add(other)
                    front.append(other)
        return reached


def cut_head(base: BaseMesh, lip_mask: np.ndarray) -> HeadCut:
    """Cut the head; `lip_mask` (V,) in 0..1 marks the vermilion (colour only)."""
    mesh = _Quads(base.quads)
    neck = mesh.loop(*NECK_LOOP)
    rim = mesh.loop(*RIM_LOOP)
    bag = mesh.flood(BAG_SEED, set(rim))
    head = mesh.flood(NOSE_TIP, set(neck) | set(rim)) | set(neck) | set(rim) | bag
    skin = np.array(sorted(head))
    tongue = base.ids("helper-tongue")
    base_ids = np.concatenate([skin, tongue])
    new_id = np.full(len(base.vertices), -1)
    new_id[base_ids] = np.arange(len(base_ids))

    kept = np.concatenate([base.quads, base.tongue_quads])
    kept = new_id[kept]
    kept = kept[(kept >= 0).all(1)]
    faces = [_triangles(kept, base.vertices[base_ids])]
    part = np.full(len(base_ids), PART_NAMES.index("skin"), dtype=np.uint8)
    bag_ids = new_id[np.array(sorted(bag))]
    part[bag_ids] = PART_NAMES.index("mouth_bag")
    part[: len(skin)][lip_mask[skin] > 0.5] = PART_NAMES.index("lips")
    part[new_id[np.array(rim)]] = PART_NAMES.index("lips")
    part[len(skin):] = PART_NAMES.index("tongue")

    cut = HeadCut(base_ids, base.vertices[base_ids], np.empty(0), part, new_id[np.array(rim)],
                  new_id[np.array(neck)], bag_ids, len(skin), {"tongue": np.arange(len(skin), len(base_ids))})
    added: list[tuple[str, str, Part]] = [
        ("eye_left", "helper-l-eye", eye(base.vertices[base.ids("helper-l-eye")])),
        ("eye_right", "helper-r-eye", eye(base.vertices[base.ids("helper-r-eye")])),
        ("upper_teeth", "helper-upper-teeth", teeth(upper=True)),
        ("lower_teeth", "helper-lower-teeth", teeth(upper=False)),
    ]
    parts, rest, start = [part], [cut.rest], len(base_ids)
    for name, helper, piece in added:
        ids = base.ids(helper)
        cut.maps.append((ids, affine_map(base.vertices[ids], piece.vertices)))
        cut.spans[name] = np.arange(start, start + len(piece.vertices))
        faces.append(piece.faces + start)
        parts.append(np.array([PART_NAMES.index(label) for label in piece.labels], dtype=np.uint8))
        rest.append(piece.vertices)
        start += len(piece.vertices)
    cut.faces, cut.part, cut.rest = np.concatenate(faces), np.concatenate(parts), np.concatenate(rest)
    return cut


def affine_map(helper: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Matrix (P, H) that moves points by the affine motion fitted to the helper's H vertices."""
    def lift(x: np.ndarray) -> np.ndarray:
        return np.concatenate([(x - helper.mean(0)) / 10, np.ones((len(x), 1))], axis=1)

    return lift(points) @ np.linalg.pinv(lift(helper))


def _triangles(quads: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Split each quad along its shorter diagonal."""
    corner = vertices[quads]
    first = np.linalg.norm(corner[:, 0] - corner[:, 2], axis=1) <= np.linalg.norm(corner[:, 1] - corner[:, 3], axis=1)
    even, odd = quads[first], quads[~first]
    return np.concatenate([even[:, [0, 1, 2]], even[:, [0, 2, 3]], odd[:, [0, 1, 3]], odd[:, [1, 2, 3]]])
