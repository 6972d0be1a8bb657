"""How long maps stay as they are while a target loses what it learned, stage by stage from the top."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from torch import Tensor

from whyreid.models import TargetModel
from whyreid.study.faithfulness_table import MapMethod
from whyreid.truth.sanity import randomisation_test


def randomisation_cascade(
    methods: Iterable[MapMethod], target: TargetModel, pictures: tuple[Tensor, Tensor], *, seed: int = 0
) -> pd.DataFrame:
    """`whyreid.truth.randomisation_test` of several methods, one under the other.

    Args:
        methods: those that were trained on this one target are left out: of another one nothing can be built.
        target: trained.
        pictures: of the queries and of the gallery, [P, 3, H, W] each.
        seed: of the random weights.

    Returns:
        One row a method and stage, from the top down and beginning with "none": explainer, source, randomised,
        spearman, absolute_spearman, ssim.

    Cost: as many explanations of each method as the target has stages, and one more.
    """
    found = [
        randomisation_test(method.of, target, *pictures, seed=seed).assign(**method.about())
        for method in methods
        if not method.fitted
    ]
    return pd.concat(found, ignore_index=True)
