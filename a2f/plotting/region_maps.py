"""Which vertices a topology's regions hold, drawn on a face: the first thing to look at on data of one's own."""

from __future__ import annotations

import numpy as np

from a2f.mesh import Topology

COLOURS = {"lips": "#c0392b", "upper_face": "#2e6fb7"}
REST = (0.86, 0.84, 0.82)


def plot_region_maps(vertices: np.ndarray, topology: Topology, size: int = 420):
    """Draw the lips and the upper face of a head, from the front and from the side.

    Parameters
    ----------
    vertices : ndarray, (N, 3)
    topology : Topology
    size : int
        Of each view, in pixels.

    Returns
    -------
    matplotlib Figure
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    from a2f.export.render import Renderer

    colours = np.tile(np.float32(REST), (topology.num_vertices, 1))
    for name, colour in COLOURS.items():
        colours[topology.region(name)] = to_rgb(colour)
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.4), layout="constrained")
    for axis, view in zip(axes, ("front", "three-quarter"), strict=True):
        with Renderer(vertices, topology, size, view, colours) as renderer:
            axis.imshow(renderer.draw(vertices))
        axis.set_axis_off()
    sizes = [f"{name.replace('_', ' ')}: {len(topology.region(name))} of {topology.num_vertices} vertices"
             for name in COLOURS]  # fmt: skip
    patches = [Patch(color=colour, label=text) for colour, text in zip(COLOURS.values(), sizes, strict=True)]
    figure.legend(handles=patches, loc="outside lower center", ncols=2, frameon=False)
    plt.close(figure)
    return figure
