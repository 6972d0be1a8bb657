from whyreid.plots.attribute_attention import (
    agreement_by_attribute_figure,
    contribution_figure,
    mean_attention_figure,
    picture_attention_figure,
)
from whyreid.plots.attributes import attribute_frequency_figure, co_occurrence_figure
from whyreid.plots.captions import show_figure
from whyreid.plots.counts import images_per_camera_figure
from whyreid.plots.curves import camera_pair_figure, cmc_figure, distance_histogram, training_figure
from whyreid.plots.error_composition import error_composition_figure
from whyreid.plots.image_rows import image_row_figure
from whyreid.plots.matching_scores import matching_scores_figure
from whyreid.plots.neurons import (
    NeuronRow,
    neuron_count_figure,
    neuron_pictures_figure,
    rarity_figure,
    reliability_figure,
)
from whyreid.plots.pictures import contact_sheet, show_picture
from whyreid.plots.rank_lists import RankListRow, rank_list_figure, rank_list_rows
from whyreid.plots.style import MATCH_COLOUR, NON_MATCH_COLOUR, use_book_style
from whyreid.plots.tables import number_sources, ranking_table, show_table
from whyreid.plots.target_comparison import target_comparison_figure

__all__ = [
    "MATCH_COLOUR",
    "NON_MATCH_COLOUR",
    "NeuronRow",
    "RankListRow",
    "agreement_by_attribute_figure",
    "attribute_frequency_figure",
    "camera_pair_figure",
    "cmc_figure",
    "co_occurrence_figure",
    "contact_sheet",
    "contribution_figure",
    "distance_histogram",
    "error_composition_figure",
    "image_row_figure",
    "images_per_camera_figure",
    "matching_scores_figure",
    "mean_attention_figure",
    "neuron_count_figure",
    "neuron_pictures_figure",
    "number_sources",
    "picture_attention_figure",
    "rank_list_figure",
    "rank_list_rows",
    "ranking_table",
    "rarity_figure",
    "reliability_figure",
    "show_figure",
    "show_picture",
    "show_table",
    "target_comparison_figure",
    "training_figure",
    "use_book_style",
]
