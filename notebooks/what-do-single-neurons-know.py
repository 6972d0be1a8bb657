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
#     reads: ["book/results/rarity/*.json"]
# ---

# %% [markdown]
# # What do single neurons know?
#
# A model's embedding is a list of numbers, its neurons.
# Specker's report {cite}`specker-rankings` reads attributes from them with one linear layer and counts for how many neurons each attribute is the strongest; common attributes get more neurons than rare ones, and he concludes that the model spends its neurons on what is common.
# In one sentence: the counts do follow frequency, but they follow it as closely on axes drawn at random, so the table speaks of the labels and the linear layer, not of single neurons.
#
# It runs on any table with attributes.
# With a trained target stored it takes about a minute on two CPU cores.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table with attributes
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import Markdown, display

from whyreid.data import attribute_frequencies
from whyreid.explain import (
    conjunction_gain,
    correlation_table,
    neuron_attribute_correlation,
    neuron_attribute_table,
    neuron_selectivity,
    prediction_quality,
    random_rotation,
    rank_correlation,
    reliability_curve,
    strongest_attributes,
    strongest_pictures,
    unit_attribute_vectors,
)
from whyreid.plots import (
    NeuronRow,
    neuron_count_figure,
    neuron_pictures_figure,
    rarity_figure,
    reliability_figure,
    show_figure,
    show_table,
    use_book_style,
)
from whyreid.retrieval import evaluate_embeddings
from whyreid.study.attribute_steps import attribute_reading, certain_labels, comparable_embeddings
from whyreid.study.claims import read_claim
from whyreid.study.datasets import load_dataset
from whyreid.study.provenance import Provenance
from whyreid.study.rarity_claim import CLAIM, rarity_bits
from whyreid.study.steps import trained_target
from whyreid.study.target_plan import target_plan
from whyreid.training import fit_attribute_classifier

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## Reading attributes from the embedding
#
# One linear layer without a bias is fitted on the embeddings of the training identities, to its unique minimum; how strongly its weights are held back is chosen on validation identities.
# A person with no colour noted for a garment teaches nothing about its colours: the annotation means unknown or mixed there, not colourless.
# Specker does not say how he weighted frequent against rare; here the usual weights of the field stand in, exp(1 − p) for pictures with the attribute and exp(p) for the others.

# %%
table = load_dataset(dataset, preset=preset)
plan = target_plan(preset)
target = trained_target(table, plan.recipe, network=plan.network, seed=seed, device=device)
reading = attribute_reading(target, table, device=device)
names = list(reading.names)
left_out = [name for name in table.schema.names if name not in names]
print(f"{len(names)} attributes, {reading.weight.shape[1]} neurons; the same for all training identities: {left_out}")

# %% [markdown]
# How good the reading is on people whom neither the model nor the classifier has seen decides what its weights can be taken for.
# Balanced accuracy and AUC of 50 % are chance, whatever the frequency; the calibration error is by how much the predicted probability is off on average.

# %%
people = table.select("query", "gallery")
people_rows = torch.from_numpy((people.images["pid"] > 0).to_numpy(copy=True)) & people.attribute_known().all(dim=1)
vectors = comparable_embeddings(target, people, device=device)[people_rows]
labels = reading.columns(people.attribute_tensor(missing=False))[people_rows]
pids = people.pids[people_rows]
certain = reading.columns(certain_labels(people))[people_rows]
predicted = reading.probabilities(vectors)
quality = prediction_quality(predicted, labels, names=names, known=certain).set_index("attribute")

# %% tags=["hide-input"]
measures = ["balanced_accuracy", "auc", "calibration_error"]
percent = quality.assign(**{name: 100 * quality[name] for name in measures})
display(show_table(percent.sort_values("auc", ascending=False)))
display(show_table(percent[measures].agg(["mean", "min", "max"])))

# %% tags=["hide-input"]
curve = reliability_curve(predicted[certain], labels[certain])
sure = curve[curve["n"] > 0].iloc[-1]
claim = (
    f"Where the classifier says {sure['mean_probability']:.0%}, {sure['positive_share']:.0%} have the attribute "
    f"(its surest bin, {int(sure['n'])} of {int(certain.sum())} predictions)."
)
show_figure(reliability_figure(curve), claim)

# %% [markdown]
# ## Specker's table
#
# A neuron is counted for the attribute with its largest weight.
# That the counts add up to the number of neurons is so by construction.

# %%
frequencies = attribute_frequencies(table.select("train", "val")).loc[names, "ratio"]
ratio = torch.from_numpy(frequencies.to_numpy(copy=True))
counts = neuron_attribute_table(reading.weight, names, ratio)
show_table(counts.assign(positive_ratio=100 * counts["positive_ratio"]))

