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
#     reads:
#       - "book/results/truth/*.json"
#       - "book/results/truth-of-matching/*.json"
#       - "book/results/planted-fault/*.json"
# ---

# %% [markdown]
# # Do the explanations tell the truth?
#
# An explanation says which differences between two people make their distance.
# Published ones are judged by eye, or by whether they name attributes in which the labels differ.
# Here each is held against what really happens: one picture is rendered again with the other person's attributes, and the distance is measured again.
#
# In one sentence: an explanation has told something only where it beats controls that look at the model but not at the pair, or at the labels but not at the model; where that is so, and where not, stands below.
#
# It needs Promenade, where pictures can be rendered again; target and interpreter stored, it takes about three minutes on one CPU core.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a" or "promenade-b"; any other data set cannot be rendered again
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target, its interpreter and the random control: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown, display

from whyreid.plots import image_row_figure, show_figure, show_table, use_book_style
from whyreid.plots.planted_fault import planted_fault_figure
from whyreid.plots.truth import (
    label_agreement_figure,
    localisation_figure,
    settings_figure,
    true_effect_figure,
    truth_figure,
)
from whyreid.study.datasets import load_dataset
from whyreid.study.localisation_summary import (
    has_localisation,
    localisation_beside,
    localisation_sentence,
    localisation_tells,
    settings_agree,
)
from whyreid.study.own_average import own_average_table
from whyreid.study.planted_fault_claim import confirmation_table, revelation_table, revelations
from whyreid.study.planted_summary import confirmation_sentence, planted_sentence
from whyreid.study.provenance import Provenance
from whyreid.study.steps import trained_target
from whyreid.study.target_plan import target_plan
from whyreid.study.trust_table import trust_table
from whyreid.study.truth_explainers import explain_pairs
from whyreid.study.truth_steps import true_effects
from whyreid.study.truth_summary import (
    label_agreement_over_runs,
    label_agreement_tells,
    of_setting,
    over_seeds,
    stored_rows,
    verdict,
)
from whyreid.study.truth_table import best_control, truth_table
from whyreid.truth import group_contributions, read_counterfactuals

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## The short answer
#
# From the stored results of the `full` preset; a *run* is one target, tested in one town, trained from one random start.

# %% tags=["hide-input"]
stored = stored_rows("truth")
if len(stored):
    result, photographs = verdict(stored), verdict(stored, photographs=True)
    answer = (
        f"In the {result.runs} stored runs {result.leaders()}. {result.comparisons().capitalize()}. Among what can be had "
        f"for photographs, without true masks and without rendering anything again, {photographs.leaders()}."
    )
    display(Markdown(answer))
else:
    print("Nothing is stored yet; measure it with: whyreid claims --only truth")

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
plan = target_plan(preset)
target = trained_target(table, plan.recipe, network=plan.network, seed=seed, device=device)
effects = true_effects(target, table, preset=preset, device=device)
pairs, truth = effects.pairs, effects.of["distance"]
exact = (truth.standard_errors.nan_to_num() == 0).all(dim=1)

# %% tags=["hide-input"]
left = float((truth.remainder / truth.score).mean())
players = truth.differs.sum(dim=1)
text = (
    f"{len(pairs)} pairs, {int(pairs.impostor.sum())} of them impostors, whose persons differ in {players.min()} to "
    f"{players.max()} groups; the truth of {int(exact.sum())} pairs is exact, of {int((~exact).sum())} sampled. "
    f"Of the distance {left:.0%} remains when every differing group has been copied (mean over pairs)."
)
display(Markdown(text))

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
    f"One dot a pair, in brackets how many; the bar is the mean, the order that of the mean size. On average “{largest}” does most, and "
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
# Most controls know nothing of the model but its distance: equal parts, random parts, what the query's labels and the frequencies suggest, the area of the garments, the silhouette, the middle of the picture.
# One knows the model and not the pair: *usual effect* gives each group what it does to this very model on average among *training* persons, by re-rendering, the same for every pair.
# It is what a report on the whole model would say; an explanation of a single pair has to add something to it.
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
names = {"rank_correlation": "rank correlation", "impostors": "among impostors", "p": "p against best control",
         "seconds": "seconds a pair"}  # fmt: skip
shown = scores.rename(columns=names)[list(names.values())]
shown.insert(0, "oracle mask", scores["oracle_mask"].map({True: "yes", False: ""}))
show_table(shown, digits=2)

# %% [markdown]
# *p* is of the difference to the best control, in either direction: an explainer can also be worse by more than chance.
# The measures beside the primary endpoint:

# %% tags=["hide-input"]
names = {"top1": "top-1", "sign": "sign", "explained": "explained", "error": "error"}
show_table(scores.rename(columns=names)[list(names.values())], digits=2)

# %% [markdown]
# *Top-1*: how often the group said to matter most does.
# *Sign*: how often it is right whether a difference sets apart or brings together; whoever always says “apart” is right as often as the table shows for *uniform*.
# *Explained*: which share of the score is put down to the differing groups.
# *Error*: the sum of all mistakes over the sum of the true effects; 1 is what an explanation of all zeros makes.

