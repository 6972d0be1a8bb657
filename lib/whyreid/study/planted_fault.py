"""Do explanations reveal a fault that was planted in a target? Truth, and what explainers make of it.

The endpoint of each fault was fixed before any explainer was run: by how much the share that an explainer gives to
the planted quantity (`ENDPOINTS`) changes from the target without fault to the faulty one, on the same pairs, beside
the change of the true share. `whyreid.study.planted_fault_claim` says what that amounts to: a fault in the data need
not become one of the model, and an explainer can also report a fault that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.explain.attribute_error_explainer import AttributeErrorExplainer
from whyreid.explain.decomposition import DecompositionExplainer
from whyreid.explain.pair import PairExplainer, PairExplanation, explain_in_chunks
from whyreid.explain.pair_score import TargetDistance
from whyreid.explain.saliency_ablation import FeatureAblationExplainer
from whyreid.explain.saliency_grad_cam import GradCamExplainer
from whyreid.explain.saliency_integrated_gradients import IntegratedGradientsExplainer
from whyreid.explain.saliency_occlusion import OcclusionExplainer
from whyreid.explain.saliency_sbsm import SbsmExplainer
from whyreid.study.attribute_steps import attribute_reading
from whyreid.study.claims import Row
from whyreid.study.colour_blind_table import colour_blind_table
from whyreid.study.datasets import load_dataset
from whyreid.study.interpreter_steps import interpreter_recipe_for, trained_interpreter
from whyreid.study.planted_pairs import planted_pairs, planted_renderings
from whyreid.study.planted_shares import Shares, contribution_shares, map_shares, true_shares
from whyreid.study.planted_tables import background_table, tied_table
from whyreid.study.presets import size_of
from whyreid.study.steps import TrainedTarget, trained_target
from whyreid.training import recipe_for
from whyreid.truth.counterfactual_effects import CounterfactualEffects, counterfactual_effects
from whyreid.truth.counterfactual_pairs import CounterfactualPairs
from whyreid.truth.family_bootstrap import family_bootstrap

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "tied": "trained where whoever carries a backpack wears white, and hardly anybody else does",
        "background": "trained on pictures whose background is the identity, whoever stands before it",
        "colour-blind": "trained on people who wear another upper colour in every picture",
        "none": "without fault, from another random start: what differs here is chance",
    }
)

QUANTITIES = ("backpack", "upper colour", "elsewhere")
ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {"tied": "backpack", "background": "elsewhere", "colour-blind": "upper colour"}
)
"""The quantity of each fault on which explainers are judged; the others are shown beside it."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A target, and the data that its explainers learn from.

    Attributes:
        target: the model.
        seed: of its training, and of those of its explainers.
        labelled: the table with attributes that interpreter and attribute classifier are fitted on.
    """

    target: TrainedTarget
    seed: int
    labelled: ReIDTable


def sound_subject(preset: str, *, seed: int, device: str = "auto") -> Subject:
    """The target without fault, trained on Promenade A."""
    table = load_dataset("promenade-a", preset=preset)
    return Subject(trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device), seed, table)


def faulty_subject(fault: str, preset: str, *, seed: int, device: str = "auto") -> Subject:
    """A target with a planted fault, trained with the recipe of the sound one.

    Its explainers learn from what an auditor would have: of the tie, the tied data; of the other two, whose training
    data have no attributes, ordinary Promenade A.

    Args:
        fault: one of `FAULTS`.
        preset: size of data and training.
        seed: of the training; "none" is trained with the next one.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: no such fault.
    """
    if fault not in FAULTS:
        raise ValueError(f"fault must be one of {', '.join(FAULTS)}, got {fault!r}.")
    if fault == "none":
        return sound_subject(preset, seed=(seed + 1) % 3, device=device)
    tables = {"tied": tied_table, "background": background_table, "colour-blind": colour_blind_table}
    table = tables[fault](preset)
    target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
    return Subject(target, seed, table if fault == "tied" else load_dataset("promenade-a", preset=preset))


def explainers_of(subject: Subject, preset: str, *, device: str = "auto") -> Iterator[tuple[str, PairExplainer]]:
    """Every explainer, made for this target, with its name; those that need a training come last."""
    model = subject.target.model
    yield "integrated gradients", IntegratedGradientsExplainer(model)
    yield "GradCAM", GradCamExplainer(model)
    yield "occlusion, grey", OcclusionExplainer(model)
    yield "occlusion, blur", OcclusionExplainer(model, fill="blur")
    yield "SBSM", SbsmExplainer(model)
    yield "feature ablation", FeatureAblationExplainer(model)
    reading = attribute_reading(subject.target, subject.labelled, device=device)
    yield "Specker, composed", AttributeErrorExplainer(model, reading.weight, reading.names)
    yield "Specker, signed", AttributeErrorExplainer(model, reading.weight, reading.names, form="signed")
    recipe = interpreter_recipe_for(size_of(preset))
    found = trained_interpreter(subject.target, subject.labelled, recipe, seed=subject.seed, device=device)
    yield "AMD", DecompositionExplainer(found.model, found.attributes, over_attributes=found.over_attributes)


def measure_fault(fault: str, preset: str, *, seed: int, device: str = "auto", most: int = 48) -> list[Row]:
    """Truth and explanations of the sound and the faulty target on the same pairs.

    Args:
        fault: one of `FAULTS`.
        preset: size of data and trainings.
        seed: of the trainings.
        device: where targets are trained; explained is on the CPU.
        most: pairs at most.

    Returns:
        Rows with the columns fault, seed, pairs, explainer ("truth" or a name), evidence ("re-rendering",
        "contributions" or "maps"), quantity, sound and faulty (mean shares), change with low and high (95 % over
        look-alike families), risen (share of the pairs in which it is larger in the faulty target; a tie is a half);
        the rows of the truth also have sound size and faulty size, the mean absolute effect in units of the distance.
        None when there are no pairs.
    """
    table = load_dataset("promenade-a", preset=preset)
    pairs = planted_pairs(table, most=most)
    if not len(pairs):
        return []
    sound = sound_subject(preset, seed=seed, device=device)
    faulty = faulty_subject(fault, preset, seed=seed, device=device)
    rows = _truth_rows((sound, faulty), pairs, planted_renderings(table, most=most))
    for (name, one), (_, other) in zip(explainers_of(sound, preset), explainers_of(faulty, preset), strict=True):
        found = _explained(one, sound, pairs), _explained(other, faulty, pairs)
        for evidence, shares in found_shares(*found, pairs).items():
            described: dict[str, str | float] = {"explainer": name, "evidence": evidence}
            rows += [described | row for row in compare(*shares, pairs.families())]
    return [{"fault": fault, "seed": seed, "pairs": len(pairs), **row} for row in rows]


def found_shares(
    sound: PairExplanation, faulty: PairExplanation, pairs: CounterfactualPairs
) -> dict[str, tuple[Shares, Shares]]:
    """What two explanations by one method say: by "contributions", by "maps", or both."""
    differs, both, found = pairs.differs(), (sound, faulty), {}
    if sound.contributions is not None:
        first, second = (contribution_shares(explanation, differs) for explanation in both)
        found["contributions"] = first, second
    if sound.query_maps is not None:
        masks = pairs.masks()
        first, second = (map_shares(explanation, masks, differs) for explanation in both)
        found["maps"] = first, second
    return found


def compare(sound: Shares, faulty: Shares, families: Tensor) -> list[dict[str, str | float]]:
    """One row for each of `QUANTITIES`; see `measure_fault`."""
    rows: list[dict[str, str | float]] = []
    for quantity in QUANTITIES:
        before, after = sound.of(quantity), faulty.of(quantity)
        both = before.isfinite() & after.isfinite()
        change = (after - before)[both]
        spread = family_bootstrap(change[:, None], families[both])
        numbers = {
            "sound": before[both].mean(),
            "faulty": after[both].mean(),
            "change": spread.mean[0],
            "low": spread.low[0],
            "high": spread.high[0],
            "risen": ((change > 0).double() + 0.5 * (change == 0).double()).mean(),
        }
        rows.append({"quantity": quantity, **{name: round(float(value), 5) for name, value in numbers.items()}})
    return rows


def _truth_rows(
    subjects: tuple[Subject, Subject], pairs: CounterfactualPairs, renderings: Path
) -> list[dict[str, str | float]]:
    """How the true shares change, and the mean absolute effects in units of the distance."""
    models = [subject.target.model for subject in subjects]
    sound, faulty = (counterfactual_effects(pairs, renderings, [TargetDistance(model)])[0] for model in models)
    rows: list[dict[str, str | float]] = []
    for row in compare(true_shares(sound), true_shares(faulty), pairs.families()):
        sizes = [round(_size(effects, str(row["quantity"])), 5) for effects in (sound, faulty)]
        named: dict[str, str | float] = {"explainer": "truth", "evidence": "re-rendering"}
        rows.append(named | row | {"sound size": sizes[0], "faulty size": sizes[1]})
    return rows


def _size(effects: CounterfactualEffects, quantity: str) -> float:
    """Mean absolute effect, in units of the distance."""
    if quantity == "elsewhere":
        return float(effects.remainder.abs().mean())
    return float(effects.mean_size()[effects.groups.index(quantity)])


def _explained(explainer: PairExplainer, subject: Subject, pairs: CounterfactualPairs) -> PairExplanation:
    query, gallery = pairs.pictures(subject.target.model.image_input)
    return explain_in_chunks(explainer, query, gallery, chunk=16)
