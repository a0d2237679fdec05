"""Every figure of the notebooks: arrays in, a matplotlib figure out; nothing is shown, saved or remembered."""

from a2f.plotting.faces import plot_activation_maps, plot_frames_strip, plot_heat_maps
from a2f.plotting.observed import plot_region_graph, plot_style_space
from a2f.plotting.qualitative import plot_faces_and_std, plot_interpolation
from a2f.plotting.results import plot_table, plot_training_curves
from a2f.plotting.speech import plot_mouth_opening

__all__ = [
    "plot_activation_maps",
    "plot_faces_and_std",
    "plot_frames_strip",
    "plot_heat_maps",
    "plot_interpolation",
    "plot_mouth_opening",
    "plot_region_graph",
    "plot_style_space",
    "plot_table",
    "plot_training_curves",
]