# %% tags=["hide-input"]
true_share = {kind: float((one.truth.nansum(dim=1) / one.score).mean()) for kind, one in effects.of.items()}
said = {
    one.name: scores.loc[one.name, "explained"] / true_share[one.explanation.kind]
    for one in found if one.source == "explainer" and not one.oracle_mask
}  # fmt: skip
multiples = ", ".join(f"{name} {value:.1f}" for name, value in said.items())
text = (
    f"The differing groups truly make {true_share['distance']:.0%} of the distance and "
    f"{true_share['squared_distance']:.0%} of its square. Said to make, as a multiple of the truth: {multiples}."
)
display(Markdown(text))

# %% [markdown]
# ## Does the explanation know the pair?
#
# An explainer can be right about groups in general and know nothing of the two people before it.
# So each one is replaced by its own average: what it says of a group, as a share of the score, over the *other* pairs in which the group differs.
# What the pair itself adds to the rank correlation is the difference; where it is not above zero, the explanation of a pair is a report on the whole model in disguise.

# %% tags=["hide-input"]
averages = own_average_table(found, effects)
display(show_table(averages, digits=2))
adds = averages["the pair adds"]
display(
    Markdown(
        f"The pair adds most to “{adds.idxmax()}” ({adds.max():+.2f}), and nothing or less to {int((adds <= 0).sum())} of {len(adds)}."
    )
)

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
# ## Do the maps lie where the persons differ?
#
# Another question, which needs no truth about the model: does a map lie on the differing things that are seen?
# *Energy over area* is the share of the map inside them over their share of the picture, *pointing* how often the strongest place lies inside, *auc* the chance that a place inside is stronger than one outside.
# All maps are brought to one grid; the map of an attribute (AMD's) is held against the things that carry this attribute, a map of the whole score against all that differ.
# Three references look at no difference between the two persons: a flat map, the middle of the picture, and the silhouette of the person.
# This run stands beside the stored seeds of the thin target in the same town, mean ± standard deviation.

# %% tags=["hide-input"]
stored_here = of_setting(stored, target="thin", trained_on=dataset, tested_on=dataset) if len(stored) else stored
display(show_table(localisation_beside(scores, stored_here)))
if has_localisation(stored_here):
    display(Markdown(localisation_sentence(stored_here)))
else:
    display(Markdown("Where maps lie is not stored for this town yet: this run stands alone."))

# %% [markdown]
# The same when a margin of four pixels around the things counts as inside, which is fair to coarse maps:

# %% tags=["hide-input"]
show_table(localisation_beside(scores, stored_here, grown=True))

# %% tags=["hide-input"]
if has_localisation(stored):
    claim = (
        f"Where the maps lie in every stored setting, mean and standard deviation over seeds. {settings_agree(stored)}"
    )
    show_figure(localisation_figure(stored), claim)
    display(
        Markdown(
            "Does lying right go with being true? Over the explainers with maps, energy over area and rank correlation "
            f"with the truth (means over the stored runs) have {localisation_tells(stored)}."
        )
    )

# %% [markdown]
# Where a map lies says where to look for a difference, not whether the model looks there: the silhouette knows no model.

# %% [markdown]
# ## Three seeds, two targets, two towns
#
# The stored results of the `full` preset.
# *Thin-ibn* is the second target, with instance normalisation; *A on B* is a target trained in the first town and tested in the other, whose people and cameras it has never seen.

# %% tags=["hide-input"]
if len(stored):
    claim = f"Small dots are training seeds, large ones their means. {result.comparisons().capitalize()}."
    show_figure(settings_figure(stored), claim)
    display(over_seeds(stored, ["rank_correlation"]).droplevel(1, axis="columns").fillna("–"))
else:
    print("Nothing is stored yet.")

# %% [markdown]
# ## Does agreement with labels predict truth?
#
# The literature's measure asks whether the attributes that differ are ranked before those that are shared (X-mAP).
# Here it is computed over the twelve groups for every explainer and every control, on the same pairs.
# Knowing what differs wins it; the truth is asked about what differs only, so the two need not go together.

# %% tags=["hide-input"]
together, alone = (label_agreement_tells(part) for part in (scores, scores[scores["source"] == "explainer"]))
top = scores["label_agreement"].idxmax()
claim = (
    f"One point an explainer or control. Agreement with labels is highest for “{top}”, whose rank correlation with the "
    f"truth is {scores.loc[top, 'rank_correlation']:.2f}; over all points the two measures have {together}, over the "
    f"explainers alone {alone}."
)
show_figure(label_agreement_figure(scores), claim)

# %% tags=["hide-input"]
if len(stored):
    rhos = label_agreement_over_runs(stored)
    print(f"Over the points of each stored run, ρ is {rhos.min():.2f} to {rhos.max():.2f} ({len(rhos)} runs).")

# %% [markdown]
# Where the two go together, agreement with labels tells roughly which explainer is truer than another.
# It does not tell whether either beats a control: controls lie on the same slope.

# %% [markdown]
# ## Whom to trust for what
#
# For each question the best explainer and the best control, beside what an explanation without content has.
# The values are means over the stored seeds of the thin target in its own town, or those of this run where nothing is stored; a lead counts when two digits show it.
# First with all that Promenade knows: maps read off through true masks, and controls that look at masks or re-render.

