"""Cut one head from the base mesh (skin, mouth bag, tongue) and add eyes and teeth of our own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from demo_faces.parts import TOOTH_ROWS, Part, eye, teeth
from demo_faces.source import BaseMesh

# Frozen vertex numbers of MakeHuman's hm08 base mesh: (mid-line vertex, its neighbour to the subject's left)
NECK_LOOP = (815, 7523)
LIP_MIDS = (
    571,
    554,
    537,
    520,
    474,
    468,
    509,
    467,
    466,
    455,
)  # one closed loop of 38 each, from inside to outside
RIM = 4  # index in LIP_MIDS of the loop where upper and lower lip touch; the last one is the vermilion border
LID_LOOP = (6784, 6785)  # margin of the subject's left eyelids
NOSE_TIP = 297
BAG_SEED = 673  # roof of the mouth
SOCKET_RINGS = 5  # rings of the eye socket kept behind the lid margin
TONGUE_DROP = 6.5  # mm: its tip lies behind the lower incisors, so that both rows of teeth can be seen
BAG_SLIMMING = 0.15  # share by which the deep mouth bag is drawn in, away from thin cheeks and nostrils
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
    lip_loops : (10, 38) ids of closed loops round the mouth, each from the upper mid-line to the subject's
        left.
    rim : (38,) the one of them where the lips touch.
    lids : closed loop of lid margin ids per side.
    neck, bag, inside_lids : ids of the neck's edge loop, of the mouth bag, of the skin behind the lid
        margins.
    """

    base_ids: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    lip_loops: np.ndarray
    lids: dict[str, np.ndarray]
    neck: np.ndarray
    bag: np.ndarray
    inside_lids: np.ndarray
    body_count: int
    spans: dict[str, np.ndarray] = field(default_factory=dict)
    maps: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    @property
    def rim(self) -> np.ndarray:
        """Loop where the lips touch, (38,) ids."""
        return self.lip_loops[RIM]

    def incisors(self, teeth_name: str) -> np.ndarray:
        """The five vertices of the outer cutting edge nearest the mid-line (the two central incisors)."""
        ids = self.spans[teeth_name]
        row = ids[len(ids) // TOOTH_ROWS * 3 : len(ids) // TOOTH_ROWS * 4]
        return np.sort(row[np.argsort(np.abs(self.rest[row, 0]), kind="stable")[:5]])

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
        """Closed edge loop: at every regular vertex leave by the edge that shares no face with the one
        before."""
        out = [first, second]
        while True:
            before, here = out[-2:]
            beside = self.faces_of[frozenset((before, here))]
            ahead = [
                other
                for other in self.neighbours[here]
                if other != before and not beside & self.faces_of[frozenset((here, other))]
            ]
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

    def rings(self, start: set[int], among: set[int], count: int) -> set[int]:
        """Vertices of `among` within `count` edges of `start`."""
        reached: set[int] = set()
        front = start
        for _ in range(count):
            front = {other for here in front for other in self.neighbours[here] if other in among} - reached
            reached |= front
        return reached


def cut_head(base: BaseMesh) -> HeadCut:
    """Cut the head out of the base mesh and add tongue, eyes and teeth."""
    mesh = _Quads(base.quads)
    neck = mesh.loop(*NECK_LOOP)
    loops = [
        mesh.loop(mid, next(side for side in mesh.neighbours[mid] if base.vertices[side, 0] > 0.1))
        for mid in LIP_MIDS
    ]
    rim = loops[RIM]
    lid = np.array(mesh.loop(*LID_LOOP))
    mirrored = base.vertices[lid] * [-1, 1, 1]
    body = base.ids("body")
    other_lid = body[np.linalg.norm(base.vertices[body] - mirrored[:, None], axis=-1).argmin(1)]
    bag = mesh.flood(BAG_SEED, set(rim))
    head = mesh.flood(NOSE_TIP, set(neck) | set(rim)) | set(neck) | set(rim) | bag
    inside_lids: set[int] = set()
    for margin, ball in ((lid, "helper-l-eye"), (other_lid, "helper-r-eye")):
        back = base.vertices[base.ids(ball)].mean(0) - [0, 0, 16]
        deepest = int(body[np.linalg.norm(base.vertices[body] - back, axis=1).argmin()])
        socket = mesh.flood(deepest, set(margin.tolist()))
        seen = mesh.rings(set(margin.tolist()), socket, SOCKET_RINGS)
        inside_lids |= seen
        head -= socket - seen  # the rest of the socket never shows behind the eyeball
    skin = np.array(sorted(head))
    tongue = base.ids("helper-tongue")
    base_ids = np.concatenate([skin, tongue])
    new_id = np.full(len(base.vertices), -1)
    new_id[base_ids] = np.arange(len(base_ids))

    kept = new_id[np.concatenate([base.quads, base.tongue_quads])]
    kept = kept[(kept >= 0).all(1)]
    faces = [_triangles(kept, base.vertices[base_ids])]
    part = np.full(len(base_ids), PART_NAMES.index("skin"), dtype=np.uint8)
    bag_ids = new_id[np.array(sorted(bag))]
    part[bag_ids] = PART_NAMES.index("mouth_bag")
    part[new_id[np.array(loops[RIM - 2 :])]] = PART_NAMES.index("lips")
    part[len(skin) :] = PART_NAMES.index("tongue")
    rest = base.vertices.copy()
    rest[tongue, 1] -= TONGUE_DROP
    rest = _slim_bag(rest, sorted(bag), loops[0])[base_ids]

    cut = HeadCut(
        base_ids,
        rest,
        np.empty(0),
        part,
        new_id[np.array(loops)],
        {"left": new_id[lid], "right": new_id[other_lid]},
        new_id[np.array(neck)],
        bag_ids,
        new_id[np.array(sorted(inside_lids))],
        len(skin),
        {"tongue": np.arange(len(skin), len(base_ids))},
    )
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


def _slim_bag(vertices: np.ndarray, bag: list[int], inner_loop: list[int]) -> np.ndarray:
    """Draw the mouth bag towards its centre, fading in over 15 mm behind the innermost lip loop."""
    out = vertices.copy()
    points = vertices[bag]
    distance = np.linalg.norm(points[:, None] - vertices[inner_loop], axis=-1).min(1)
    share = BAG_SLIMMING * np.clip(distance / 15.0, 0, 1)[:, None]
    out[bag] = points + share * (points.mean(0) - points)
    return out


def affine_map(helper: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Matrix (P, H) that moves points by the affine motion fitted to the helper's H vertices."""

    def lift(x: np.ndarray) -> np.ndarray:
        return np.concatenate([(x - helper.mean(0)) / 10, np.ones((len(x), 1))], axis=1)

    return lift(points) @ np.linalg.pinv(lift(helper))


def _triangles(quads: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Split each quad along its shorter diagonal."""
    corner = vertices[quads]
    first = np.linalg.norm(corner[:, 0] - corner[:, 2], axis=1) <= np.linalg.norm(
        corner[:, 1] - corner[:, 3], axis=1
    )
    even, odd = quads[first], quads[~first]
    return np.concatenate([even[:, [0, 1, 2]], even[:, [0, 2, 3]], odd[:, [0, 1, 3]], odd[:, [1, 2, 3]]])
