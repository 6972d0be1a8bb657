"""Does an explanation know the pair? Each explainer beside what it says on average, the same for every pair."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from whyreid.study.truth_explainers import Explained
from whyreid.study.truth_steps import TrueEffects
from whyreid.truth.truth_scores import PRIMARY, group_contributions, score_groups


def own_average_table(found: Sequence[Explained], effects: TrueEffects) -> pd.DataFrame:
    """The primary endpoint of each explainer, and of its own average order.

    Args:
        found: of `whyreid.study.truth_explainers.explain_pairs`; controls are left out.
        effects: the truth about the same pairs.

    Returns:
        Index explainer; columns "as it is", "its average order" (see `averaged_over_others`) and "the pair adds", the
        difference.
    """
    rows = {}
    for one in found:
        if one.source != "explainer" or one.explanation.contributions is None:
            continue
        truth = effects.of[one.explanation.kind]
        said = group_contributions(one.explanation.contributions, one.explanation.attributes, truth.groups)
        average = averaged_over_others(said / truth.score[:, None], truth.differs)
        own, mean = (float(getattr(score_groups(part, truth), PRIMARY).nanmean()) for part in (said, average))
        rows[one.name] = {"as it is": own, "its average order": mean, "the pair adds": own - mean}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("explainer")


def averaged_over_others(shares: Tensor, differs: Tensor) -> Tensor:
    """What is said of each group on average over the other pairs in which it differs.

    Args:
        shares: [P, A] contributions in units of the score.
        differs: [P, A] bool.

    Returns:
        [P, A]; 0 for a group that differs in no other pair.

    Example:
        >>> import torch
        >>> averaged_over_others(torch.tensor([[1.0], [2.0], [9.0]]), torch.tensor([[True], [True], [False]]))
        tensor([[2.0000],
                [1.0000],
                [1.5000]])
    """
    counted = shares.where(differs, shares.new_zeros(()))
    others = differs.sum(dim=0) - differs.long()
    return (counted.sum(dim=0) - counted) / others.clamp_min(1)
