"""What the scores of all explainers come to, over training seeds and settings: tables and the sentences they allow."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch

from whyreid.explain import RankCorrelation, rank_correlation
from whyreid.study.claims import mean_and_deviation, read_claim
from whyreid.study.in_words import mean_in_words
from whyreid.study.trust_table import FOR_PHOTOGRAPHS
from whyreid.truth.truth_scores import PRIMARY

SETTING = ["target", "trained on", "tested on"]
_LEVEL = 0.05


@dataclass(frozen=True)
class Verdict:
    """The primary endpoint over all stored runs (a run is one target, one town to test on, one seed).

    Attributes:
        runs: how many there are.
        explainer: the best on average over runs.
        value: its mean rank correlation.
        control: the best control on average.
        control_value: its mean.
        wins: runs in which the explainer is above that control.
        above: how many explainers are above the best control of a run by more than chance, counted over runs.
        below: how many are below it by more than chance.
        compared: how many explainers there are, counted over runs.
    """

    runs: int
    explainer: str
    value: float
    control: str
    control_value: float
    wins: int
    above: int
    below: int
    compared: int

    def leaders(self) -> str:
        """One sentence: the best explainer and the best control."""
        return (
            f"the best explainer is “{self.explainer}” with a rank correlation of {self.value:.2f}, the best control "
            f"“{self.control}” with {self.control_value:.2f}, and the explainer is above it in {self.wins} of "
            f"{self.runs} {'run' if self.runs == 1 else 'runs'}"
        )

    def comparisons(self) -> str:
        """One sentence: how often chance is excluded."""
        return (
            f"of {self.compared} comparisons of an explainer with the best control of its run, {self.above} are won "
            f"and {self.below} are lost by more than chance"
        )


def stored_rows(claim: str) -> pd.DataFrame:
    """The rows of `read_claim`, or a table without rows when nothing is stored yet."""
    try:
        return read_claim(claim).rows
    except FileNotFoundError:
        return pd.DataFrame()


def verdict(rows: pd.DataFrame, *, photographs: bool = False) -> Verdict:
    """Does any explainer beat the controls?

    Args:
        rows: of `read_claim("truth")`: at least one explainer and one control.
        photographs: choose among explainers and controls that need neither true masks nor re-rendering. What is won
            and lost by more than chance is still against the best of all controls.
    """
    told = rows["source"] == "explainer"
    highest = rows["unit"].map(rows[~told].groupby("unit")[PRIMARY].max())
    difference = (rows[PRIMARY] - highest).where(told & (rows["p"] < _LEVEL), 0.0)
    compared = int(told.sum())
    if photographs:
        masked = rows["oracle_mask"].astype(bool)
        rows = rows[(told | rows["explainer"].isin(FOR_PHOTOGRAPHS)) & ~masked]
        told = rows["source"] == "explainer"
    values = rows.pivot_table(index="explainer", columns="unit", values=PRIMARY)
    means = values.mean(axis=1)
    explainers, controls = (rows.loc[side, "explainer"].unique() for side in (told, ~told))
    explainer, control = (str(means[names].idxmax()) for names in (explainers, controls))
    return Verdict(
        runs=values.shape[1],
        explainer=explainer,
        value=float(means[explainer]),
        control=control,
        control_value=float(means[control]),
        wins=int((values.loc[explainer] > values.loc[control]).to_numpy().sum()),
        above=int((difference > 0).sum()),
        below=int((difference < 0).sum()),
        compared=compared,
    )


def label_agreement_tells(table: pd.DataFrame) -> RankCorrelation:
    """Over explainers and controls: does agreement with labels go with agreement with the truth?"""
    columns = ("label_agreement", PRIMARY)
    first, second = (torch.tensor(table[name].to_list(), dtype=torch.float64) for name in columns)
    return rank_correlation(first, second)


def label_agreement_over_runs(rows: pd.DataFrame) -> pd.Series:
    """[unit] rho of `label_agreement_tells` in every stored run."""
    return pd.Series({unit: label_agreement_tells(part).rho for unit, part in rows.groupby("unit", sort=False)})


def over_seeds(rows: pd.DataFrame, values: list[str]) -> pd.DataFrame:
    """Stored rows of the claim, as text "mean ± sd", one line for each explainer and one column for each setting.

    Args:
        rows: of `read_claim("truth")`.
        values: the one or more columns to show.

    Returns:
        Index source, explainer; columns (setting, value) where a setting reads "thin, promenade-a on promenade-b (3)",
        the number of seeds in brackets.
    """
    by = [*SETTING, "source", "explainer"]
    found = mean_and_deviation(rows, by, values)
    lines: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for key, line in found.iterrows():
        target, trained, tested, source, explainer = map(str, key)  # type: ignore[call-overload]
        setting = f"{target}, {trained} on {tested} ({int(line['seeds', 'n'])})"
        cells = lines.setdefault((source, explainer), {})
        for value in values:
            cells[setting, value] = mean_in_words(line[value, "mean"], line[value, "sd"], digits=2)
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["source", "explainer"])


def of_setting(rows: pd.DataFrame, *, target: str, trained_on: str, tested_on: str) -> pd.DataFrame:
    """The stored rows of one setting, all seeds; empty when nothing of it is stored."""
    chosen = (rows["target"] == target) & (rows["trained on"] == trained_on) & (rows["tested on"] == tested_on)
    return rows[chosen]
