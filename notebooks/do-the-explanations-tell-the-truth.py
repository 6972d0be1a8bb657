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
#     needs: [attributes, counterfactuals]
#     reads: ["book/results/truth/*.json", "book/results/planted-fault/*.json"]
# ---

# %% [markdown]
# # Do the explanations tell the truth?
#
# An explanation says which differences between two people make their distance.
# Published ones are judged by eye, or by whether they name attributes in which the labels differ.
# Here each is held against what really happens: one picture is rendered again with the other person's attributes, and the distance is measured again.
#
# In one sentence: an explanation has told something only where it beats controls that look at no model, and the tables below say where that is.
#
# It needs Promenade, where pictures can be rendered again; target and interpreter stored, it takes some minutes on two CPU cores.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a" or "promenade-b"; any other data set cannot be rendered again
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target, its interpreter and the random control: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # of a library that could draw bars

import pandas as pd
from IPython.display import display

from whyreid.plots import image_row_figure, show_figure, show_table, use_book_style
from whyreid.plots.planted_fault import planted_fault_figure
from whyreid.plots.truth import label_agreement_figure, true_effect_figure, truth_figure
from whyreid.study.claims import read_claim
from whyreid.study.datasets import load_dataset
from whyreid.study.planted_fault_claim import confirmation_table, revelation_table, revelations
from whyreid.study.presets import size_of
from whyreid.study.provenance import Provenance
from whyreid.study.steps import trained_target
from whyreid.study.truth_explainers import explain_pairs
from whyreid.study.truth_steps import true_effects
from whyreid.study.truth_summary import label_agreement_tells, mean_over_seeds, over_seeds, trust_table
from whyreid.study.truth_table import best_control, truth_table
from whyreid.training import recipe_for
from whyreid.truth import group_contributions, read_counterfactuals

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## What really makes a distance
#
# Two persons differ in some attribute groups: the colour of the trousers, a backpack, long sleeves.
# Take any set of these groups, copy them with garments and all from one person to the other, render, and measure the distance; do it in both directions and take the mean.
# Averaged over all orders in which the groups can be copied, this gives every group the share of the distance that its difference makes: minus its Shapley value {cite:p}`shapley1953value`.
# What is left when all of them have been copied (pose, camera, body, shades of one colour) is a term of its own.
#
# The pairs are test persons who differ in at least three groups: half are drawn at random, half from the wrong pictures among the first ten ranks of this very target.

# %%
table = load_dataset(dataset, preset=preset)
target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
effects = true_effects(target, table, preset=preset, device=device)
pairs, truth = effects.pairs, effects.of["distance"]
exact = (truth.standard_errors.nan_to_num() == 0).all(dim=1)

# %% tags=["hide-input"]
left = float((truth.remainder / truth.score).mean())
players = truth.differs.sum(dim=1)
print(
    f"{len(pairs)} pairs, {int(pairs.impostor.sum())} of them impostors, with {players.min()} to {players.max()} players"
)
print(f"exact for {int(exact.sum())} of them; of the distance {left:.0%} remains when every player has been copied")

# %% [markdown]
# One pair, the first random one: both pictures as they are, and each with everything copied in which the two persons differ.

# %% tags=["hide-input"]
renders = read_counterfactuals(effects.renders, 0)
shown = [renders.query[0], renders.gallery[0], renders.query[-1], renders.gallery[-1]]
claim = f"Distance {truth.score[0]:.2f}; copied are {', '.join(pairs.players()[0])}; {truth.remainder[0]:.2f} of it remains."
show_figure(image_row_figure(shown, ["query", "gallery", "query, copied", "gallery, copied"]), claim)

# %% tags=["hide-input"]
sizes = truth.mean_size().nan_to_num(-1.0)
largest = truth.groups[int(sizes.argmax())]
negative = float((truth.truth[truth.differs] < 0).double().mean())
claim = (
    f"One dot a pair, in brackets how many; the bar is the mean. On average “{largest}” does most, and "
    f"{negative:.0%} of the differences bring a pair together instead of setting it apart."
)
show_figure(true_effect_figure(truth), claim)

