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
# The authors of AMD {cite:p}`chen2021explainable` want the prior to take away two biases: towards attributes that are frequent, and towards attributes that cover much of the picture although two persons share them.
# Here the prior is taken apart, on labels and, where masks are known, on the truth.
#
# In one sentence: on Promenade the prior brings all the agreement with labels that there is, at most about as much as the query's labels have without any picture, and it does not take the bias towards frequent differences away but brings it.
#
# With a trained target stored, the four short trainings of this page take about four minutes on one CPU core with the default preset.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table with attributes
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target and of the interpreters: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # of a library that could draw bars

import pandas as pd
from IPython.display import Markdown, display

from whyreid.explain import rank_correlation
from whyreid.plots import show_figure, show_table, use_book_style
from whyreid.plots.interpreter_ablations import (
    ablation_figure,
    mean_map_figure,
    share_bias_figure,
    share_bounds_figure,
)
from whyreid.study.datasets import load_dataset
from whyreid.study.in_words import points_in_words, seeds_in_words
from whyreid.study.interpreter_ablations import MAIN, SIDE, trained_ablation
from whyreid.study.interpreter_claim import CONTROL, control_rows
from whyreid.study.interpreter_maps import maps_of_present, regions_of_present
from whyreid.study.interpreter_report import interpreter_report
from whyreid.study.interpreter_summary import (
    above_label_prior,
    interpreter_summary,
    label_prior_table,
    own_domain_summary,
    stored_variants,
    summary_in_words,
)
from whyreid.study.interpreter_targets import targets_table, targets_verdict
from whyreid.study.interpreter_truth import interpreter_truth
from whyreid.study.provenance import Provenance
from whyreid.study.published_interpreters import published_interpreters
from whyreid.study.steps import trained_target
from whyreid.study.target_plan import target_plan

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
plan = target_plan(preset)
target = trained_target(table, plan.recipe, network=plan.network, seed=seed, device=device)
interpreters = {
    ablation.name: trained_ablation(ablation, target, table, preset=preset, seed=seed, device=device)
    for ablation in MAIN
}
attributes = list(interpreters["full"].attributes)

