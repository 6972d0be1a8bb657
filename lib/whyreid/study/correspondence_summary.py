"""The claim *matched locations show the same body part* as tables."""

from __future__ import annotations

import pandas as pd

from whyreid.study.claims import mean_and_deviation
from whyreid.study.correspondence_pairs import OTHER, SAME, VIEWS
from whyreid.study.correspondence_parts import CONTROLS
from whyreid.study.correspondence_ranking import LEARNED, POOLED, UNLEARNED
from whyreid.study.correspondence_scores import BESIDE, MUTUAL, QACONV, STRONGEST
from whyreid.study.cross_domain_summary import town
from whyreid.study.in_words import means_in_words

METHODS = (STRONGEST, MUTUAL, QACONV, "thin target", "thin target, trained on", "untrained network")


def agreement_table(rows: pd.DataFrame, persons: str = SAME) -> pd.DataFrame:
    """Part agreement by method and view, in per cent; mean ± standard deviation where there are several seeds.

    Args:
        rows: of the claim, or of `whyreid.study.correspondences_claim.correspondence_rows` with the columns seed,
            trained on and tested on.
        persons: `SAME` or `OTHER`.

    Returns:
        Index method (those that look first, then the controls); text columns (towns, view), towns as "A → A".
    """
    chosen = agreements(rows, persons)
    found = mean_and_deviation(chosen, ["method", "towns", "view"], ["agreement"])["agreement"]
    words = means_in_words(100 * found["mean"], 100 * found["sd"], digits=0)
    shown = pd.Series(words, index=found.index).unstack(["towns", "view"])
    views = [view for view in (*VIEWS, *shown.columns.unique("view")) if view in shown.columns.unique("view")]
    order = [(towns, view) for towns in chosen["towns"].unique() for view in dict.fromkeys(views)]
    return shown.reindex(index=[m for m in (*METHODS, *CONTROLS) if m in shown.index], columns=order).fillna("–")


def agreements(rows: pd.DataFrame, persons: str = SAME) -> pd.DataFrame:
    """The rows of part agreement, of pairs of one person or of two, with a column towns ("A → B").

    Args:
        rows: as for `agreement_table`.
        persons: `SAME` or `OTHER`.
    """
    return _with_towns(rows[(rows["kind"] == "agreement") & (rows["persons"] == persons)])


def agreement_claim(rows: pd.DataFrame) -> str:
    """One sentence: QAConv's agreement on pairs of one person, that of the target trained on, and the best control's.

    Args:
        rows: as for `agreement_table`; seeds, towns and views are averaged.
    """
    mean = 100 * mean_agreement(rows)["all"]
    best = str(mean.reindex(list(CONTROLS[:3])).idxmax())
    others = f"nearest neighbours of the target that was trained on at {mean['thin target, trained on']:.0f} %"
    ahead = "more" if mean[QACONV] > mean[best] else "not more"
    return (
        f"QAConv's matches join the same body part at {mean[QACONV]:.0f} % of the person's places, {others}; "
        f"that is {ahead} than the best control reaches without matching ({best}: {mean[best]:.0f} %)."
    )


def matching_table(rows: pd.DataFrame, measure: str = "mAP") -> pd.DataFrame:
    """The rankings of one network's map, pooled, matched as it is, and QAConv's, in per cent.

    Args:
        rows: of the claim, or of `whyreid.study.correspondence_ranking.matching_rows` with the columns seed, trained on
            and tested on.
        measure: "mAP" or "rank-1".

    Returns:
        Index method; a text column for each pair of towns, mean ± standard deviation where there are several seeds.
    """
    chosen = _with_towns(rows[rows["kind"] == "ranking"])
    found = mean_and_deviation(chosen, ["method", "towns"], [measure])[measure]
    words = means_in_words(100 * found["mean"], 100 * found["sd"])
    shown = pd.Series(words, index=found.index).unstack("towns")
    order = list(dict.fromkeys(chosen["towns"]))
    return shown.reindex(index=list(dict.fromkeys(chosen["method"])), columns=order).rename_axis(columns=None)


