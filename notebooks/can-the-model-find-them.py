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
#     reads: ["book/results/retrieval/*.json", "book/results/evaluations/*.json"]
# ---

# %% [markdown]
# # Can the model find them again?
#
# Before asking why a model ranks as it does, see how well it does.
# This chapter trains the target that later chapters explain, in the default preset a thin residual network that a laptop's CPU can train, and asks it for every test identity again in other cameras.
# In one sentence: it finds most of them, far above a comparison of colours, and what it gets wrong is mostly somebody dressed alike.
#
# It runs on any table. With the default preset the training takes about five minutes on two CPU cores; it is stored, and a second run only reads it.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the weights, the order and the augmentation: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
import time

import pandas as pd
import torch
from IPython.display import Markdown, display

from whyreid.plots import (
    camera_pair_figure,
    cmc_figure,
    distance_histogram,
    number_sources,
    rank_list_figure,
    rank_list_rows,
    ranking_table,
    show_figure,
    show_table,
    target_comparison_figure,
    training_figure,
    use_book_style,
)
from whyreid.retrieval import evaluate_embeddings, mean_ap_by_camera, rank_embeddings
from whyreid.retrieval.ranking import METRICS
from whyreid.study.claims import read_claim
from whyreid.study.datasets import load_dataset
from whyreid.study.evaluation_record import evaluation_rows, read_evaluations
from whyreid.study.networks import NETWORKS, new_network
from whyreid.study.provenance import Provenance
from whyreid.study.published import published_beside
from whyreid.study.retrieval_summary import by_pair_of_towns, retrieval_summary
from whyreid.study.steps import colour_embeddings, embeddings, trained_target
from whyreid.study.target_plan import target_plan
from whyreid.study.target_ranking import evaluate_target_ranking
from whyreid.training import embed_images

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## Learning them
#
# The target learns to tell the training identities apart, by classification and by triplets; the validation and test identities are not among them.
# What it is to be good at, persons that it never saw, is not what it is trained on.

# %%
table = load_dataset(dataset, preset=preset)
plan = target_plan(preset)
target = trained_target(table, plan.recipe, network=plan.network, seed=seed, device=device)
history = target.history
parameters = sum(p.numel() for p in target.model.parameters())
print(f"{table}\n{plan.network}: {NETWORKS[plan.network]}")
speed = f"{history.images_per_second:.0f} pictures a second"
print(f"{parameters:,} parameters, trained in {history.seconds:.0f} s, {speed}")

# %% tags=["hide-input"]
columns = {"loss": "loss", "accuracy": "training pictures right (share)"}
epochs = history.frame()
claim = f"After {len(epochs)} epochs {epochs['accuracy'].iloc[-1]:.0%} of the training pictures are classified right."
show_figure(training_figure(epochs, columns=columns), claim)

# %% [markdown]
# ## Finding them
#
# Every query is ranked against the gallery by the distance of embeddings, and scored as {doc}`/how-we-measure` says.
# Three controls stand beside the target: the same network before training, a comparison of colours in stripes from head to foot, and an order drawn at random.

# %%
query, gallery = table.select("query"), table.select("gallery")
untrained = new_network(plan.network, seed=seed)
features = {
    plan.network: [embeddings(target, part, device=device) for part in (query, gallery)],
    "untrained": [embed_images(untrained, part, device=device, flip=False) for part in (query, gallery)],
    "stripe colours": [colour_embeddings(part) for part in (query, gallery)],
    "random order": [torch.randn(len(part), 8, generator=torch.manual_seed(seed)) for part in (query, gallery)],
}

# %%
people = (query.pids, gallery.pids, query.camids, gallery.camids)
metric = target.model.distance
reports = {name: evaluate_embeddings(q, g, *people, metric=metric) for name, (q, g) in features.items()}
results = ranking_table(reports, protocol=table.protocol)
show_table(results)

# %% tags=["hide-input"]
ahead = results["rank-1"][plan.network] - results["rank-1"]["stripe colours"]
show_figure(
    cmc_figure(reports), f"The target finds a match at rank 1 for {ahead:.0f} points more queries than colours do."
)

# %% [markdown]
# ## Better by asking the neighbours?
#
# k-reciprocal re-ranking mixes the distance with the overlap of the two pictures' neighbourhoods ({doc}`/how-we-measure`).
# It needs no training, but the distances of all pictures to all.

# %%
started = time.perf_counter()
pair = features[plan.network]
reranked = evaluate_target_ranking(*pair, query, gallery, metric=metric, reranked=True)
print(f"{time.perf_counter() - started:.1f} s for {len(query):,} queries and {len(gallery):,} gallery pictures")
both = {plan.network: reports[plan.network], f"{plan.network}, re-ranked": reranked}
show_table(ranking_table(both, protocol=table.protocol))

# %% [markdown]
# ## Elsewhere?
#
# A target is rarely used where it was trained.
# Here it ranks the people of a town of Promenade that it has never seen, with nothing adapted.

# %%
other = "promenade-a" if dataset == "promenade-b" else "promenade-b"
away = load_dataset(other, preset=preset)
away_sides = [away.select("query"), away.select("gallery")]
away_features = [embeddings(target, part, device=device) for part in away_sides]
elsewhere = {}
for name, again in zip(both, (False, True), strict=True):
    sides = *away_features, *away_sides
    elsewhere[name] = evaluate_target_ranking(*sides, metric=metric, reranked=again)
print(f"trained on {table.name}, tested on {away.name}")
show_table(ranking_table(elsewhere, protocol=away.protocol))

