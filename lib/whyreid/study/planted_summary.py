"""What became of planted faults, and what explainers make of them, in sentences."""

from __future__ import annotations

import pandas as pd

from whyreid.study.planted_fault import ENDPOINTS

CHANCE = "none"
"""Name of the fault that is none: two sound targets."""


def confirmation_sentence(confirmed: pd.DataFrame) -> str:
    """Which faults of the data became faults of the model, in how many seeds, and what a fault that did not left alone.

    Args:
        confirmed: of `whyreid.study.planted_fault_claim.confirmation_table`.
    """
    lines = []
    for fault, quantity in ENDPOINTS.items():
        if (fault, quantity) not in confirmed.index:
            continue
        found = confirmed.loc[[(fault, quantity)]].iloc[0].astype(float)
        line = f"“{fault}” became one of the model in {found['confirmed']:.0f} of {found['seeds']:.0f} seeds"
        if not found["confirmed"]:
            before, after = found["effect (sound)"], found["effect (faulty)"]
            line += f": the effect of “{quantity}” stays {after:.3f}, where the sound target has {before:.3f}"
        lines.append(line)
    return "; ".join(lines) + "." if lines else "No planted fault has been measured yet."


def planted_sentence(found: pd.DataFrame) -> str:
    """Which explainer reveals most of the faults that re-rendering confirms, and how often it is wrong.

    Of several with as many revealed, the one that misleads and raises false alarms least.

    Args:
        found: of `whyreid.study.planted_fault_claim.revelations`.

    Returns:
        One or two sentences; also when no fault was confirmed, or none measured.
    """
    planted = found[found["fault"] != CHANCE]
    if not len(planted):
        return "No planted fault has been measured yet."
    confirmed = planted[planted["confirmed"].astype(bool)]
    faults = len(planted.drop_duplicates(["fault", "seed"]))
    real = len(confirmed.drop_duplicates(["fault", "seed"]))
    start = f"Re-rendering confirms {real} of {faults} planted faults (each seed counts)."
    if not real:
        return f"{start} Nothing was there to be revealed."
    counts = found.groupby(["explainer", "evidence"], sort=False)["verdict"].value_counts().unstack(fill_value=0)
    revealed = _revealed(confirmed).reindex(counts.index, fill_value=0)
    wrong = sum(counts.get(name, 0) for name in ("misled", "false alarm")) + 0 * revealed
    order = pd.DataFrame({"revealed": -revealed, "wrong": wrong}).sort_values(["revealed", "wrong"], kind="stable")
    (explainer, evidence), (best, mistakes) = order.index[0], order.iloc[0]
    if not best:
        return f"{start} No explainer reveals any of them."
    judged = int(counts.loc[order.index[0]].sum())
    return (
        f"{start} “{explainer}” by its {evidence} reveals most of them, {-int(best)}, and is wrong (misled, or a false "
        f"alarm) in {int(mistakes)} of {judged} judgements; the median explainer reveals {revealed.median():g}."
    )


def _revealed(confirmed: pd.DataFrame) -> pd.Series:
    """[explainer, evidence] how many confirmed faults are revealed."""
    return (confirmed["verdict"] == "revealed").groupby([confirmed["explainer"], confirmed["evidence"]]).sum()
