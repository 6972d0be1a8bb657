"""One table format for every data set, the readers that make it, and the loaders that serve it."""

from whyreid.data.attribute_mat import load_attribute_mat
from whyreid.data.attributes import AttributeSchema, unknown_groups
from whyreid.data.cuhk03 import read_cuhk03np
from whyreid.data.dukemtmcreid import read_dukemtmcreid
from whyreid.data.market1501 import read_market1501
from whyreid.data.msmt17 import read_msmt17
from whyreid.data.own_pictures import read_pictures
from whyreid.data.splits import hold_out_validation
from whyreid.data.statistics import (
    annotated_ratios,
    attribute_correlation,
    attribute_frequencies,
    images_per_camera,
    split_counts,
)
from whyreid.data.table import ReIDTable

__all__ = [
    "AttributeSchema",
    "ReIDTable",
    "annotated_ratios",
    "attribute_correlation",
    "attribute_frequencies",
    "hold_out_validation",
    "images_per_camera",
    "load_attribute_mat",
    "read_cuhk03np",
    "read_dukemtmcreid",
    "read_market1501",
    "read_msmt17",
    "read_pictures",
    "split_counts",
    "unknown_groups",
]