# %% [markdown]
# ## Is it a table of neurons?
#
# The count can come from something else than what neurons know, so it is repeated with one thing changed at a time:
#
# * **equal lengths**: every attribute's vector of weights scaled to length one, so that none wins by being long;
# * **centred**: the classifier is fitted on embeddings whose mean is taken away. Without a bias, a classifier can say "most people have this" only through neurons whose mean is not zero, and these are then counted for common attributes;
# * **correlation**: the correlation of each neuron with each attribute takes the place of the weight; nothing is fitted.

# %%
train = table.select("train")
seen = comparable_embeddings(target, train, device=device)
known, has = reading.columns(certain_labels(train)), reading.columns(train.attribute_tensor(missing=False))
centred = fit_attribute_classifier(seen - seen.mean(dim=0), has, known=known, penalty=reading.fit.penalty)
scores = {"weights": reading.weight, "equal lengths": unit_attribute_vectors(reading.weight)}
scores["centred"] = centred.classifier.weight.detach()
scores["correlation"] = neuron_attribute_correlation(seen, has, known=known)

# %% [markdown]
# Each count is then repeated on **random axes**: the same space turned by a random rotation, in which distances and linear classifiers stay what they are.
# If random axes give the same correlation with frequency, the table says nothing about neurons.


# %%
def count_correlation(score, share=ratio):
    counted = neuron_attribute_table(score, names, share)
    return rank_correlation(torch.tensor(counted["top1"].to_list()).double(), torch.tensor(counted["positive_ratio"]))


turns = [random_rotation(seen.shape[1], generator=torch.Generator().manual_seed(k)) for k in range(20)]
found = {name: count_correlation(score) for name, score in scores.items()}
random = {name: [count_correlation(score.double() @ turn).rho for turn in turns] for name, score in scores.items()}

# %% [markdown]
# The last column asks another question: an attribute that nearly everybody has tells people apart as little as one that nearly nobody has, so the counts are also compared with how much the attribute varies, p(1 − p).

# %% tags=["hide-input"]
counts = correlation_table(found).rename(columns={"n": "attributes"})
drawn = pd.DataFrame(random)
counts["random axes"], counts["sd"] = drawn.mean(), drawn.std()
counts["rho with p(1 − p)"] = [count_correlation(score, ratio * (1 - ratio)).rho for score in scores.values()]
show_table(counts, digits=2)

# %% [markdown]
# Specker's report prints his table without a correlation.
# Of ten of its thirty rows, the five with the most and the five with the fewest neurons, the rank correlation of neurons with positive identities is the number below; taking the extremes makes it larger than that of the whole table.

# %% tags=["hide-input"]
published = {
    "bag": (122, 24.63), "age2": (104, 75.77), "downblue": (104, 16.38), "backpack": (103, 26.50),
    "downgray": (101, 16.38), "age4": (39, 1.07), "downgreen": (33, 1.86), "downyellow": (32, 1.33),
    "downpurple": (15, 0.27), "hat": (8, 2.66),
}  # fmt: skip
print(rank_correlation(*torch.tensor(list(published.values()), dtype=torch.float64).T))

# %% tags=["hide-input"]
tables = {name: neuron_attribute_table(score, names, ratio) for name, score in scores.items()}
claim = (
    f"The rank correlation of neurons with frequency goes from {found['weights'].rho:.2f} (weights) over "
    f"{found['centred'].rho:.2f} (centred) to {found['correlation'].rho:.2f} (correlation)."
)
show_figure(neuron_count_figure(tables, {name: str(value) for name, value in found.items()}), claim)

# %% [markdown]
# ## What excites a neuron
#
# For two neurons of each kind, those with the lowest numbers, the ten test pictures with the highest activation; left, the three attributes with the largest and the three with the smallest weight.
# The kinds are explained below.

# %%
kinds = neuron_selectivity(vectors, pids, labels, names=names)
chosen = kinds.groupby("kind").head(2).sort_values(["kind", "neuron"])
paths = [path for path, kept in zip(people.image_paths(), people_rows.tolist(), strict=True) if kept]
strongest = strongest_pictures(vectors)

# %% tags=["hide-input"]
rows = [
    NeuronRow(n, [paths[i] for i in strongest[n]], vectors[strongest[n], n].tolist(),
              strongest_attributes(reading.weight, names, n), kind)
    for n, kind in zip(chosen["neuron"], chosen["kind"], strict=True)
]  # fmt: skip
claim = f"The first two neurons of each kind: {', '.join(map(str, chosen['neuron']))}."
show_figure(neuron_pictures_figure(rows), claim)

