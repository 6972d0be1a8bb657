"""Is the explanation right? Agreement with labels and its controls, faithfulness, localisation, rendered truth."""

from whyreid.truth.distance_gap import relative_gap
from whyreid.truth.label_agreement import AttributeAgreement, attribute_agreement, attribute_agreement_streamed
from whyreid.truth.label_controls import (
    disagreement_rate,
    fixed_order_agreement,
    query_prior_agreement,
    random_order_agreement,
)

__all__ = [
    "AttributeAgreement",
    "attribute_agreement",
    "attribute_agreement_streamed",
    "disagreement_rate",
    "fixed_order_agreement",
    "query_prior_agreement",
    "random_order_agreement",
    "relative_gap",
]