def matching_claim(rows: pd.DataFrame) -> str:
    """One sentence on the other town: what matching adds without learning, and what learning to match adds.

    Args:
        rows: as for `matching_table`.
    """
    chosen = rows[(rows["kind"] == "ranking") & (rows["trained on"] != rows["tested on"])]
    mean = (100 * chosen.groupby("method")["mAP"].mean()).to_dict()
    matched, learned = mean[UNLEARNED] - mean[POOLED], mean[LEARNED] - mean[UNLEARNED]
    return (
        f"In the other town matching the target's map as it is moves the mAP by {matched:+.1f} points, from "
        f"{mean[POOLED]:.1f} to {mean[UNLEARNED]:.1f}; learning to match moves it by another {learned:+.1f}, to "
        f"{mean[LEARNED]:.1f}."
    )


def mean_agreement(rows: pd.DataFrame, persons: str = SAME) -> pd.DataFrame:
    """Part agreement as numbers: index method, a column for each view and "all" (their mean over pairs), 0..1.

    Args:
        rows: as for `agreement_table`; seeds and towns are averaged.
        persons: `SAME` or `OTHER`.
    """
    chosen = agreements(rows, persons)
    table = chosen.pivot_table(index="method", columns="view", values="agreement")
    weighted = chosen.assign(weighted=chosen["agreement"] * chosen["pairs"]).groupby("method")
    table["all"] = weighted["weighted"].sum() / weighted["pairs"].sum()
    return table.rename_axis(columns=None)


def view_claim(rows: pd.DataFrame) -> str:
    """What a change of view does to the agreement, and what becomes of it on pairs of two persons.

    Args:
        rows: as for `agreement_table`.
    """
    mean, strangers = 100 * mean_agreement(rows), 100 * mean_agreement(rows, OTHER)
    text = ""
    if {"same side", "other side"} <= set(mean.columns):
        change = {name: float(line["other side"] - line["same side"]) for name, line in mean.iterrows()}
        text = (
            f"Between pictures from the same side and from opposite sides QAConv's agreement changes by "
            f"{change[QACONV]:+.0f} points, that of the same place by {change['same place']:+.0f}. "
        )
    two = strangers["all"]
    return text + (
        f"On pairs of two persons its matches agree at {two[QACONV]:.0f} %, nearest neighbours of the target that was "
        f"trained on at {two['thin target, trained on']:.0f} %; any place would at {two['any place']:.0f} %."
    )


def evidence_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Where in the pictures matches and non-matches are told apart.

    Args:
        rows: as for `agreement_table`.

    Returns:
        Index part, in the order from head to foot; columns "same person", "another person" (mean contribution, in
        units of the logit), "share of the gap" and "share of the area" (0..1, each adds up to 1; a share of the gap
        is negative where a part speaks more for non-matches), "sd" of the share of the gap over seeds.
    """
    chosen = rows[rows["kind"] == "evidence"]
    keys = ["trained on", "tested on", "seed"]
    wide = chosen.pivot_table(index=[*keys, "part"], columns="persons", values="contribution", sort=False)
    gap = wide[SAME] - wide[OTHER]
    shares = gap / gap.groupby(keys).transform("sum")
    table = wide.groupby("part", sort=False).mean()
    table["share of the gap"] = shares.groupby("part", sort=False).mean()
    table["sd"] = shares.groupby("part", sort=False).std()
    table["share of the area"] = chosen.groupby("part", sort=False)["area"].mean()
    return table.rename_axis(columns=None)[[SAME, OTHER, "share of the gap", "sd", "share of the area"]]


def evidence_claim(table: pd.DataFrame) -> str:
    """One sentence on the gap between matches and non-matches: beside the person, and the part that counts most.

    Args:
        table: of `evidence_table`.
    """
    beside, density = table.loc[BESIDE], table["share of the gap"] / table["share of the area"]
    most = str(density.drop(BESIDE).idxmax())
    return (
        f"{beside['share of the gap']:.0%} of the gap between matches and non-matches lies beside the person, on "
        f"{beside['share of the area']:.0%} of the area; for its size, {most} count most, {density[most]:.1f} times "
        "what an even spread would give."
    )


def _with_towns(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(towns=rows["trained on"].map(town) + " → " + rows["tested on"].map(town))
