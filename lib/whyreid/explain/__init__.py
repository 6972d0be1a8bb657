"""Explanations of pairs and of rank lists."""

from whyreid.explain.attribute_error import (
    ErrorForm,
    attribute_errors,
    attribute_shares,
    error_composition,
    rank_list_errors,
)
from whyreid.explain.attribute_error_explainer import AttributeErrorExplainer, comparable
from whyreid.explain.controls import (
    MapControl,
    RandomMapControl,
    RandomShareControl,
    ShareControl,
    centre_prior,
    fixed_order_control,
    mask_area_control,
    query_prior_control,
    silhouette_control,
    uniform_control,
)
from whyreid.explain.correspondences import (
    CorrespondenceExplainer,
    CorrespondenceLines,
    Correspondences,
    NearestLocations,
    find_correspondences,
    nearest_locations,
    strongest_lines,
)
from whyreid.explain.decomposition import DecompositionExplainer, interpreter_distances
from whyreid.explain.fill import FILLS, Fill, filling
from whyreid.explain.matching_scores import Form, MatchingScores, matching_scores, rank_list_matching_scores
from whyreid.explain.neuron_selectivity import neuron_selectivity, random_rotation, strongest_pictures
from whyreid.explain.neurons import (
    conjunction_gain,
    neuron_attribute_correlation,
    neuron_attribute_table,
    strongest_attributes,
    unit_attribute_vectors,
)
from whyreid.explain.pair import KINDS, Kind, PairExplainer, PairExplanation, explain_in_chunks, join_explanations
from whyreid.explain.pair_score import MatchingLogit, PairScore, TargetDistance, as_pair_score, score_pairs
from whyreid.explain.prediction_quality import (
    area_by_attribute,
    area_under_curve,
    balanced_accuracy,
    calibration_error,
    prediction_quality,
    reliability_curve,
)
from whyreid.explain.rank_correlation import RankCorrelation, correlation_table, rank_correlation
from whyreid.explain.reweighting import exclusive_shares, reweighted_distances
from whyreid.explain.saliency_ablation import FeatureAblationExplainer, grid_segments
from whyreid.explain.saliency_grad_cam import GradCamExplainer
from whyreid.explain.saliency_integrated_gradients import IntegratedGradientsExplainer
from whyreid.explain.saliency_occlusion import OcclusionExplainer
from whyreid.explain.saliency_sbsm import SbsmExplainer, SbsmForm, sbsm_saliency

__all__ = [
    "FILLS",
    "KINDS",
    "AttributeErrorExplainer",
    "CorrespondenceExplainer",
    "CorrespondenceLines",
    "Correspondences",
    "DecompositionExplainer",
    "ErrorForm",
    "FeatureAblationExplainer",
    "Fill",
    "Form",
    "GradCamExplainer",
    "IntegratedGradientsExplainer",
    "Kind",
    "MapControl",
    "MatchingLogit",
    "MatchingScores",
    "NearestLocations",
    "OcclusionExplainer",
    "PairExplainer",
    "PairExplanation",
    "PairScore",
    "RandomMapControl",
    "RandomShareControl",
    "RankCorrelation",
    "SbsmExplainer",
    "SbsmForm",
    "ShareControl",
    "TargetDistance",
    "area_by_attribute",
    "area_under_curve",
    "as_pair_score",
    "attribute_errors",
    "attribute_shares",
    "balanced_accuracy",
    "calibration_error",
    "centre_prior",
    "comparable",
    "conjunction_gain",
    "correlation_table",
    "error_composition",
    "exclusive_shares",
    "explain_in_chunks",
    "filling",
    "find_correspondences",
    "fixed_order_control",
    "grid_segments",
    "interpreter_distances",
    "join_explanations",
    "mask_area_control",
    "matching_scores",
    "nearest_locations",
    "neuron_attribute_correlation",
    "neuron_attribute_table",
    "neuron_selectivity",
    "prediction_quality",
    "query_prior_control",
    "random_rotation",
    "rank_correlation",
    "rank_list_errors",
    "rank_list_matching_scores",
    "reliability_curve",
    "reweighted_distances",
    "sbsm_saliency",
    "score_pairs",
    "silhouette_control",
    "strongest_attributes",
    "strongest_lines",
    "strongest_pictures",
    "uniform_control",
    "unit_attribute_vectors",
]
