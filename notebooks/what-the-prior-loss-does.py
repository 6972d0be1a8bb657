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
#     needs: [attributes]
#     reads: ["book/results/interpreter/*.json"]
# ---

# %% [markdown]
# # What does the prior loss do?
#
# The interpreter of the last chapter learns from two losses: its parts must add up to the distance, and a prior says which parts should be large.
# The authors of AMD (Chen et al., ICCV 2021) want the prior to take away two biases: towards attributes that are frequent, and towards attributes that cover much of the picture although two persons share them.
# Here the prior is taken apart, on labels and, where masks are known, on the truth.
# Whether it does what it promises is computed below.
#
# With a trained target stored, the three short trainings of this page take about four minutes on two CPU cores with the default preset.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table with attributes
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target and of the interpreters: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown, display

from whyreid.plots import show_figure, show_table, use_book_style
from whyreid.plots.interpreter_ablations import (
    ablation_figure,
    mean_map_figure,
    share_bias_figure,
    share_bounds_figure,
)
from whyreid.study.datasets import load_dataset
from whyreid.study.interpreter_ablations import MAIN, SIDE, trained_ablation
from whyreid.study.interpreter_claim import control_rows
from whyreid.study.interpreter_report import interpreter_report
from whyreid.study.interpreter_summary import interpreter_summary, stored_variants
from whyreid.study.interpreter_truth import interpreter_truth
from whyreid.study.presets import size_of
from whyreid.study.provenance import Provenance
from whyreid.study.published_interpreters import published_interpreters
from whyreid.study.steps import trained_target
from whyreid.training import recipe_for

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## What it asks
#
# Let $s^k = d^k / \sum_l d^l$ be the share that attribute $k$ makes of a pair's distance, and $N$ the number of the $A$ attributes in which the two persons' labels differ: the *exclusive* ones; the others are *common*.
# The prior has four terms, in the official code as here:
#
# * the exclusive attributes together shall make at least $r = \sqrt{N / A}$ of the distance,
# * the common ones together at most $1 - r$,
# * each exclusive attribute shall make at least $g$,
# * each common one at most $g$, with $g^2 = r (1 - r) / (N (A - N))$.
#
# What a pair lacks is its loss; the last two terms count ten times, and the whole prior ten times more.
# Labels alone decide all of this: the prior knows neither the picture nor the target.

# %%
table = load_dataset(dataset, preset=preset)
target = trained_target(table, recipe_for(size_of(preset)), seed=seed, device=device)
interpreters = {
    ablation.name: trained_ablation(ablation, target, table, preset=preset, seed=seed, device=device)
    for ablation in MAIN[:3]
}
attributes = list(interpreters["full"].attributes)

# %% tags=["hide-input"]
claim = (
    f"With the root, {len(attributes) // 4} of {len(attributes)} attributes must together make half of the distance; "
    "the bounds on single attributes (lines) coincide for exclusive and common ones, but for small constants."
)
show_figure(share_bounds_figure(len(attributes)), claim)

# %% [markdown]
# ## One thing, counted twice
#
# Shares add up to one, so what the exclusive attributes together lack is what the common ones have too much: the first two terms are the same number.
# That holds in every epoch of every training, up to rounding, whether the term is minimised or only watched.

# %%
histories = {name: interpreter.history for name, interpreter in interpreters.items()}
differences = {
    name: (history["exclusive_sum"] - history["common_sum"]).abs().max() for name, history in histories.items()
}
print({name: f"{value:.1e}" for name, value in differences.items()})

# %% [markdown]
# Below, the mean of each term in the last epoch.
# A term that a variant leaves out is measured all the same: what falls without being asked for is a gift of the other terms.

# %% tags=["hide-input"]
terms = ["distillation", "exclusive_sum", "common_sum", "exclusive_each", "common_each"]
show_table(pd.DataFrame({name: history[terms].iloc[-1] for name, history in histories.items()}).T, digits=4)

# %% [markdown]
# ## On labels
#
# The same measures as in the last chapter.
# The variants are trained for fewer epochs than the interpreter there, and the full loss is trained again as briefly, so that only the loss differs.
# *Flattened* replaces every map by its mean before the distances are taken: it keeps how much attention an attribute gets in a picture and forgets where it lies.

# %%
query, gallery = table.select("query"), table.select("gallery")
reports = {
    name: interpreter_report(interpreter, query, gallery, device=device) for name, interpreter in interpreters.items()
}
truths = {
    name: interpreter_truth(interpreter, table.select("train"), query, gallery, device=device)
    for name, interpreter in interpreters.items()
}

# %%
page = pd.DataFrame({name: {**reports[name].row(), **truths[name].row()} for name in interpreters}).T
controls = pd.DataFrame(control_rows(interpreters["full"], target, table, table, device=device)).set_index("variant")
agreement = ["X-mAP exclusive", "X-mAP common"]
shown = ["gap", *agreement, *(f"flattened {name}" for name in agreement), "own mAP", "target mAP"]

