# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   whyreid:
#     needs: []
# ---

# %% [markdown]
# # Who is in the pictures?
#
# What a model can learn, and what an explanation can show, is bounded by the data.
# This chapter looks at a data set before any model does: how many persons, pictures and cameras there are, how often each attribute occurs, and which attributes go together.
# In one sentence: most attributes are rare, some go together, and whoever guesses from these two facts alone will often be right without looking.
#
# It runs on any table, in seconds on a CPU.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # nothing is drawn at random here; recorded for completeness
device = "auto"  # "auto", "cpu" or "cuda"; not used here

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import display

from whyreid.data import unknown_groups
from whyreid.data.statistics import (
    attribute_correlation,
    attribute_frequencies,
    images_per_camera,
    split_counts,
)
from whyreid.plots import (
    attribute_frequency_figure,
    co_occurrence_figure,
    contact_sheet,
    images_per_camera_figure,
    show_figure,
    show_table,
    use_book_style,
)
from whyreid.study.datasets import load_dataset
from whyreid.study.provenance import Provenance

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## How many?
#
# Training identities are split once more: a fifth of them, `val`, is kept for every choice that is made along the way, so that the test identities only score.
# No identity is in two of `train`, `val` and the test splits; query and gallery share theirs, from different cameras.

# %%
table = load_dataset(dataset, preset=preset)
show_table(split_counts(table), digits=0)

# %% [markdown]
# ## Some of them
#
# The first training identities in the order of their numbers, a row each, with all their pictures up to twelve.
# Between two pictures of one person nothing changes but what a camera, a pose and the light do.

# %% tags=["hide-input"]
train = table.select("train")
groups = train.images.assign(file=train.image_paths()).query("pid > 0").groupby("pid")["file"]
rows = {pid: list(files)[:12] for pid, files in list(groups)[:6]}
figure = contact_sheet(list(rows.values()), row_labels=[f"id {pid}" for pid in rows])
show_figure(figure, f"The first {len(rows)} training identities of {table.name} by number, a row each.")

# %% [markdown]
# ## Who is seen where?
#
# A query is scored against the pictures of *other* cameras only, so an identity that a single camera saw cannot be found again at all.

# %% tags=["hide-input"]
if table.protocol == "cross_camera":
    counts = images_per_camera(table)
    seen = (counts > 0).sum(axis=1)
    claim = f"An identity was seen by {seen.mean():.1f} cameras on average; {(seen == 1).mean():.0%} by one alone."
    show_figure(images_per_camera_figure(counts), claim)
else:
    print(f"{table.name} does not know its cameras (protocol {table.protocol}), so there is nothing to draw.")

# %% [markdown]
# ## How often does each attribute occur?
#
# Attributes are annotated for identities, not for pictures: a backpack counts even where the body hides it.
# A share near 0 or 100 % is one that a guess gets right without looking.

# %% tags=["hide-input"]
has_attributes = table.attributes is not None
if has_attributes:
    splits = {"training": ["train", "val"], "test": ["query", "gallery"]}
    splits = {name: [s for s in parts if (table.images["split"] == s).any()] for name, parts in splits.items()}
    chosen = {name: table.select(*parts) for name, parts in splits.items() if parts}
    frequencies = pd.DataFrame({name: attribute_frequencies(part)["ratio"] for name, part in chosen.items()})
    meaning = table.schema.meanings
    named = frequencies.rename(index=lambda name: f"{name}: {meaning[name][1]}")
    rare = (frequencies.iloc[:, 0] < 0.1).sum()
    claim = f"{rare} of {len(named)} attributes belong to fewer than a tenth of the {named.columns[0]} identities."
    show_figure(attribute_frequency_figure(named), claim)
else:
    print(f"{table.name} has no attributes.csv, so this and the next sections are empty.")

# %% [markdown]
# Three shares say what a guesser gains from them: the share of attributes that fewer than a tenth of the identities have, or lack; the mean accuracy of always guessing the majority; and the number of attributes that nobody in the test splits has, on which no test can be made.

# %%
if has_attributes:
    ratio = frequencies.iloc[:, -1].dropna()
    majority = ratio.where(ratio > 0.5, 1 - ratio)
    rarity = {"rare or nearly always there (%)": 100 * (majority > 0.9).mean()}
    rarity["always guessing the majority is right (%)"] = 100 * majority.mean()
    rarity["constant in the last column's split"] = float((majority == 1).sum())
    display(show_table(pd.DataFrame({table.name: rarity}).T))

# %% [markdown]
# ## What is not known?
#
# A person of whom every colour is answered with *no* has an unknown or mixed colour, not none.
# Such identities are counted here; they are left out wherever a colour decides.

# %%
if has_attributes:
    unknown = pd.DataFrame({name: unknown_groups(part.attributes).sum() for name, part in chosen.items()})
    unknown.loc["missing annotations"] = [int(part.attributes.isna().sum().sum()) for part in chosen.values()]
    display(show_table(unknown, digits=0))

# %% [markdown]
# ## What goes together?
#
# The phi coefficient is the correlation of two yes-or-no attributes over identities: 0 when one says nothing of the other, 1 when they always come together, −1 when they never do.
# Within a group, such as the upper colours, it is negative by construction, because one excludes the other.
# The table lists the strongest between groups: every strong one is a shortcut, because an explanation may name one attribute where the model looked at the other.

# %% tags=["hide-input"]
if has_attributes:
    association = attribute_correlation(table)
    show_figure(co_occurrence_figure(association), f"Phi coefficients over the {len(table.attributes)} identities.")

# %%
if has_attributes:
    upper = np.triu(np.ones(association.shape, dtype=bool), k=1)
    pairs = association.where(upper).rename_axis(index="one", columns="other").stack().rename("phi").reset_index()
    group = table.schema.group_of
    between = pairs[pairs["one"].map(group) != pairs["other"].map(group)]
    strongest = between.sort_values("phi", key=abs, ascending=False).head(8)
    display(show_table(strongest.set_index(["one", "other"]), digits=2))

# %% [markdown]
# ## Takeaways
#
# * The counts above are what every later number is an average over; a rank-1 of a hundred queries moves by a whole per cent with one of them.
# * Most attributes are rare, so agreement with attribute labels is cheap: every such score in this book stands beside a rule that never looks at a picture.
# * Attributes that go together cannot be told apart by labels; that takes counterfactuals.
#
# ## Limits
#
# * Attributes belong to identities: nothing here says whether an attribute can be seen in a given picture.
# * Phi coefficients of attributes that a handful of identities have are noisy; those of attributes that nobody has are undefined and grey.

# %% tags=["hide-input"]
record.table(table)
