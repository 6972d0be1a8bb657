"""Is the explanation right? Agreement with labels and its controls, faithfulness, localisation, rendered truth."""

from whyreid.truth.attention_regions import (
    RegionAttention,
    attention_in_regions,
    attribute_region_shares,
    differing_share,
)
from whyreid.truth.attribute_scores import ORACLE_MASK, attribute_scores, group_scores
from whyreid.truth.counterfactual_effects import (
    CounterfactualEffects,
    counterfactual_effects,
    read_counterfactuals,
    render_counterfactuals,
)
from whyreid.truth.counterfactual_pairs import CounterfactualPairs, impostor_pairs, join_pairs, random_pairs
from whyreid.truth.distance_gap import relative_gap
from whyreid.truth.faithfulness import FaithfulnessCurves, area_under, closer_rivals, faithfulness_curves, rank_response
from whyreid.truth.family_bootstrap import FamilyBootstrap, bootstrap_p_values, family_bootstrap, holm
from whyreid.truth.known_evidence import constant_target, patch_target
from whyreid.truth.label_agreement import AttributeAgreement, attribute_agreement, attribute_agreement_streamed
from whyreid.truth.label_controls import (
    disagreement_rate,
    fixed_order_agreement,
    query_prior_agreement,
    random_order_agreement,
)
from whyreid.truth.localisation import Localisation, localise
from whyreid.truth.mean_shares import MeanShares, mean_shares
from whyreid.truth.regions import area_resize, dilate, group_regions, person_region
from whyreid.truth.sanity import (
    MapSimilarity,
    constant_response,
    explanation_similarity,
    map_similarity,
    randomisation_test,
    randomised_targets,
)
from whyreid.truth.shapley import Shapley, plan_coalitions, shapley_contributions
from whyreid.truth.truth_scores import TruthScores, group_contributions, score_groups, truth_scores
from whyreid.truth.whole_map import whole_maps

__all__ = [
    "ORACLE_MASK",
    "AttributeAgreement",
    "CounterfactualEffects",
    "CounterfactualPairs",
    "FaithfulnessCurves",
    "FamilyBootstrap",
    "Localisation",
    "MapSimilarity",
    "MeanShares",
    "RegionAttention",
    "Shapley",
    "TruthScores",
    "area_resize",
    "area_under",
    "attention_in_regions",
    "attribute_agreement",
    "attribute_agreement_streamed",
    "attribute_region_shares",
    "attribute_scores",
    "bootstrap_p_values",
    "closer_rivals",
    "constant_response",
    "constant_target",
    "counterfactual_effects",
    "differing_share",
    "dilate",
    "disagreement_rate",
    "explanation_similarity",
    "faithfulness_curves",
    "family_bootstrap",
    "fixed_order_agreement",
    "group_contributions",
    "group_regions",
    "group_scores",
    "holm",
    "impostor_pairs",
    "join_pairs",
    "localise",
    "map_similarity",
    "mean_shares",
    "patch_target",
    "person_region",
    "plan_coalitions",
    "query_prior_agreement",
    "random_order_agreement",
    "random_pairs",
    "randomisation_test",
    "randomised_targets",
    "rank_response",
    "read_counterfactuals",
    "relative_gap",
    "render_counterfactuals",
    "score_groups",
    "shapley_contributions",
    "truth_scores",
    "whole_maps",
]