# %% [markdown]
# ## An attribute, or one person?
#
# Some neurons, Specker supposes, answer to a single identity.
# A neuron is called *person* when at least five of its ten strongest pictures show one person, *attribute* when the persons among them share an attribute value more often than chance allows (corrected for all values tried), else *neither*.
# Random axes in the same space are the control once more.

# %%
shares = {"neurons": kinds["kind"].value_counts(normalize=True)}
for k, turn in enumerate(turns[:5]):
    turned = neuron_selectivity(vectors @ turn.to(vectors), pids, labels, names=names)
    shares[f"random axes {k}"] = turned["kind"].value_counts(normalize=True)
shares = pd.DataFrame(shares).reindex(["person", "attribute", "neither"]).fillna(0)

# %% tags=["hide-input"]
drawn = shares.drop(columns="neurons")
summary = pd.DataFrame(
    {"neurons (%)": shares["neurons"], "random axes (%)": drawn.mean(axis=1), "sd": drawn.std(axis=1)}
)
show_table(100 * summary)

# %% [markdown]
# ## One attribute, or two together?
#
# A neuron stands for a combination when it correlates more with having both of its two strongest attributes than with having either.

# %%
neurons = conjunction_gain(reading.weight, vectors, labels, names)
judged = neurons.dropna(subset="gain")
axes = conjunction_gain(reading.weight @ turns[0].to(vectors), vectors @ turns[0].to(vectors), labels, names)
print(f"neurons: {(judged['gain'] > 0).sum()} of {len(judged)} gain; random axes: {(axes['gain'] > 0).mean():.0%}")
show_table(judged.sort_values("gain", ascending=False).head(5).set_index("neuron"), digits=2)

# %% [markdown]
# ## Are people with rare attributes found less well?
#
# That is his second claim.
# The rarity of a person is the information in his or her attributes, the mean over attributes of −log₂ of how frequent the value is in training; it is compared with the mean average precision of the person's queries.
# One person counts once.

# %%
query, gallery = table.select("query"), table.select("gallery")
asked, found_in = (comparable_embeddings(target, part, device=device) for part in (query, gallery))
report = evaluate_embeddings(asked, found_in, query.pids, gallery.pids, query.camids, gallery.camids)
bits = rarity_bits(reading.columns(query.attribute_tensor(missing=False)), ratio)[report.valid_queries]
persons = pd.DataFrame({"pid": query.pids[report.valid_queries], "bits": bits, "ap": report.average_precision})
persons = persons.groupby("pid").mean()
rarity = rank_correlation(torch.tensor(persons["bits"].to_list()), torch.tensor(persons["ap"].to_list()))

# %% tags=["hide-input"]
claim = f"Rarity against average precision, one dot a person: {rarity}."
show_figure(rarity_figure(persons), claim)

# %% [markdown]
# One seed and one set of people cannot carry that claim.
# The table has three seeds, on Promenade with Market-1501's frequencies and on Promenade where every value is as frequent as the others; were rarity the reason, ρ would be below zero in the first and near zero in the second.

# %% tags=["hide-input"]
stored = read_claim(CLAIM).rows
display(show_table(stored.groupby("frequencies")[["rho", "mAP"]].agg(["mean", "std", "count"]), digits=2))
clear = ((stored["low"] > 0) | (stored["high"] < 0)).sum()
display(Markdown(f"In {clear} of the {len(stored)} trainings the 95 % interval of ρ leaves out zero."))

# %% [markdown]
# ## Takeaways
#
# * A linear layer reads some attributes well and others hardly better than chance; a neuron table cannot be more certain than that reading.
# * Neurons per attribute follow frequency, on Promenade as on a sample of Market-1501; but axes drawn at random give nearly the same correlation, and without the classifier's missing bias, or without a classifier, most of it is gone.
# * Some neurons answer to one person, few to an attribute by a strict test, and most to neither; what single neurons do more than random axes is the difference in the tables above.
# * People with rare attributes are not found less well on Promenade: with Market-1501's frequencies as with balanced ones ρ stays near zero. That is no proof for real streets, where a rare colour may also be a badly lit one; it says that rarity alone does not do it.
#
# ## Limits
#
# * Thirty attributes are few for a rank correlation, and colours that exclude each other are not independent: the intervals are too narrow rather than too wide.
# * The strongest ten pictures are one way to ask a neuron; a neuron that says no by being low is not heard.

# %% tags=["hide-input"]
record.table(table)
