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
# # How much does each attribute count?
#
# AMD {cite:p}`chen2021explainable`, first called AttriMeter, trains a second network to write the distance of two pictures as a sum of one part for each attribute, and to show where it looks for each.
# Here it is trained on the default target, drawn for one query that the target gets wrong, and measured as in the paper, beside explanations that look at no picture or at no distance.
# In one sentence: on Promenade the parts add up to the distance and agree with the labels about as well as published, and so does a prior that knows the query's labels and has never seen the model.
#
# It runs on any table with attributes.
# With a trained target stored it takes about three minutes on two CPU cores, most of them for the interpreter's training.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table with attributes
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target and of the interpreter: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # of a library that could draw bars

import pandas as pd
import torch
from IPython.display import Markdown, display

from whyreid.explain import DecompositionExplainer, area_by_attribute, rank_correlation
from whyreid.plots import (
    agreement_by_attribute_figure,
    contribution_figure,
    mean_attention_figure,
    picture_attention_figure,
    show_figure,
    show_table,
    use_book_style,
)
from whyreid.study.attribute_steps import attribute_reading
from whyreid.study.datasets import load_dataset
from whyreid.study.in_words import points_in_words
from whyreid.study.interpreter_pairs import first_mistake, prepared_pairs
from whyreid.study.interpreter_report import (
    agreement_controls,
    agreement_row,
    identity_labels,
    interpreter_report,
    known_labels,
    predicted_attributes,
)
from whyreid.study.interpreter_reweighting import interpreter_reweighting
from whyreid.study.interpreter_steps import attribute_embeddings_of, interpreter_recipe_for, trained_interpreter
from whyreid.study.interpreter_summary import (
    interpreter_summary,
    label_prior_table,
    stored_variants,
    summary_in_words,
)
from whyreid.study.presets import size_of
from whyreid.study.provenance import Provenance
from whyreid.study.published_interpreters import published_interpreters
from whyreid.study.steps import trained_target
from whyreid.study.target_plan import target_plan
from whyreid.training import attention_means

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## The interpreter
#
# The target is frozen.
# The interpreter shares its early layers, has its own later ones, and ends in one attention map for each attribute.
# The target's feature map under the map of attribute $k$, passed through the target's own pooling and neck, is the embedding of attribute $k$; its Euclidean distance between two pictures is $d^k$, and the explanation says
#
# $$ d \approx \frac{1}{A} \sum_{k=1}^{A} d^k . $$
#
# Two losses train it: the sum has to come out right (*metric distillation*), and attributes in which two persons' labels differ, called exclusive, have to make more of the distance than those that they share, called common (the *attribute prior*; the next chapter takes it apart).
# Ages are left out, as in the paper, and so is what never differs between training persons.

# %%
table = load_dataset(dataset, preset=preset)
plan = target_plan(preset)
target = trained_target(table, plan.recipe, network=plan.network, seed=seed, device=device)
recipe = interpreter_recipe_for(size_of(preset))
interpreter = trained_interpreter(target, table, recipe, seed=seed, device=device)
names = list(interpreter.attributes)
seconds = interpreter.history["seconds"].sum()
print(f"{len(names)} attributes; {len(interpreter.history)} epochs took {seconds:.0f} s when they were made")

# %%
show_table(interpreter.history.drop(columns=["seconds", "learning_rate"]).set_index("epoch").iloc[[0, -1]], digits=3)

# %% [markdown]
# `exclusive_sum` and `common_sum` are equal: shares add up to one, so what the exclusive attributes lack is what the common ones have too much.
# The loss counts one thing twice.
#
# ## One mistake, explained
#
# The pair is chosen by a rule: the first query, in the order of the table, that has another person before its first match, the two differing in at least four attributes (the first such query, if none differs in four).
# Beside the wrong picture stands the nearest picture of the right person.

