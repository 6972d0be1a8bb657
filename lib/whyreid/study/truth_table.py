"""Scores of all explainers in one table: the primary endpoint with its interval and test, and the rest beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields

import pandas as pd
import torch
from torch import Tensor

from whyreid.study.claims import Row
from whyreid.study.truth_explainers import Explained
from whyreid.study.truth_localisation import localisation_table
from whyreid.study.truth_steps import TrueEffects
from whyreid.truth.family_bootstrap import bootstrap_p_values, family_bootstrap, holm
from whyreid.truth.truth_scores import PRIMARY, TruthScores, truth_scores

MEASURES = tuple(field.name for field in fields(TruthScores))
_PLACE = MEASURES.index(PRIMARY)
_STORED_DIGITS = 5


def truth_table(found: Sequence[Explained], effects: TrueEffects) -> pd.DataFrame:
    """One row for each explainer and control.

    Args:
        found: of `explain_pairs`, explainers and at least one control.
        effects: the truth about the same pairs.

    Returns:
        Index explainer; columns source, oracle_mask, the means of `TruthScores` over pairs, low and high (95 % of the
        primary endpoint, over look-alike families), impostors (the primary endpoint among impostors), seconds, p (of
        the difference of an explainer to the best control, adjusted after Holm over the explainers; NaN for controls),
        and where its maps lie, the columns of `localisation_table` (NaN without maps).
    """
    scores = [truth_scores(one.explanation, effects.of[one.explanation.kind]).stacked() for one in found]
    primary = torch.stack([score[:, _PLACE] for score in scores], dim=1)
    spread = family_bootstrap(primary, effects.pairs.families())
    rows = []
    for place, (one, score) in enumerate(zip(found, scores, strict=True)):
        about: dict[str, str | bool | float] = {"source": one.source, "oracle_mask": one.oracle_mask}
        about |= dict(zip(MEASURES, score.nanmean(dim=0).tolist(), strict=True))
        about |= {"low": float(spread.low[place]), "high": float(spread.high[place])}
        about |= {"impostors": float(score[effects.pairs.impostor, _PLACE].nanmean())}
        rows.append(about | {"seconds": one.seconds})
    table = pd.DataFrame(rows, index=pd.Index([one.name for one in found], name="explainer"))
    table["p"] = _against_best_control(table, primary, effects.pairs.families())
    return table.join(localisation_table(found, effects.pairs))


def best_control(table: pd.DataFrame) -> str:
    """The control with the highest primary endpoint: what an explainer has to beat."""
    controls = table[table["source"] == "control"]
    return str(controls[PRIMARY].idxmax())


def table_rows(table: pd.DataFrame, about: Row) -> list[Row]:
    """The lines of a table of scores as rows of a claim: to five digits, without what is missing.

    Args:
        table: of `truth_table`, or with the same kinds of columns.
        about: what all rows share; it comes first.
    """
    lines = table.assign(oracle_mask=table["oracle_mask"].astype(int)).reset_index()
    rows = json.loads(lines.to_json(orient="records", double_precision=_STORED_DIGITS))
    return [{**about, **{name: value for name, value in row.items() if value is not None}} for row in rows]


def _against_best_control(table: pd.DataFrame, primary: Tensor, families: Tensor) -> pd.Series:
    """[rows] p of the explainers, Holm-adjusted; NaN for controls."""
    tested = [place for place, source in enumerate(table["source"]) if source == "explainer"]
    if not tested or (table["source"] == "control").sum() == 0 or table[PRIMARY].isna().all():
        return pd.Series(float("nan"), index=table.index)
    control = table.index.get_loc(best_control(table))
    differences = family_bootstrap(primary[:, tested] - primary[:, [control]], families)
    adjusted = holm(bootstrap_p_values(differences)).tolist()
    return pd.Series(adjusted, index=table.index[tested]).reindex(table.index)
