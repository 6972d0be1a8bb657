"""One table format for every data set, the readers that make it, and the loaders that serve it."""

from whyreid.data.attributes import AttributeSchema, unknown_groups
from whyreid.data.splits import hold_out_validation
from whyreid.data.table import ReIDTable

__all__ = [
    "AttributeSchema",
    "ReIDTable",
    "hold_out_validation",
    "unknown_groups",
]