# %%
query, gallery = table.select("query"), table.select("gallery")
asked, found = (attribute_embeddings_of(interpreter, part, device=device) for part in (query, gallery))
both = (asked.embedding, found.embedding)
mistake = first_mistake(*both, query, gallery, attributes=names, differing=4)
explainer = DecompositionExplainer(interpreter.model, names, over_attributes=interpreter.over_attributes)
explanation = explainer.explain(*prepared_pairs(target.model, query, gallery, mistake))
print(f"query {mistake.query}: its first match stands at rank {mistake.match_rank}")

# %% [markdown]
# Every bar is positive: a distance is, so no attribute can ever bring two pictures together, whatever the interpreter has learnt.
# In the pair of the same person no label differs, and the bars still have to add up to its distance.

# %% tags=["hide-input"]
labels = [part.select_attributes(names).attribute_tensor(missing=False) for part in (query, gallery)]
differs = [labels[0][mistake.query] != labels[1][row] for row in mistake.gallery]
gaps = explanation.remainder.abs() / explanation.score
title = [f"{kind}: d = {d:.2f}" for kind, d in zip(("another person", "same person"), explanation.score, strict=True)]
share = float(explanation.contributions[0][differs[0]].sum() / explanation.contributions[0].sum())
claim = (
    f"The {int(differs[0].sum())} of {len(names)} attributes that differ make {share:.0%} of the distance to the wrong "
    f"person; the parts miss the distances by {gaps[0]:.1%} and {gaps[1]:.1%}."
)
show_figure(contribution_figure(list(explanation.contributions), differs, names, title), claim)

# %% [markdown]
# Where it looks: the attention of the attributes that differ between the query and the wrong person, at most seven, those with the largest contributions first.
# If none differs, the seven with the largest contributions are shown.

# %% tags=["hide-input"]
ranked = explanation.contributions[0].argsort(descending=True).tolist()
shown = [k for k in ranked if bool(differs[0][k])][:7] or ranked[:7]
paths = [gallery.image_paths()[row] for row in mistake.gallery]
maps = [explanation.query_maps[0], *explanation.gallery_maps]
spread = torch.stack([part[shown].std(dim=(1, 2)) / part[shown].mean(dim=(1, 2)) for part in maps]).mean()
between = (maps[0][shown].mean(dim=(1, 2)) - maps[1][shown].mean(dim=(1, 2))).abs().mean()
claim = (
    f"Within a picture the attention of these attributes varies by {spread:.0%} of its mean; the mean itself differs by "
    f"{between:.2f} between the query and the wrong person."
)
figure = picture_attention_figure(
    query.image_paths()[mistake.query], paths, [part[shown] for part in maps], [names[k] for k in shown],
    matches=[False, True],
)  # fmt: skip
show_figure(figure, claim)

# %% [markdown]
# ## Where it looks on average
#
# For every attribute the mean attention map over all query and gallery pictures of people who have it (left, with their number) and who do not (right).
# The cameras' boxes cut people alike, so places in a picture are roughly places on a body.

# %%
people = table.select("query", "gallery")
known, rows = known_labels(people, interpreter.attributes)
means = attention_means(interpreter.model, people.take(rows), known, device=device)
level = torch.stack([means.present.mean(dim=(1, 2)), means.absent.mean(dim=(1, 2))])
change = (level[0] - level[1]).abs()

# %% tags=["hide-input"]
claim = (
    f"The mean attention of an attribute differs by {change.nanmean():.2f} between people with and without it, on maps "
    f"whose mean is {level.nanmean():.2f}."
)
show_figure(mean_attention_figure(means.present, means.absent, names, means.num_present.tolist()), claim)

# %% [markdown]
# That suggests what has been learnt.
# A map that is bright for people with an attribute and dark for the others makes the attribute's distance large for just the pairs that differ.
# Colours light up on their garment; of what is small or can be anywhere, such as a bag or a hat, the mean map shows less.
# The test: the mean of a picture's map, one number without any place, as a classifier of its attribute, by the area under the curve (50 % is chance; for attributes that most training persons have, darker counts as absent the other way round).
# Beside it stands the linear layer on the target's embedding that the chapter on neurons reads attributes with.

