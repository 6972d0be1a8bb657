"""Explanations of pairs and of rank lists."""

from whyreid.explain.attribute_error import (
    ErrorForm,
    attribute_errors,
    attribute_shares,
    error_composition,
    rank_list_errors,
)
from whyreid.explain.attribute_error_explainer import AttributeErrorExplainer, comparable
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
from whyreid.explain.prediction_quality import (
    area_by_attribute,
    area_under_curve,
    balanced_accuracy,
    calibration_error,
    prediction_quality,
    reliability_curve,
)
from whyreid.explain.rank_correlation import RankCorrelation, correlation_table, rank_correlation
from whyreid.explain.reweighting import reweighted_distances

__all__ = [
    "KINDS",
    "AttributeErrorExplainer",
    "CorrespondenceExplainer",
    "CorrespondenceLines",
    "Correspondences",
    "DecompositionExplainer",
    "ErrorForm",
    "Form",
    "Kind",
    "MatchingScores",
    "NearestLocations",
    "PairExplainer",
    "PairExplanation",
    "RankCorrelation",
    "area_by_attribute",
    "area_under_curve",
    "attribute_errors",
    "attribute_shares",
    "balanced_accuracy",
    "calibration_error",
    "comparable",
    "conjunction_gain",
    "correlation_table",
    "error_composition",
    "explain_in_chunks",
    "find_correspondences",
    "interpreter_distances",
    "join_explanations",
    "matching_scores",
    "nearest_locations",
    "neuron_attribute_correlation",
    "neuron_attribute_table",
    "neuron_selectivity",
    "prediction_quality",
    "random_rotation",
    "rank_correlation",
    "rank_list_errors",
    "rank_list_matching_scores",
    "reliability_curve",
    "reweighted_distances",
    "strongest_attributes",
    "strongest_lines",
    "strongest_pictures",
    "unit_attribute_vectors",
]
