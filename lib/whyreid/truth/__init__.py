"""Is the explanation right? Agreement with labels and its controls, faithfulness, localisation, rendered truth."""

from whyreid.truth.attention_regions import (
    RegionAttention,
    attention_in_regions,
    attribute_region_shares,
    differing_share,
)
from whyreid.truth.distance_gap import relative_gap
from whyreid.truth.label_agreement import AttributeAgreement, attribute_agreement, attribute_agreement_streamed
from whyreid.truth.label_controls import (
    disagreement_rate,
    fixed_order_agreement,
    query_prior_agreement,
    random_order_agreement,
)
from whyreid.truth.mean_shares import MeanShares, mean_shares

__all__ = [
    "AttributeAgreement",
    "MeanShares",
    "RegionAttention",
    "attention_in_regions",
    "attribute_agreement",
    "attribute_agreement_streamed",
    "attribute_region_shares",
    "differing_share",
    "disagreement_rate",
    "fixed_order_agreement",
    "mean_shares",
    "query_prior_agreement",
    "random_order_agreement",
    "relative_gap",
]