# %%
reading = attribute_reading(target, table, device=device)
predictions = predicted_attributes(reading, target, table, people, interpreter.attributes, device=device)[rows]
brightness = attribute_embeddings_of(interpreter, people, device=device).mean_attention[rows]
common = identity_labels(table.select("train"), interpreter.attributes).double().mean(dim=0) > 0.5
bright = area_by_attribute(brightness, known)
told = pd.DataFrame({"mean attention": torch.where(common, 1 - bright, bright)}, index=names)
told["linear layer on the embedding"] = area_by_attribute(predictions, known)

# %% tags=["hide-input"]
display(show_table(100 * told.agg(["mean", "min", "max"]).T))

# %% [markdown]
# The interpreter's own layers start from the target's early features.
# Where they know an attribute better than the target's embedding does, the explanation speaks of something that the target may have thrown away.

# %% [markdown]
# ## The measures of the paper
#
# *Gap* (the paper's ADRE) is by how much the parts miss the distance, over all pairs of query and gallery.
# *X-mAP* ranks each pair's attributes by their parts: exclusive ones should come first, common ones last.
# *Own* ranks the gallery by the sum of the parts instead of the target's distance.
#
# Beside it stand explanations that do not explain: the same attention everywhere (no gap at all, and no information), one fixed order for all pairs, and the *query's labels*, a prior that says of each attribute how often a random training person differs from the query in it.
# That prior looks at no gallery picture and at no model.
# It knows the query's true labels, which the interpreter does not, so it is repeated with attributes that a linear layer predicts from the target's embedding.
# The last two rows compare both pictures and still know no distance: the difference of those predictions, and the difference of the mean attention, which is the interpreter without the target.

# %%
report = interpreter_report(interpreter, query, gallery, device=device)
controls = agreement_controls(interpreter, target, table, query, gallery, device=device)
rows = {"interpreter": report.row()} | {name: agreement_row(found_) for name, found_ in controls.items()}
rows["uniform or random"]["gap"] = 0.0
measured = 100 * pd.DataFrame.from_dict(rows, orient="index")

# %% tags=["hide-input"]
display(show_table(measured))

# %% [markdown]
# The published numbers, of a ResNet-50, with the same controls on the same annotations:

# %% tags=["hide-input"]
display(show_table(published_interpreters()))

# %% [markdown]
# With three seeds, on Promenade's first town (`whyreid claims --only interpreter`; mean ± standard deviation, per cent), for an interpreter that is trained for fewer epochs than that of this page; the next chapter has its variants, and another town.

# %% tags=["hide-input"]
stored = stored_variants().rows
columns = ["gap", "X-mAP exclusive", "X-mAP common", "own R1", "own mAP", "target R1", "target mAP"]
summary = interpreter_summary(stored, columns, tested_on="promenade-a")
kept = [name for name in summary.index if name == "full" or name.startswith("control: ")]
display(
    show_table(summary_in_words(summary.loc[kept].rename({"full": "interpreter"}), {name: name for name in columns}))
)

# %% [markdown]
# ## What the agreement is worth

# %% tags=["hide-input"]
gain = {name: report.agreement.exclusive_map - control.exclusive_map for name, control in controls.items()}
words = [f"{points_in_words(100 * value)} *{name}*" for name, value in gain.items()]
display(Markdown(f"In exclusive X-mAP the interpreter stands {', '.join(words[:-1])} and {words[-1]}."))

# %% [markdown]
# The control that matters most is *query's labels*, because it has looked at nothing: here, with several seeds, in another town, and in the published numbers.

# %% tags=["hide-input"]
pair = (report.agreement.exclusive_map, controls["query's labels"].exclusive_map)
own_run = f"this page: {table.name}, seed {seed}"
display(show_table(label_prior_table(stored, {own_run: (100 * pair[0], 100 * pair[1])})))

