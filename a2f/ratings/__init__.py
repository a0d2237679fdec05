"""A user study as in Fig. 5: films without a name, rated in an order of each rater's own, and what the ratings say."""

from a2f.ratings.analysis import Analysis, analyse, as_text
from a2f.ratings.films import GroundTruth, choose_clips, draw_films, plan_films, rated_methods
from a2f.ratings.places import CRITERIA, SCALE, Film, Place, page_texts, places
from a2f.ratings.record import Rating, RatingFile, read_ratings
from a2f.ratings.tool import RatingTool, still

__all__ = [
    "CRITERIA",
    "SCALE",
    "Analysis",
    "Film",
    "GroundTruth",
    "Place",
    "Rating",
    "RatingFile",
    "RatingTool",
    "analyse",
    "as_text",
    "choose_clips",
    "draw_films",
    "page_texts",
    "places",
    "plan_films",
    "rated_methods",
    "read_ratings",
    "still",
]
