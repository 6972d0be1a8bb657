from whyreid.plots.attributes import attribute_frequency_figure, co_occurrence_figure
from whyreid.plots.curves import cmc_figure, distance_histogram, training_figure
from whyreid.plots.pictures import contact_sheet, read_picture, show_picture
from whyreid.plots.rank_lists import RankListRow, rank_list_figure
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, use_book_style
from whyreid.plots.tables import ranking_table, show_table

__all__ = [
    "MATCH_COLOUR",
    "NON_MATCH_COLOUR",
    "RankListRow",
    "attribute_frequency_figure",
    "cmc_figure",
    "co_occurrence_figure",
    "contact_sheet",
    "distance_histogram",
    "rank_list_figure",
    "ranking_table",
    "read_picture",
    "show_picture",
    "show_table",
    "training_figure",
    "use_book_style",
]