# %% [markdown]
# Frankly: all of these stand within a few points of what can be said without the gallery picture, the model and the distance, or below it.
# What the interpreter adds is that nobody tells it the labels: it sees them, and of those who must guess them from the target's embedding none comes near on Promenade.
#
# To agree with the labels, an explanation has to know the labels; it need not know the distance.
# The interpreter is trained on labels to agree with labels, by layers of its own, and the distance is then met by one scale for all parts.
# So a high X-mAP shows that attributes can be recognised in a picture, and a low gap that the parts add up.
# Neither shows that the model *uses* an attribute as much as its bar says.
# Whether the bars are true needs pictures in which one attribute is changed and nothing else; the chapter on the truth of explanations asks that.
#
# ## Attribute by attribute
#
# Of the pairs that differ in an attribute, how many have it among their $N$ largest parts, where $N$ is how many attributes differ.
# The correlation below the figure is the bias that the paper means to remove: does an explanation find attributes the better, the more people differ in them?

# %%
by_attribute = {"interpreter": report.agreement.exclusive_by_attribute}
by_attribute |= {name: controls[name].exclusive_by_attribute for name in ("query's labels", "fixed order")}
frequency = torch.stack([part.double().mean(dim=0) for part in (labels[0], labels[1])]).mean(dim=0)
varying = frequency * (1 - frequency)

# %% tags=["hide-input"]
better = by_attribute["interpreter"] > by_attribute["query's labels"]
counted = int((~by_attribute["interpreter"].isnan()).sum())
claim = (
    f"In {int(better.sum())} of {counted} attributes the interpreter finds more of the differing pairs than the prior."
)
show_figure(agreement_by_attribute_figure(by_attribute, names), claim)

# %% tags=["hide-input"]
rarity = {name: str(rank_correlation(value, varying)) for name, value in by_attribute.items()}
pd.DataFrame({"rank correlation with p(1 − p)": rarity})

# %% [markdown]
# ## Can the explanation improve the ranking?
#
# The paper's by-product: a distance is made larger by the share of it that attributes make which are predicted to differ, $d\,(1 + s\,w)$.
# The official code takes the query's true labels and picks $s$ on the test set; here both sides are predicted, and $s$ is the best of 21 strengths on validation persons.
# The control needs no interpreter: $w$ is the number of attributes that are predicted to differ, of all.
# The interval of the gain in mAP is a bootstrap over persons.

# %%
reweighted = interpreter_reweighting(interpreter, target, table, device=device)

# %% tags=["hide-input"]
columns = {
    name: {
        "strength": found_.strength,
        "mAP before (%)": 100 * found_.before.mean_ap,
        "mAP after (%)": 100 * found_.after.mean_ap,
        "gain (points)": str(found_.gain),
        "validation gain (points)": 100 * (found_.validation.max() - found_.validation.iloc[0]),
    }
    for name, found_ in reweighted.items()
}
show_table(pd.DataFrame.from_dict(columns, orient="index"))

# %% [markdown]
# On Market-1501 the authors' log reports 85.8 % before and 86.6 % after, with true labels of the queries and the strength picked on the test set; on DukeMTMC-reID 71.9 and 72.4 %.
#
# ## Takeaways
#
# * The parts add up to the distance: that is what the first loss asks for, and attention 1 everywhere does it exactly.
# * Agreement with labels must be read against the rows beside it: a prior that never saw the model is close to it on Promenade and in the published numbers.
# * A map says *whether* a person has the attribute as well as *where* it is; the rows without the target say what the first alone is worth.
#
# ## Limits
#
# * The parts are distances, so none can be negative: what brings two pictures together is not explained.
# * Labels belong to persons; a bag that cannot be seen counts as there. A garment without a noted colour counts as having none of them, as in the official code.

# %% tags=["hide-input"]
record.table(table)
