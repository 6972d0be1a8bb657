"""The full loss on several targets, side by side: is what an interpreter reaches a matter of the target?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from whyreid.study.in_words import mean_in_words
from whyreid.study.interpreter_ablations import TARGETS
from whyreid.study.interpreter_claim import CONTROL
from whyreid.study.interpreter_summary import LABEL_PRIOR

NETWORKS: Mapping[str, str] = MappingProxyType({"thin": "thin", "thin-ibn": "thin-ibn", "bot-r18": "ResNet-18"})
"""Name of a network in the rows -> what a table calls it, in the order of the table."""
NEAR = 0.1
"""Agreement is about that of the query's labels when it differs by less than this part of their lead over chance."""

_AGREEMENT = "X-mAP exclusive"
_INTERPRETER = "interpreter"
_LABELS, _PREDICTED, _RANDOM = (
    LABEL_PRIOR,
    f"{CONTROL}query's predicted attributes",
    f"{CONTROL}uniform or random",
)
_BESIDE = (_INTERPRETER, _LABELS, _PREDICTED, _RANDOM)


def targets_table(rows: pd.DataFrame, *, town: str = "promenade-a") -> pd.DataFrame:
    """The full loss on each target as text: what the target is worth, what the interpreter is, and the controls.

    *Query's predicted attributes* are predicted from the embeddings of that target; the other controls do not depend
    on it.

    Args:
        rows: of `whyreid.study.interpreter_summary.stored_variants`; targets that they lack are left out.
        town: where target and interpreter learned and are tested.

    Returns:
        Index (measure, of what), one column a target: means ± standard deviations over seeds, in per cent; last the
        number of seeds. No column when nothing is stored.
    """
    found = _of_targets(rows, town)
    lines = [("target mAP", _INTERPRETER, "mAP (%)", "target"), ("own mAP", _INTERPRETER, "mAP (%)", _INTERPRETER)]
    lines.append(("gap", _INTERPRETER, "gap (%)", _INTERPRETER))
    for measure in (_AGREEMENT, "X-mAP common"):
        lines += [(measure, who, f"{measure} (%)", who.removeprefix(CONTROL)) for who in _BESIDE]
    table = {}
    for network, part in found.groupby("target", sort=False):
        words = {(heading, of): _words(part, measure, who) for measure, who, heading, of in lines}
        own = part[part["who"] == _INTERPRETER]
        epochs = {("epochs", "target"): _epochs(own)}
        table[NETWORKS[str(network)]] = epochs | words | {("seeds", ""): str(own["seed"].nunique())}
    return pd.DataFrame(table, columns=[name for name in NETWORKS.values() if name in table])


def targets_verdict(rows: pd.DataFrame, *, town: str = "promenade-a") -> str:
    """Is agreement with labels about that of the query's labels for every target? In two or three sentences.

    About = nearer than `NEAR` of what these labels are above random order.

    Args:
        rows: as in `targets_table`.
        town: likewise.

    Returns:
        Empty when fewer than two targets are stored with their controls.
    """
    above = _differences(rows, town, _LABELS)
    if len(above) < 2:
        return ""
    lead = -float(_differences(rows, town, _LABELS, of=_RANDOM)["mean"].mean())
    text = (
        f"Exclusive X-mAP minus that of the query's labels is {_listed(above)} points, where those labels are "
        f"{lead:.1f} points above random order; minus that of attributes predicted from the same target's "
        f"embeddings it is {_listed(_differences(rows, town, _PREDICTED))} points."
    )
    return f"{text} {_conclusion(above['mean'], NEAR * lead)}"


def _conclusion(difference: pd.Series, margin: float) -> str:
    groups = {
        f"better than the query's labels, by more than {margin:.1f} points": difference >= margin,
        f"as well as the query's labels, within {margin:.1f} points": difference.abs() < margin,
        f"worse than the query's labels, by more than {margin:.1f} points": difference <= -margin,
    }
    said = {words: list(difference.index[chosen]) for words, chosen in groups.items() if chosen.any()}
    if len(said) == 1:
        return f"So the verdict is the same for every target: the interpreter agrees {next(iter(said))}."
    parts = [f"that of {_joined(names)} agrees {words}" for words, names in said.items()]
    return f"So the verdict is not the same for every interpreter: {'; '.join(parts)}."


def _of_targets(rows: pd.DataFrame, town: str) -> pd.DataFrame:
    """The rows of the full loss on each target and of its controls, with a column "who", targets in order."""
    here = rows[(rows["trained on"] == town) & (rows["tested on"] == town) & rows["target"].isin(list(NETWORKS))]
    who = here["variant"].where(~here["variant"].isin(TARGETS), _INTERPRETER)
    here = here.assign(who=who)[who.isin(_BESIDE)]
    return here.sort_values("target", key=lambda names: names.map(list(NETWORKS).index), kind="stable")


def _differences(rows: pd.DataFrame, town: str, control: str, *, of: str = _INTERPRETER) -> pd.DataFrame:
    """Index target; mean and sd over seeds of the exclusive X-mAP of one line minus that of a control, in points."""
    if not len(rows):
        return pd.DataFrame(columns=["mean", "std"])
    found = _of_targets(rows, town).set_index(["target", "seed", "who"])[_AGREEMENT].unstack("who")
    found = found.reindex(columns=[of, control])
    difference = (found[of] - found[control]).dropna().groupby("target").agg(["mean", "std"])
    return difference.reindex([name for name in NETWORKS if name in difference.index]).rename(index=NETWORKS)


def _words(part: pd.DataFrame, measure: str, who: str) -> str:
    if measure not in part:
        return "–"
    values = part.loc[part["who"] == who, measure]
    return mean_in_words(values.mean(), values.std())


def _epochs(own: pd.DataFrame) -> str:
    """For instance "20"; "–" in rows that do not say."""
    if "target epochs" not in own or own["target epochs"].isna().all():
        return "–"
    return " or ".join(str(int(number)) for number in sorted(own["target epochs"].dropna().unique()))


def _listed(differences: pd.DataFrame) -> str:
    said = []
    for name, row in differences.iterrows():
        spread = "" if pd.isna(row["std"]) else f" ± {row['std']:.1f}"
        said.append(f"{row['mean']:+.1f}{spread} ({name})")
    return _joined(said)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