# %% [markdown]
# ## Every explainer, every control
#
# AMD {cite:p}`chen2021explainable` and the attribute-related error of Specker explain by attributes; their contributions are added up within the groups.
# Integrated gradients, GradCAM, occlusion, SBSM and feature ablation give maps; a map becomes a contribution of a group through the true masks, which nobody has for photographs: these rows are marked *oracle mask*.
# Each is compared with the truth about what it takes apart: the distance, or its square.
#
# The controls know nothing of the model but its distance: equal parts, random parts, what each group usually does among *training* persons (one fixed order), what the query's labels and the frequencies suggest, the area of the garments, the silhouette, the middle of the picture.
#
# The primary endpoint was fixed before anything was run: Spearman's rank correlation of contributions and truth within a pair, among the groups in which its persons differ, and only these, so that knowing what differs wins nothing.
# It is signed: AMD's and Specker's composed parts are never negative, so they cannot say that a difference brings a pair together.
# All other columns are exploratory.

# %%
found = list(explain_pairs(target, pairs, effects.usual, trained_on=table, preset=preset, seed=seed, device=device))
scores = truth_table(found, effects)

# %% tags=["hide-input"]
control = best_control(scores)
ahead = scores[
    (scores["source"] == "explainer") & (scores["rank_correlation"] > scores.loc[control, "rank_correlation"])
]
sure = ahead[ahead["p"] < 0.05]
claim = (
    f"The primary endpoint on {len(pairs)} pairs of one target, with 95 % intervals over families of look-alikes. The best "
    f"control is “{control}”; {len(ahead)} of {int((scores['source'] == 'explainer').sum())} explainers lie above it, "
    f"{len(sure)} of them by more than chance (p < 0.05, bootstrap, adjusted after Holm)."
)
show_figure(truth_figure(scores), claim)

# %% tags=["hide-input"]
names = {"rank_correlation": "rank correlation", "p": "p against best control", "impostors": "among impostors",
         "top1": "top-1", "sign": "sign", "explained": "explained", "error": "error", "seconds": "s a pair"}  # fmt: skip
show_table(scores.rename(columns=names)[list(names.values())], digits=2)

# %% [markdown]
# *p* is of the difference to the best control, in either direction: an explainer can also be worse by more than chance.
# *Top-1*: how often the group said to matter most does.
# *Sign*: how often it is right whether a difference sets apart or brings together (0.5 by guessing, if both were as frequent).
# *Explained*: which share of the score is put down to the differing groups.
# *Error*: the sum of all mistakes over the sum of the true effects; 1 is what an explanation of all zeros makes.

# %% tags=["hide-input"]
true_share = {kind: float((one.truth.nansum(dim=1) / one.score).mean()) for kind, one in effects.of.items()}
said = {
    one.name: scores.loc[one.name, "explained"] / true_share[one.explanation.kind]
    for one in found if one.source == "explainer" and not one.oracle_mask
}  # fmt: skip
print(
    f"The differing groups truly make {true_share['distance']:.0%} of the distance, {true_share['squared_distance']:.0%} of its square."
)
print("Said to make, as a multiple of the truth: " + ", ".join(f"{name} {value:.1f}" for name, value in said.items()))

# %% [markdown]
# ## One pair, said and true
#
# The same first pair: the true parts, and what the explainers that need no mask say, each in per cent of its own score.

# %% tags=["hide-input"]
players = list(pairs.players()[0])
columns = [truth.groups.index(name) for name in players]
rows = {"truth, of the distance": 100 * truth.truth[0, columns] / truth.score[0]}
for one in found:
    if one.source == "explainer" and not one.oracle_mask:
        grouped = group_contributions(one.explanation.contributions, one.explanation.attributes, truth.groups)
        rows[one.name] = 100 * grouped[0, columns] / one.explanation.score[0]
show_table(pd.DataFrame({name: value.tolist() for name, value in rows.items()}, index=players))