# %% tags=["hide-input"]
display(show_table(100 * pd.concat([page[shown], controls[agreement]])))

# %% tags=["hide-input"]
gap, known = 100 * page["gap"], 100 * page["X-mAP exclusive"]
uniform, labels = (100 * controls.loc[f"control: {n}", agreement[0]] for n in ("uniform or random", "query's labels"))
display(
    Markdown(
        f"Without the prior the parts miss the distance by {gap['no prior']:.1f} %, with it by {gap['full']:.1f} %. "
        f"Exclusive X-mAP is {known['no prior']:.1f} % without and {known['full']:.1f} % with it; an explanation in "
        f"random order has {uniform:.1f} %, the query's labels and the frequencies have {labels:.1f} %."
    )
)

# %% [markdown]
# The paper prints no ablation of its loss that could be found; its numbers for the full loss, of a ResNet-50, are these.

# %% tags=["hide-input"]
show_table(published_interpreters().filter(like="AMD", axis=0))

# %% [markdown]
# ### With several seeds
#
# On Promenade the variants were trained with three seeds each (`whyreid claims --only interpreter`), and this page's own run stands beside them.

# %% tags=["hide-input"]
domain = dataset if dataset.startswith("promenade") else "promenade-a"
stored = stored_variants().rows
if not len(stored):
    display(Markdown("*The claim has not been measured yet.*"))

# %% tags=["hide-input"]
measures = {"gap": "gap (%)", "X-mAP exclusive": "X-mAP exclusive (%)", "X-mAP common": "X-mAP common (%)"}
summary = interpreter_summary(stored, list(measures), tested_on=domain)
lines = summary[summary.index.str.startswith("control: ")]
variants = [ablation.name for ablation in MAIN if ablation.name in summary.index]
means = pd.DataFrame({name: lines[name, "mean"] for name in measures}).rename(index=lambda name: name[9:])
if variants:
    seeds = summary.loc[variants, ("seeds", "n")]
    claim = f"Variants of the prior on {domain}, {seeds.min():.0f} to {seeds.max():.0f} seeds; the lines are controls."
    figure = ablation_figure(summary.loc[variants], measures, controls=means, page=100 * page)
    show_figure(figure, claim)

# %% [markdown]
# ## On the truth: does it look where the attribute is?
#
# On Promenade every pixel is known to show an attribute or not.
# *Attention inside* is the share of a map's sum that lies in the region of its attribute, averaged over all pairs and their exclusive attributes.
# Two numbers stand beside it.
# A map that is equal everywhere has the region's *area* inside; and the maps of *other* attributes have something inside, because every attribute is on the person.
# Only what an attribute's own map has beyond the other maps belongs to the attribute.

# %% tags=["hide-input"]
if "attention inside" in page:
    display(show_table(100 * page[["attention inside", "area", "other maps inside"]]))
else:
    display(Markdown(f"*{table.name} has no masks, so this part is measured on Promenade only.*"))

# %% tags=["hide-input"]
truth = truths["full"]
chosen = truth.one_of_each_group(table.schema)
rows = {name: found.mean_maps[chosen] for name, found in truths.items()}
if truth.mean_regions is not None:
    rows = {"region": truth.mean_regions[chosen]} | rows
claim = (
    "Mean maps over all query and gallery pictures, each relative to its own mean, one scale a row; of each attribute "
    "group the attribute in which training persons differ most."
)
show_figure(mean_map_figure(rows, [attributes[k] for k in chosen]), claim)

# %% tags=["hide-input"]
measures = {"over area": "inside / area", "over other maps": "inside / other maps"}
summary = interpreter_summary(stored, list(measures), tested_on=domain)
variants = [name for name in [*(a.name for a in MAIN), "untrained"] if name in summary.index]
if variants:
    figure = ablation_figure(
        summary.loc[variants], measures, page=page,
        controls=pd.DataFrame(1.0, index=["attention that knows nothing"], columns=list(measures)),
    )  # fmt: skip
    show_figure(figure, "How many times as much attention the attribute's region gets as the controls give it.")

# %% [markdown]
# ## The two biases
#
# The prior is meant to stop an interpreter from putting down much to an attribute because it is frequent, or because it is large though common.
# So look at what an attribute gets in the pairs that *share* it, where it explains nothing: does that follow the attribute's area, and does it follow how often people differ in it?
# Shares are in units of an equal part: 1 is what every attribute gets when nothing is known.

# %% tags=["hide-input"]
frames = {name: truths[name].frame() for name in ("no prior", "full")}
quantities = {
    "differs (% of pairs)": ("pairs of training persons that differ (%)", "share in common pairs"),
    "area (% of the picture)": ("area of the attribute's region (%)", "share in common pairs"),
}
if truth.area is None:
    del quantities["area (% of the picture)"]
