"""How many pictures each camera took, and of how many persons each combination of cameras knows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure


def images_per_camera_figure(counts: pd.DataFrame) -> Figure:
    """Left: pictures and identities of each camera. Right: how many cameras saw an identity.

    Args:
        counts: pictures of each identity (rows) in each camera (columns, camid from 0).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    seen = counts > 0
    by_camera = pd.DataFrame({"pictures": counts.sum(), "identities": seen.sum()}).rename_axis("camera").reset_index()
    long = by_camera.melt(id_vars="camera", var_name="number of", value_name="count")
    sns.barplot(data=long, x="camera", y="count", hue="number of", ax=left)
    left.set(xlabel="camera (camid)", ylabel="count")
    sns.move_legend(left, "lower center", bbox_to_anchor=(0.5, 1), ncol=2, title=None, frameon=False)
    cameras = seen.sum(axis=1).value_counts().reindex(range(1, len(counts.columns) + 1), fill_value=0)
    sns.barplot(x=cameras.index, y=cameras.to_numpy(), color=sns.color_palette()[0], ax=right)
    right.set(xlabel="cameras that saw an identity", ylabel="identities")
    return figure