# %% [markdown]
# ## Three seeds, two targets, two towns
#
# From the stored results of the `full` preset: the primary endpoint, mean ± standard deviation over training seeds (their number in brackets).
# *Thin-ibn* is the second target, with instance normalisation; *on promenade-b* is the other town, whose people and cameras the target has never seen.

# %% tags=["hide-input"]
try:
    stored = read_claim("truth").rows
    display(over_seeds(stored, ["rank_correlation"]).droplevel(1, axis="columns").fillna("–"))
except FileNotFoundError as missing:
    stored = pd.DataFrame()
    print(missing)

# %% [markdown]
# ## Does agreement with labels predict truth?
#
# The literature's measure asks whether the attributes that differ are ranked before those that are shared (X-mAP).
# Here it is computed over the twelve groups for every explainer and every control, on the same pairs.

# %% tags=["hide-input"]
together = label_agreement_tells(scores)
top = scores["label_agreement"].idxmax()
claim = (
    f"One point an explainer or control. Agreement with labels is highest for “{top}”, whose rank correlation with the "
    f"truth is {scores.loc[top, 'rank_correlation']:.2f}; over all points the two measures have {together}."
)
show_figure(label_agreement_figure(scores), claim)

# %% [markdown]
# ## Whom to trust for what
#
# The best explainer for each question, the best of those that need no true masks and so can be used on photographs, and the best control.
# Where the control is as good, the explanation has told nothing about this model.
# The values are means over the stored seeds of the thin target in its own town, or those of this run where nothing is stored.

# %% tags=["hide-input"]
shown = scores
if len(stored):
    averaged = mean_over_seeds(stored, target="thin", trained_on=dataset, tested_on=dataset)
    shown = averaged if len(averaged) else scores
show_table(trust_table(shown), digits=2)

# %% [markdown]
# ## A model with a planted fault
#
# An auditor wants to be told when a model uses what it should not.
# One target is trained on a town where whoever carries a backpack wears white, another on pictures whose identities are their backgrounds; both are asked about ordinary pairs.
# First the fault is confirmed by re-rendering: the true effect of the planted quantity in the sound and in the faulty target.

# %% tags=["hide-input"]
try:
    planted = read_claim("planted-fault").rows
    display(show_table(confirmation_table(planted), digits=3))
except FileNotFoundError as missing:
    planted = pd.DataFrame()
    print(missing)

# %% [markdown]
# Then every explainer explains the same pairs with the sound and with the faulty target.
# It reveals the fault when the share that it puts down to the planted quantity (the backpack; whatever is outside of the differing attributes) moves as the true share does, with an interval over families that excludes zero.
# Two sound targets from different random starts say how often that happens for nothing (*false alarms*).

# %% tags=["hide-input"]
titles = {"tied": "backpack and white tied", "background": "identities are backgrounds"}
if len(planted):
    revealed = revelations(planted)
    display(revelation_table(planted))
    faulty = revealed[revealed["fault"] != "none"]
    right = faulty.groupby(["explainer", "evidence"])["revealed"].mean()
    claim = f"The best, {' by '.join(right.idxmax())}, reveals {right.max():.0%} of the planted faults over all stored seeds."
    panels = {name: title for name, title in titles.items() if (revealed["fault"] == name).any()}
    show_figure(planted_fault_figure(revealed, panels), claim)

# %% [markdown]
# ## Takeaways
#
# * Most of a distance between two pictures is not made by the attributes in which the persons differ: pose, camera and light remain when all have been copied.
# * An explanation has told something about a model when it beats what is known without looking at the model: what each attribute usually does is a control that has to be printed.
# * Agreement with labels can be had without any model; whether it goes with the truth has to be measured, as above.
#
# ## Limits
#
# * The truth is that of rendered people and of a small network; a group is copied with all its shades and forms, so its effect is that of the whole garment.
# * What two persons share (the same colour in another shade) is in the remainder, and no explanation is scored on it.

# %% tags=["hide-input"]
record.table(table)