spread = {name: frame["share in common pairs"].std() for name, frame in frames.items()}
claim = (
    f"What an attribute gets in pairs that share it varies by {spread['no prior']:.3f} (standard deviation) without the "
    f"prior and by {spread['full']:.3f} with it; ρ is the rank correlation over attributes."
)
show_figure(share_bias_figure(frames, quantities), claim)

# %% [markdown]
# A rank correlation says nothing about size: where all shares are nearly 1, even a perfect order is an order of crumbs.
# Both have to be read together.

# %% tags=["hide-input"]
measures = ["common share with p(1-p)", "share with p(1-p)", "common share with area", "share with area"]
summary = interpreter_summary(stored, measures, tested_on=domain)
kept = [a.name for a in (*MAIN, *SIDE) if a.name in summary.index]
display(show_table(summary.loc[kept], digits=2) if kept else show_table(page[[m for m in measures if m in page]]))

# %% tags=["hide-input"]
rho = page["common share with p(1-p)"]
stronger = "follows" if rho["full"] > rho["no prior"] else "follows less"
display(
    Markdown(
        f"On this page the share in common pairs {stronger} the frequency of the difference with the prior "
        f"(ρ = {rho['full']:.2f}) compared with no prior (ρ = {rho['no prior']:.2f}), and varies "
        f"{spread['full'] / max(spread['no prior'], 1e-9):.0f} times as much."
    )
)

# %% [markdown]
# The prior asks for large shares of an attribute most often where people often differ in it, so it can reward an interpreter that gives such attributes more everywhere.
# On data in which every value of a group is equally frequent the imbalance between values is gone by construction; the rows *balanced data* say what remains.
#
# ## What else could be chosen
#
# The strength of the prior, its bound, the sum instead of the mean, how many layers are shared, where the own layers start, balanced data, and another target.

# %% tags=["hide-input"]
measures = {"gap": "gap (%)", "X-mAP exclusive": "X-mAP exclusive (%)", "over other maps": "inside / other maps"}
own = stored[stored["trained on"] == stored["tested on"]]
own = own[own["variant"].isin([a.name for a in (*MAIN[:1], *SIDE)])]
if set(measures) <= set(own.columns) and len(own):
    own = own.assign(**{"tested on": domain, "trained on": domain})
    side = interpreter_summary(own, list(measures), tested_on=domain)
    order = [a.name for a in (*MAIN[:1], *SIDE) if a.name in side.index]
    claim = f"{len(order)} variants, each beside the full loss and tested on the people of its own data set."
    show_figure(ablation_figure(side.loc[order], measures), claim)

# %% [markdown]
# X-mAP on balanced data must not be compared with the rest: other frequencies, other controls.
#
# ## In another town
#
# The interpreter explains the target on pictures of a place that neither has seen, with other attribute frequencies, light and heights.
# What it says about the distance and about attributes is asked separately: the gap is against the target's distance *there*, and the controls use the frequencies of the town where everything was learned.

# %% tags=["hide-input"]
columns = ["gap", "X-mAP exclusive", "X-mAP common", "own mAP", "target mAP"]
names = ["full", "trained on B", "control: query's labels", "control: query's predicted attributes"]
towns = ["promenade-a", "promenade-b"]
chosen = stored[stored["variant"].isin(names) & stored["tested on"].isin(towns) & (stored["target"] == "thin")]
chosen = chosen.replace({"variant": {"trained on B": "full"}})
if len(chosen):
    display(show_table(chosen.groupby(["trained on", "tested on", "variant"])[columns].agg(["mean", "std"])))

# %% tags=["hide-input"]
show_table(published_interpreters(crossed=True))

# %% [markdown]
# ## Takeaways

# %% tags=["hide-input"]
beyond = known["full"] - labels
flat = 100 * page["flattened X-mAP exclusive"]["full"]
lines = [
    f"* Adding up is not explaining: without the prior the gap is {gap['no prior']:.1f} % and exclusive X-mAP "
    f"{known['no prior']:.1f} %, where random order has {uniform:.1f} %.",
    f"* The prior makes the parts agree with labels ({known['full']:.1f} %), {abs(beyond):.1f} points "
    f"{'above' if beyond >= 0 else 'below'} what the query's labels and frequencies reach without any picture.",
    f"* Of that agreement {flat:.1f} % is left when every map is replaced by its mean.",
]

# %% tags=["hide-input"]
if "over other maps" in page:
    lift = page["over other maps"]
    lines.append(
        f"* The region of an exclusive attribute gets {lift['full']:.2f} times the attention that other maps give it "
        f"with the prior, {lift['no prior']:.2f} times without."
    )
display(Markdown("\n".join(lines)))

# %% [markdown]
# ## Limits
#
# * The ablations are short and on a small target; at a longer schedule agreement rises and the gap with it.
# * Attributes of one group exclude each other, so a correlation over attributes has fewer independent points than it has dots.
# * Regions say where an attribute is to be seen, not where the target looks; an interpreter may be right about a target that looks elsewhere.

# %% tags=["hide-input"]
record.table(table)
