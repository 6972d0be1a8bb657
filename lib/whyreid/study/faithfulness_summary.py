"""Tables of faithfulness over seeds, and the sentences that depend on them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from whyreid.study.claims import mean_and_deviation
from whyreid.study.in_words import mean_in_words, means_in_words

COLUMNS = {
    ("match", "mean"): "match, grey",
    ("match", "blur"): "match, blur",
    ("impostor", "mean"): "impostor, grey",
    ("impostor", "blur"): "impostor, blur",
}


def gain_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Gains in per cent of the mean distance, and of the rank, one row a method; mean ± deviation over several seeds.

    Args:
        rows: of `whyreid.study.faithfulness_table.faithfulness_table`, or of the claim (measure "faithfulness").

    Returns:
        Index explainer, in the order of ``rows``; text columns named in `COLUMNS`, "rank, grey" and "rank, blur"
        (percentage points of the other persons' pictures that come before the match), and "seeds".
    """
    rows = rows.assign(seed=rows.get("seed", 0))
    wide = pd.DataFrame(
        [
            {
                "explainer": name,
                "seed": seed,
                **{text: 100 * _one(part, *key, "gain") for key, text in COLUMNS.items()},
                **{f"rank, {word}": 100 * _one(part, "match", fill, "rank_gain")
                   for fill, word in (("mean", "grey"), ("blur", "blur"))},
            }
            for (name, seed), part in rows.groupby(["explainer", "seed"], sort=False)
        ]
    )  # fmt: skip
    numbers = [str(name) for name in wide if name not in ("explainer", "seed")]
    found = mean_and_deviation(wide, ["explainer"], numbers)
    text = {name: means_in_words(found[name, "mean"], found[name, "sd"]) for name in numbers}
    table = pd.DataFrame({**text, "seeds": found["seeds", "n"].to_list()}, index=found.index)
    return table.loc[rows["explainer"].drop_duplicates()]


def faithful_methods(rows: pd.DataFrame) -> list[str]:
    """Explainers whose mean gain is more than two standard errors above zero for both kinds of pairs and both fills.

    Args:
        rows: of one seed, as `whyreid.study.faithfulness_table.faithfulness_table` gives them.
    """
    clear = rows["gain"] > 2 * rows["error"]
    always = clear.groupby(rows["explainer"], sort=False).all()
    explainers = rows.loc[rows["source"] == "explainer", "explainer"].drop_duplicates()
    return [str(name) for name in explainers if always[name]]


def gain_in_words(rows: pd.DataFrame) -> str:
    """What the stored gains say: who gains most, who always gains, and whose maps have to be turned round.

    Always means in every seed, for both kinds of pairs and both fills; the other way round the same below zero.

    Args:
        rows: of the claim, measure "faithfulness".
    """
    of_explainers = rows[rows["source"] == "explainer"]
    by_seed = of_explainers.groupby(["seed", "explainer"])["gain"].mean().unstack("seed")
    best = str(by_seed.mean(axis=1).idxmax())
    gains = 100 * by_seed.T[best]
    numbers = mean_in_words(float(gains.mean()), float(gains.std()))
    seeds = "1 seed" if by_seed.shape[1] == 1 else f"{by_seed.shape[1]} seeds"
    always = rows.groupby("explainer", sort=False)["gain"].agg(["min", "max"])
    gaining, turned = (
        _listed([str(name) for name in always.index[chosen]]) for chosen in (always["min"] > 0, always["max"] < 0)
    )
    return (
        f"Over {seeds} “{best}” gains most, {numbers} % of the distance on average. Above zero in every seed, for both "
        f"kinds of pairs and both fills: {gaining}. Below zero in all of them: {turned}."
    )


def mean_gain(rows: pd.DataFrame) -> pd.Series:
    """[explainer] mean gain over seeds, kinds of pairs and fills, highest first."""
    return rows.groupby("explainer")["gain"].mean().sort_values(ascending=False)


def _listed(names: Sequence[str]) -> str:
    """In quotation marks, or "none"."""
    return ", ".join(f"“{name}”" for name in names) or "none"


def _one(part: pd.DataFrame, pairs: str, fill: str, column: str) -> float:
    chosen = part[(part["pairs"] == pairs) & (part["fill"] == fill)]
    return float(chosen[column].iloc[0]) if len(chosen) else float("nan")