# %% tags=["hide-input"]
claim = (
    f"With the root, {len(attributes) // 4} of {len(attributes)} attributes must together make half of the distance. "
    "Right, the bound for exclusive attributes (thin) and that for common ones (wide) coincide but for small constants."
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
# Below, the mean of each term in the last epoch, in per cent of the distance.
# A term that a variant leaves out is measured all the same: what falls without being asked for is a gift of the other terms.

# %% tags=["hide-input"]
terms = ["exclusive_sum", "common_sum", "exclusive_each", "common_each"]
last = pd.DataFrame({name: history[terms].iloc[-1] for name, history in histories.items()}).T
excess = 100 * last["common_each"]
display(show_table(100 * last, digits=2))
display(
    Markdown(
        f"With the sums only, common attributes overshoot their single bounds by {excess['sums only']:.1f} % of the "
        f"distance, all together; without any prior it is {excess['no prior']:.1f} %, with all four terms "
        f"{excess['full']:.1f} %."
    )
)

# %% [markdown]
# A sum does not care which attributes fill it.
# The cheapest way to give much to the exclusive attributes of most pairs is to give much, in every pair, to the attributes in which people often differ; the two terms on single attributes forbid that.
# Whether the sums take that way shows below, in the agreement with labels and in the shares of common attributes.
#
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
controls = controls.rename(index=lambda name: name.removeprefix(CONTROL))
agreement = ["X-mAP exclusive", "X-mAP common"]
shown = ["gap", *agreement, *(f"flattened {name}" for name in agreement), "own mAP", "target mAP"]

# %% tags=["hide-input"]
display(show_table(100 * pd.concat([page[shown], controls[agreement]])))

# %% tags=["hide-input"]
gap, known = 100 * page["gap"], 100 * page["X-mAP exclusive"]
level = 100 * controls["X-mAP exclusive"]
display(
    Markdown(
        f"Without the prior the parts miss the distance by {gap['no prior']:.1f} %, with it by {gap['full']:.1f} %; "
        f"exclusive X-mAP is {known['no prior']:.1f} % without and {known['full']:.1f} % with it, where random order "
        f"has {level['uniform or random']:.1f} %. The terms on single attributes alone reach {known['eachs only']:.1f} "
        f"% at a gap of {gap['eachs only']:.1f} %. The sums alone reach {known['sums only']:.1f} % at {gap['sums only']:.1f}"
        f" %; one fixed order, the same for every pair, has {level['fixed order']:.1f} %."
    )
)

# %% tags=["hide-input"]
own = 100 * (page["own mAP"] - page["target mAP"])["full"]
display(
    Markdown(
        f"Ranked by the sum of the parts instead of the target's distance, the gallery has an mAP {points_in_words(own)} "
        "the target's. Whatever is not zero there is the interpreter's own, learned from labels, and not the target's."
    )
)

# %% [markdown]
# The paper prints no ablation of its loss that could be found; its numbers for the full loss, of a ResNet-50, are these, with the label controls on the same annotations.

# %% tags=["hide-input"]
published = published_interpreters()
show_table(published)

# %% [markdown]
# ### With several seeds
#
# On Promenade's first town the variants are trained with three seeds (`whyreid claims --only interpreter`); beside what is stored stands this page's own run.

# %% tags=["hide-input"]
stored = stored_variants().rows
stored = stored.assign(**{"above query's labels": above_label_prior(stored)}) if len(stored) else stored
measures = {"gap": "gap (%)", "X-mAP exclusive": "X-mAP exclusive (%)", "X-mAP common": "X-mAP common (%)"}
summary = interpreter_summary(stored, list(measures), tested_on="promenade-a")
variants = [ablation.name for ablation in MAIN if ablation.name in summary.index]
lines = summary[summary.index.str.startswith(CONTROL)].rename(index=lambda name: name.removeprefix(CONTROL))
own_run = f"this page: {table.name}, seed {seed}"
if not variants:
    display(Markdown("*The claim has not been measured yet.*"))

# %% tags=["hide-input"]
if variants:
    claim = f"The terms of the prior on promenade-a, {seeds_in_words(summary.loc[variants])}; below the rule, controls."
    marks = 100 * pd.concat([page, controls])
    figure = ablation_figure(summary.loc[variants], measures, controls=lines, page=marks, page_label=own_run)
    show_figure(figure, claim)

# %% [markdown]
# ### Against a prior that looks at nothing
#
# *Query's labels* says of each attribute how often a random training person differs from the query in it.
# It looks at no picture and at no model, and it does not know the distance.
# So agreement that it reaches as well cannot show that an explanation has looked at any of them.
# Below, the exclusive X-mAP of the full loss beside it: of this page, stored, and published.

# %% tags=["hide-input"]
labels_alone = level["query's labels"]
display(show_table(label_prior_table(stored, {own_run: (known["full"], labels_alone)})))

# %% tags=["hide-input"]
names = ("query's predicted attributes", "difference of predicted attributes")
guesses = [f"{points_in_words(known['full'] - level[name])} *{name}*" for name in names]
both = 100 * (page["X-mAP common"]["full"] - controls["X-mAP common"]["query's labels"])
display(
    Markdown(
        "The control is told the query's true labels, which the interpreter is not. Where a linear layer has to predict "
        f"them from the target's embedding, the interpreter stands {' and '.join(guesses)}; and in common X-mAP it is "
        f"{points_in_words(both)} the true labels."
    )
)

# %% [markdown]
# Frankly: what is measured here is how well attributes are recognised in pictures.
# The prior rewards nothing else; it trains layers of the interpreter's own, with labels, and the target's distance takes no part in it.
# An interpreter that recognises attributes better than a layer on the target's embedding does speaks of what can be seen, not of what the target has kept.
# So a high X-mAP is no evidence that a bar says what the target's distance rests on, and the published numbers, which stand near the same control or below it, are none either.
#
# ## On the truth: does it look where the attribute is?
#
# On Promenade every pixel is known to show an attribute or not.
# *Attention inside* is the share of a map's sum that lies in the region of its attribute, averaged over all pairs and their exclusive attributes.
# Two numbers stand beside it.
# A map that is equal everywhere has the region's *area* inside; and the maps of *other* attributes have something inside, because every attribute is on the person.
# An attribute's map has to beat both: it has more inside than the area as soon as it finds the person, and more than the other maps as soon as those leave the person.

# %% tags=["hide-input"]
if "attention inside" in page:
    display(show_table(100 * page[["attention inside", "area", "other maps inside"]]))
else:
    display(Markdown(f"*{table.name} has no masks, so this part is measured on Promenade only.*"))

# %% tags=["hide-input"]
people = table.select("query", "gallery")
chosen = truths["full"].one_of_each_group(table.schema)
rows = {name: maps_of_present(found, people, device=device)[chosen] for name, found in interpreters.items()}
regions = regions_of_present(people, tuple(attributes[k] for k in chosen), tuple(rows["full"].shape[1:]))
claim = (
    "Mean maps over the query and gallery pictures of people who have the attribute, each relative to its own mean; of "
    "each attribute group the attribute in which training persons differ most."
)
show_figure(mean_map_figure(rows, [attributes[k] for k in chosen], regions=regions), claim)

# %% tags=["hide-input"]
measures = {"over area": "inside / area", "over other maps": "inside / other maps"}
summary = interpreter_summary(stored, list(measures), tested_on="promenade-a")
variants = [name for name in [*(a.name for a in MAIN), "untrained"] if name in summary.index]
if variants:
    figure = ablation_figure(
        summary.loc[variants], measures, page=page, page_label=own_run, reference=("attention that knows nothing", 1.0)
    )
    claim = "How many times as much attention the attribute's region gets as the area, and as other maps, give it"
    show_figure(figure, f"{claim} (promenade-a, {seeds_in_words(summary.loc[variants])}).")

# %% [markdown]
# ## The two biases
#
# The prior is meant to stop an interpreter from putting down much to an attribute because it is frequent, or because it is large though common.
# So look at what an attribute gets in the pairs that *share* it, where it explains nothing: does that follow the attribute's area, and does it follow how often people differ in it?
# Shares are in units of an equal part: 1 is what every attribute gets when nothing is known.

# %% tags=["hide-input"]
frames = {name: truths[name].frame() for name in ("no prior", "sums only", "full")}
quantities = {
    "differs (% of pairs)": ("training pairs that differ in it (%)", "share in common pairs"),
    "area (% of the picture)": ("area of its region (%)", "share in common pairs"),
}
if truths["full"].area is None:
    del quantities["area (% of the picture)"]
spread = {name: frame["share in common pairs"].std() for name, frame in frames.items()}
claim = (
    "Each dot is an attribute. What attributes get in pairs that share them has a standard deviation of "
    + ", ".join(f"{value:.2f} ({name})" for name, value in spread.items())
    + "; ρ is the rank correlation, with its 95 % interval."
)
show_figure(share_bias_figure(frames, quantities), claim)

# %% [markdown]
# A rank correlation says nothing about size: where all shares are nearly 1, even a perfect order is an order of crumbs.
# Both have to be read together.

# %% tags=["hide-input"]
rho = page["common share with p(1-p)"]
words = [
    f"In the pairs that share an attribute, its share goes with how often people differ in it by ρ = "
    f"{rho['no prior']:.2f} without the prior, {rho['sums only']:.2f} with the sums only and {rho['full']:.2f} with the "
    f"full loss, which makes these shares vary {spread['full'] / max(spread['no prior'], 1e-9):.1f} times as much."
]
if truths["full"].area is not None:
    area = page["common share with area"]
    tied = rank_correlation(truths["full"].area, truths["full"].disagreement)
    words.append(
        f"With the area it goes by ρ = {area['no prior']:.2f} without the prior and {area['full']:.2f} with the full "
        f"loss. Area and frequency themselves go together by {tied}."
    )
display(Markdown(" ".join(words)))

# %% [markdown]
# With several seeds, on promenade-a and, in the rows *balanced data*, on people among whom every value of an attribute group is equally frequent:

# %% tags=["hide-input"]
measures = {
    f"{share} with {what}": f"ρ: {share} and {what}"
    for share in ("common share", "share")
    for what in ("p(1-p)", "area")
}
summary = own_domain_summary(stored, list(measures), [a.name for a in (*MAIN, *SIDE) if a.name != "trained on B"])
display(show_table(summary_in_words(summary, measures, digits=2)))

# %% [markdown]
# *Share* is over all pairs, *common share* over those that have the attribute in common; *p(1-p)* is how often two training persons differ in it.
#
# So on Promenade there is no bias to take away: an interpreter that only has to add up gives every attribute nearly the same in every pair, in an order that changes from seed to seed and follows neither frequency nor area.
# With the full prior, what is large tends to get less where it is shared, as the authors want it.
# But the bias towards frequent differences comes with the prior: it asks for large shares of an attribute most often where people often differ in it, and so rewards giving such attributes more everywhere.
# That is the first thing learned from it: where the prior is weak, or sees sums only, the order of the shares is all but that of the frequencies; the stronger it is, the less.
# Balanced data do not end it, because a colour still differs between two people more seldom than a yes-or-no attribute.
#
# ## What else could be chosen
#
# The strength of the prior, its bound, the sum instead of the mean, how many layers are shared, where the own layers start, balanced data, and two other targets.
# The *instance-normalised target* is the thin network with half of its early channels normalised picture by picture.
# The *ResNet-18 target* is another architecture: the *bag of tricks* baseline {cite:p}`luo2019bag` on pictures of 256 × 128, trained only briefly and from random weights; how well it ranks, *target mAP*, stands in the table.
# Of it the interpreter shares what the paper's shares of a ResNet-50, everything up to `layer2`.
# Each variant is tested on people of the data that it learned from.
# X-mAP depends on how often people differ, so on other data it has other controls; the middle panel shows it as the distance from *query's labels* on the same people.

# %% tags=["hide-input"]
measures = {"gap": "gap (%)", "above query's labels": "X-mAP exclusive −\nquery's labels (points)"}
measures |= {"over other maps": "inside / other maps"}
order = [a.name for a in (*MAIN[:1], *SIDE)]
side = own_domain_summary(stored, list(measures), order)
if len(side) > 1:
    drawn = side[side["gap", "mean"] < 20]
    claim = f"{len(drawn) - 1} variants beside the full loss, {seeds_in_words(drawn)}."
    lost = [f"{name} ({side.loc[name, ('gap', 'mean')]:.0f} %)" for name in side.index.difference(drawn.index)]
    claim += f" Left out, with a gap of 20 % or more: {', '.join(lost)}." if lost else ""
    show_figure(ablation_figure(drawn, measures), claim)
missing = [name for name in order if name not in side.index]
if missing:
    display(Markdown(f"*Not measured yet: {', '.join(missing)}.*"))

# %% [markdown]
# Where the sum instead of the mean is to be the distance, attention 1 says as many times the distance as there are attributes; these few epochs do not bring that down far enough.
# The bound N/A asks exclusive attributes for no more than an equal part each, and gets little agreement at almost no gap.

# %% tags=["hide-input"]
comparable = [a.name for a in (*MAIN[:1], *SIDE) if a.dataset == "promenade-a" and a.name in side.index]
above = side.loc[comparable, ("above query's labels", "mean")].dropna()
if len(above):
    best = points_in_words(above.max())
    display(Markdown(f"On the same people, *{above.idxmax()}* agrees best with labels, {best} the query's labels."))

# %% tags=["hide-input"]
measures = {name: f"{name} (%)" for name in ("gap", "X-mAP exclusive", "X-mAP common", "own mAP", "target mAP")}
measures["above query's labels"] = "above query's labels (points)"
summary = own_domain_summary(stored, list(measures), [a.name for a in (*MAIN, *SIDE)])
display(show_table(summary_in_words(summary, measures)))

# %% [markdown]
# ### Another target
#
# Is what this chapter finds a matter of one small network?
# Below, the full loss on each target, all with the same loss, data and schedule of the interpreter, beside the controls; the attributes are predicted from the embeddings of the same target.

# %% tags=["hide-input"]
targets = targets_table(stored)
if len(targets.columns):
    display(show_table(targets), Markdown(targets_verdict(stored)))
else:
    display(Markdown("*The claim has not been measured yet.*"))

# %% [markdown]
# ## In another town
#
# The interpreter explains the target on pictures of a place that neither has seen, with other attribute frequencies, light and heights.
# What it says about the distance and about attributes is asked separately: the gap is against the target's distance *there*, and the controls use the frequencies of the town where everything was learned.

# %% tags=["hide-input"]
towns = ("promenade-a", "promenade-b")
crossed = {}
for learned, tested in [(a, b) for a in towns for b in towns]:
    found = interpreter_summary(stored, list(measures), tested_on=tested, trained_on=learned)
    found = found[found.index.isin(["full", "trained on B", f"{CONTROL}query's predicted attributes"])]
    crossed[f"{learned} → {tested}"] = summary_in_words(found.rename(index={"trained on B": "full"}), measures)
if any(len(part) for part in crossed.values()):
    display(show_table(pd.concat(crossed)))

# %% [markdown]
# Published, of a ResNet-50 from one city to another:

# %% tags=["hide-input"]
show_table(published_interpreters(crossed=True))

# %% [markdown]
# ## Takeaways

# %% tags=["hide-input"]
flat = 100 * page["flattened X-mAP exclusive"]["full"]
lines = [
    f"* Adding up is not explaining: without the prior the gap is {gap['no prior']:.1f} % and exclusive X-mAP "
    f"{known['no prior']:.1f} %, where random order has {level['uniform or random']:.1f} %.",
    f"* With the prior the parts agree with labels by {known['full']:.1f} %, "
    f"{points_in_words(known['full'] - labels_alone)} what the query's labels have without any picture; "
    f"when every map is replaced by its mean, {flat:.1f} % remain.",
    f"* In pairs that share an attribute, its share goes with how often people differ in it by ρ = {rho['full']:.2f}; "
    f"without the prior by {rho['no prior']:.2f}.",
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
# * The ablations are short and on small targets; at a longer schedule agreement rises and the gap with it.
# * Attributes of one group exclude each other, so a correlation over attributes has fewer independent points than it has dots, and its interval is too narrow.
# * Regions say where an attribute is to be seen, not where the target looks; an interpreter may be right about a target that looks elsewhere.

# %% tags=["hide-input"]
record.table(table)