# %% [markdown]
# ## How sure is that, and what about other targets?
#
# One training is an anecdote.
# On Promenade the same was measured with three seeds, for the thin target and for one in which half of the early channels are normalised picture by picture, each in the town that it was trained on and in the other one, which differs in place, light, colour, height and sharpness.
# Whether two targets differ is told by the spread over the seeds.
# In another town a target loses much of what it knew, and stays far above what colours alone can do.

# %% tags=["hide-input"]
stored = read_claim("retrieval")
controls_last = stored.rows.sort_values("trained on", key=lambda names: names == "nothing", kind="stable")
display(show_table(by_pair_of_towns(retrieval_summary(controls_last)), small=True))
counted = f"{stored.rows['seed'].nunique()} seeds, mean ± standard deviation in per cent, trained on → tested on"
claim = f"{counted}; A is promenade-a. `book/results/retrieval` has every number, and where it comes from."
display(Markdown(f"*{claim}*"))

# %% tags=["hide-input"]
trained = stored.rows[stored.rows["trained on"] != "nothing"]
home = trained["trained on"] == trained["tested on"]
means = trained.groupby([home.rename("home"), "re-ranked"])["mAP"].mean()
gain = {where: 100 * (means[where, True] - means[where, False]) for where in (True, False)}
claim = f"Re-ranking adds {gain[True]:.1f} points of mAP at home and {gain[False]:+.1f} in another town."
show_figure(target_comparison_figure(trained), claim)

# %% [markdown]
# ## What is published
#
# Below, what the literature reports for the sets that people have collected, each with its source.
# A line is named after its network as `whyreid train --network` knows it: `bot` is Bag of Tricks, `agw` and `sbs` are the two stronger baselines, `r50` is the depth of the ResNet; all are larger than the thin target, see larger pictures, and start from ImageNet.
# The columns on the right are for what was measured here.
# A cell is filled by this page when it runs on that data set, and by `whyreid evaluate --out book/results/evaluations/NAME.json` for any other target; a subset of a data set gets a line of its own.

# %% tags=["hide-input"]
own = {"as embedded": reports[plan.network], "re-ranked": reranked}
measured = evaluation_rows(own, table, network=plan.network, trained_on=table.name, seed=seed)
known = read_evaluations()
beside = published_beside(measured if known.empty else pd.concat([measured, known]), name=table.name)
numbered, sources = number_sources(beside.drop(columns=[("here", "trainings")]), ("", "source"))
display(show_table(numbered, small=True))
display(Markdown(f"*Per cent; a dash is not reported, or not measured here. {sources}*"))

# %% [markdown]
# ## Seeing them
#
# Below, the five queries with the lowest average precision, then the first five test identities by number.
# The rule picks them, nobody's eye: the upper rows show what the model gets wrong at its worst, the lower ones what it usually does.
# A solid green frame is the same person, a dashed orange one another; the number above a picture is its rank and its distance.

# %% tags=["hide-input"]
ranked = rank_embeddings(*features[plan.network], *people, metric=metric, top_k=10)
report = reports[plan.network]
worst = report.average_precision.argsort(stable=True)[:5]
rows = report.valid_queries[worst].tolist()
labels = [f"AP {100 * value:.0f} %" for value in report.average_precision[worst].tolist()]
claim = f"The {len(rows)} queries with the lowest average precision (AP) of {report.num_valid_queries}."
show_figure(rank_list_figure(rank_list_rows(query, gallery, ranked, rows, labels=labels)), claim)

# %% tags=["hide-input"]
number = pd.Series(query.pids, index=range(len(query))).sort_values(kind="stable")
rows = number.drop_duplicates().index[:5].tolist()
claim = f"The first query of each of the first {len(rows)} test identities by number."
show_figure(rank_list_figure(rank_list_rows(query, gallery, ranked, rows)), claim)

# %% [markdown]
# ## How far apart?
#
# A distance means something only beside other distances.
# The two histograms overlap, so no threshold on the distance tells all matches from all others; where one is needed, it must be chosen on other people than those it is used for.

# %% tags=["hide-input"]
distmat = METRICS[metric](*features[plan.network])
same = query.pids[:, None] == gallery.pids[None]
other_camera = True if query.camids is None else query.camids[:, None] != gallery.camids[None]
match, other = distmat[same & other_camera], distmat[~same]
closer = (other < match.median()).float().mean()
claim = f"{closer:.2%} of the pairs of two persons are closer than half of the pairs of one person."
show_figure(distance_histogram(match.numpy(), other.numpy(), unit=f"{metric} distance"), claim)

# %% [markdown]
# ## From which camera to which?
#
# One average hides that some pairs of cameras are harder than others.
# Each cell is the mAP of one camera's queries when only one other camera is searched.

# %% tags=["hide-input"]
if query.camids is not None:
    by_camera = mean_ap_by_camera(*features[plan.network], *people, metric=metric)
    known = by_camera[~by_camera.isnan()]
    claim = f"Between pairs of cameras the mAP ranges from {known.min():.0%} to {known.max():.0%}."
    show_figure(camera_pair_figure(by_camera), claim)
else:
    print(f"{table.name} does not know its cameras (protocol {table.protocol}).")

# %% [markdown]
# ## Takeaways
#
# * A model of under a million parameters, trained in minutes, ranks far better than colours do; it is worth explaining.
# * Its errors are pictures of other people with similar clothes, or of the same person from behind or in the dark: look at the lists above before any average.
# * Normalising early channels picture by picture helps at home and far more in another town; re-ranking helps at home and hardly elsewhere.
# * One mAP hides a spread over queries and over pairs of cameras.
#
# ## Limits
#
# * One seed; a claim about a model needs at least three, and a chapter that makes one shows them.
# * The thin target stands for the published ones in kind, not in accuracy.

# %% tags=["hide-input"]
record.table(table)
