"""Whom to trust for what: the best explainer for each question, beside the best control and beside saying nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from whyreid.truth.truth_scores import PRIMARY

ENOUGH_SEEDS = 3
"""With fewer nobody is recommended."""

DIGITS = 2
"""A lead counts when it is seen after rounding to so many digits."""

FOR_PHOTOGRAPHS = ("uniform", "random", "query label prior", "centre")
"""Controls that need neither true masks nor re-rendering, and so can be had for photographs."""


@dataclass(frozen=True)
class Question:
    """What one may want to know from an explanation, and the column that says how well it is answered.

    Attributes:
        column: of `whyreid.study.truth_table.truth_table`.
        sign: 1 where more is better, -1 where less is.
        nothing: what an explanation without content has; None = what the control "uniform" has.
        of_maps: the map itself is the answer, so no true mask is needed to give it.
    """

    column: str
    sign: int = 1
    nothing: float | None = 0.0
    of_maps: bool = False


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "which differences matter more (rank correlation)": Question(PRIMARY),
        "the same among impostors": Question("impostors"),
        "which difference matters most (share right)": Question("top1", nothing=None),
        "whether it sets apart or brings together (share right)": Question("sign", nothing=0.5),
        "how much each matters (relative error)": Question("error", -1, nothing=1.0),
        "where to look (energy over area)": Question("energy over area", nothing=1.0, of_maps=True),
    }
)


@dataclass(frozen=True)
class Answer:
    """How well one question is answered; values are means over training seeds, NaN where nobody answers.

    Attributes:
        explainer: the best one, "–" where there is none.
        value: its value.
        control: the best control.
        control_value: its value.
        nothing: the value of an explanation without content.
        ahead: seeds in which the explainer is better than that control and than saying nothing, seen after rounding.
        seeds: how many there are.
        sign: 1 where more is better, -1 where less is.
    """

    explainer: str
    value: float
    control: str
    control_value: float
    nothing: float
    ahead: int
    seeds: int
    sign: int

    def verdict(self) -> str:
        """What a practitioner may conclude, in a few words."""
        lead = abs(round(self.value, DIGITS) - round(self.control_value, DIGITS))
        if self.explainer == "–":
            return "nobody answers"
        if self.sign * (self.value - self.nothing) <= 0:
            return "no: worse than saying nothing"
        if self.ahead == 0:
            return "no: the control is as good or better"
        if self.ahead < self.seeds:
            return f"perhaps: ahead in {self.ahead} of {self.seeds} seeds"
        if self.seeds < ENOUGH_SEEDS:
            return f"perhaps: ahead by {lead:.{DIGITS}f}, but too few seeds"
        return f"yes: ahead in every seed, on average by {lead:.{DIGITS}f}"


def trust_table(rows: pd.DataFrame, *, photographs: bool = False) -> pd.DataFrame:
    """For each question the best explainer, the best control, and whether the first may be trusted.

    Args:
        rows: of `whyreid.study.truth_table.truth_table`, or stored rows of the claim, of one setting and several
            seeds (column "seed"); columns explainer (or as index), source, oracle_mask and those of the questions. A
            question whose column is not there is left out.
        photographs: only what can be had without true masks and re-rendering.

    Returns:
        Index question; text columns "best explainer", "best control", "saying nothing", "to be trusted?".
    """
    rows = rows if "explainer" in rows else rows.reset_index()
    rows = rows.assign(oracle_mask=rows["oracle_mask"].astype(bool), seed=rows.get("seed", 0))
    lines = {}
    for question, asked in QUESTIONS.items():
        if asked.column not in rows:
            continue
        found = answer(_allowed(rows, asked) if photographs else rows, asked)
        lines[question] = {
            "best explainer": _named(found.explainer, found.value),
            "best control": _named(found.control, found.control_value),
            "saying nothing": f"{found.nothing:.{DIGITS}f}",
            "to be trusted?": found.verdict(),
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("question")


def answer(rows: pd.DataFrame, asked: Question) -> Answer:
    """The best explainer and the best control of one question, by their means over seeds.

    Args:
        rows: columns explainer, source, seed and the question's.
        asked: the question.
    """
    values = asked.sign * rows.pivot_table(index="explainer", columns="seed", values=asked.column, dropna=False)
    means = values.mean(axis=1).dropna()
    told = set(rows.loc[rows["source"] == "explainer", "explainer"])
    best = [means[means.index.isin(told) == wanted] for wanted in (True, False)]
    explainer, control = (str(part.idxmax()) if len(part) else "–" for part in best)
    nothing = asked.sign * asked.nothing if asked.nothing is not None else means.get("uniform", float("nan"))
    ahead = 0
    if explainer != "–":
        bar = values.loc[control].fillna(nothing) if control != "–" else values.loc[explainer] * 0 + nothing
        lead = values.loc[explainer].round(DIGITS) > bar.clip(lower=nothing).round(DIGITS)
        ahead = int(lead.to_numpy().sum())
    return Answer(
        explainer,
        asked.sign * float(means.get(explainer, float("nan"))) + 0.0,  # no "-0.00"
        control,
        asked.sign * float(means.get(control, float("nan"))),
        asked.sign * float(nothing),
        ahead,
        int(rows["seed"].nunique()),
        asked.sign,
    )


def _allowed(rows: pd.DataFrame, asked: Question) -> pd.DataFrame:
    """What can be had for photographs."""
    told = rows["source"] == "explainer"
    explainers = told & (asked.of_maps | ~rows["oracle_mask"])
    needs_masks = rows["oracle_mask"] & (not asked.of_maps)
    return rows[explainers | (~told & rows["explainer"].isin(FOR_PHOTOGRAPHS) & ~needs_masks)]


def _named(name: str, value: float) -> str:
    return "–" if name == "–" else f"{name}: {value:.{DIGITS}f}"
