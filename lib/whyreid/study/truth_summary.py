"""What a practitioner can take from the scores of all explainers: whom to trust for which question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd
import torch

from whyreid.explain import RankCorrelation, rank_correlation
from whyreid.study.claims import mean_and_deviation
from whyreid.truth.truth_scores import PRIMARY


@dataclass(frozen=True)
class Question:
    """What one may want to know from an explanation, and the column that says how well it is answered.

    Attributes:
        column: of `whyreid.study.truth_table.truth_table`.
        sign: 1 where more is better, -1 where less is.
    """

    column: str
    sign: int = 1


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "which differences matter more (rank correlation)": Question(PRIMARY),
        "the same among impostors": Question("impostors"),
        "which difference matters most (share right)": Question("top1"),
        "whether it sets apart or brings together (share right)": Question("sign"),
        "how much each matters (relative error)": Question("error", -1),
        "where to look (energy over area)": Question("gain"),
    }
)


def trust_table(table: pd.DataFrame) -> pd.DataFrame:
    """For each question the best explainer, the best that needs no true mask, and the best control.

    Args:
        table: of `whyreid.study.truth_table.truth_table`, or its mean over seeds with the same columns.

    Returns:
        Index question; columns explainer, value, "without masks", value, control, value. "–" where nobody answers.
    """
    table = table.assign(gain=table["energy"] / table["area"], oracle_mask=table["oracle_mask"].astype(bool))
    told = table["source"] == "explainer"
    kinds = {"explainer": told, "without masks": told & ~table["oracle_mask"], "control": ~told}
    rows = {}
    for question, asked in QUESTIONS.items():
        row: dict[str, str | float] = {}
        for kind, chosen in kinds.items():
            values = (asked.sign * table.loc[chosen, asked.column]).dropna()
            best = str(values.idxmax()) if len(values) else "–"
            row |= {kind: best, f"value of {kind}": asked.sign * float(values.max()) if len(values) else float("nan")}
        rows[question] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def label_agreement_tells(table: pd.DataFrame) -> RankCorrelation:
    """Over explainers and controls: does agreement with labels go with agreement with the truth?"""
    columns = ("label_agreement", PRIMARY)
    first, second = (torch.tensor(table[name].to_list(), dtype=torch.float64) for name in columns)
    return rank_correlation(first, second)


def over_seeds(rows: pd.DataFrame, values: list[str]) -> pd.DataFrame:
    """Stored rows of the claim, as text "mean ± sd", one line for each explainer and one column for each setting.

    Args:
        rows: of `read_claim("truth")`.
        values: the one or more columns to show.

    Returns:
        Index source, explainer; columns (setting, value) where a setting reads "thin, promenade-a on promenade-b (3)",
        the number of seeds in brackets.
    """
    by = ["target", "trained on", "tested on", "source", "explainer"]
    found = mean_and_deviation(rows, by, values)
    lines: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for key, line in found.iterrows():
        target, trained, tested, source, explainer = map(str, key)  # type: ignore[call-overload]
        setting = f"{target}, {trained} on {tested} ({int(line['seeds', 'n'])})"
        cells = lines.setdefault((source, explainer), {})
        for value in values:
            mean, deviation = line[value, "mean"], line[value, "sd"]
            cells[setting, value] = f"{mean:.2f}" if pd.isna(deviation) else f"{mean:.2f} ± {deviation:.2f}"
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["source", "explainer"])


def mean_over_seeds(rows: pd.DataFrame, *, target: str, trained_on: str, tested_on: str) -> pd.DataFrame:
    """The stored table of one setting, averaged over seeds; index explainer, columns as `truth_table` has them.

    Empty when nothing of the setting is stored. ``low`` and ``high`` are the means of the seeds' intervals.
    """
    chosen = rows[(rows["target"] == target) & (rows["trained on"] == trained_on) & (rows["tested on"] == tested_on)]
    numbers = chosen.select_dtypes("number").columns.difference(["seed", "pairs", "oracle_mask"])
    grouped = chosen.groupby("explainer", sort=False)
    first = grouped[["source", "oracle_mask"]].first()
    return first.join(grouped[list(numbers)].mean())