# %% tags=["hide-input"]
asked = stored_here if len(stored_here) else scores
display(trust_table(asked))

# %% [markdown]
# Then what can be had for photographs: no masks, so no map becomes a contribution, and no re-rendering, so no control knows the usual effect.

# %% tags=["hide-input"]
display(trust_table(asked, photographs=True))

# %% [markdown]
# ## A matcher that explains itself
#
# QAConv {cite:p}`liao2020interpretable` matches the places of two pictures, and its logit is a sum over them: the explanation is the model.
# It is scored against the Shapley values of its own logit, which differences make smaller, on pairs chosen by its own ranks.
# *Locations* are the summands as published, counted from a similarity of zero; *shortfall* counts the same summands from a perfect match.
# All explainers are read off through true masks here; a control takes each difference for evidence against a match.

# %% tags=["hide-input"]
matching = stored_rows("truth-of-matching")
if len(matching):
    result = verdict(matching)
    claim = f"In {result.runs} stored runs of QAConv 2.1 {result.leaders()}."
    show_figure(settings_figure(matching), claim)
    display(over_seeds(matching, ["rank_correlation"]).droplevel(1, axis="columns").fillna("–"))
    at_home = matching[matching["trained on"] == matching["tested on"]]
    if has_localisation(at_home):
        display(Markdown(f"Where its maps lie, tested in its own town: {localisation_sentence(at_home)}"))
else:
    print("Nothing is stored yet; measure it with: whyreid claims --only truth-of-matching")

# %% [markdown]
# ## A model with a planted fault
#
# An auditor wants to be told when a model uses what it should not.
# One target is trained on a town where whoever carries a backpack wears white, one on pictures whose identities are their backgrounds, and one on people who wear another upper garment in every picture, so that its colour tells nothing.
# All are asked about the same ordinary pairs.
# First the fault is confirmed by re-rendering: the true effect of the planted quantity (in units of the distance) and its share of the distance, in the sound and in the faulty target.
# *Elsewhere* is all that belongs to no differing attribute.

# %% tags=["hide-input"]
planted = stored_rows("planted-fault")
if len(planted):
    confirmed = confirmation_table(planted)
    display(show_table(confirmed, digits=3, small=True), Markdown(confirmation_sentence(confirmed)))
else:
    print("Nothing is stored yet; measure it with: whyreid claims --only planted-fault")

# %% [markdown]
# A tie in the data leaves the model a choice: what two cues tell alike can be told by either, and by the colour it told people apart before.
# Where no true share moves there is nothing to reveal, and the tie asks the other question: who raises an alarm all the same?
#
# Then every explainer explains the same pairs with the sound and with the faulty target.
# It reveals the fault when the share that it puts down to the planted quantity moves as the true share does, with an interval over families that excludes zero.
# Where the true share did not move, any sure change is a false alarm; two sound targets from different random starts say how often that happens for nothing.

# %% tags=["hide-input"]
titles = {"tied": "backpack and white tied", "background": "identities are backgrounds",
          "colour-blind": "upper colour tells nothing"}  # fmt: skip
revealed = revelations(planted) if len(planted) else planted
panels = {name: title for name, title in titles.items() if len(revealed) and (revealed["fault"] == name).any()}
if panels:
    show_figure(planted_fault_figure(revealed, panels), planted_sentence(revealed))

# %% [markdown]
# By how many percentage points the share moves, re-rendering (*truth*) and explainers, mean ± standard deviation over seeds; then the verdicts, counted over seeds.

# %% tags=["hide-input"]
if panels:
    both = revelation_table(planted)
    changes = both.filter(like=": change")
    display(changes.rename(columns=lambda name: name.removesuffix(": change")))
    display(both.drop(columns=changes.columns).rename(columns=lambda name: name.removesuffix(": verdict")))

# %% [markdown]
# ## Takeaways
#
# * Most of a distance between two pictures is not made by the attributes in which the persons differ: pose, camera and light remain when all have been copied.
# * What each attribute usually does to a model is a strong explanation of any single pair, and a control that has to be printed: an explanation of one pair must add something to it.
# * Agreement with labels can be had without any model; whether it goes with the truth has to be measured, as above.
# * Maps that lie on what differs can be had without any model, too: in every stored run the silhouette has more of itself there than the map of any explainer.
# * A fault in the data need not become one of the model, so it has to be confirmed before an explainer is blamed for missing it.
# * Explanations by attributes have no place for a background: of the target that was trained on backgrounds, most maps show it with every seed, the parts of attributes hardly or not.
# * An explainer of your own is scored in ten lines, see {doc}`/score-your-own-explainer`.
#
# ## Limits
#
# * The truth is that of rendered people and of small networks; a group is copied with all its shades and forms, so its effect is that of the whole garment.
# * What two persons share (the same colour in another shade) is in the remainder, and no explanation is scored on it.
# * Methods that give maps are read off by adding up a region; a reader of a map may do better, or worse.

# %% tags=["hide-input"]
record.table(table)
