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
#     reads: ["book/results/faithfulness/*.json"]
# ---

# %% [markdown]
# # Do the maps show what counts?
#
# A saliency map says which places of two pictures make their distance.
# Whether it is right can be asked of the model itself, on any pictures and without a single label: hide what the map calls important, and look at whether the distance moves as the map says.
#
# In one sentence: on Promenade the maps that were made by hiding places tell best what hiding does, under a fill that they were not made with, too; gradients tell less than half of that, and what AMD's attention marks holds pairs together more than it sets them apart.
#
# It runs on every data set with queries and a gallery, photographs too; on Promenade with the stored target it takes about three minutes on one CPU core.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a", "promenade-b", or the folder of a table
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # of the target, its interpreter and the random control: 0, 1, 2, ...
device = "auto"  # "auto", "cpu" or "cuda"

# %% tags=["hide-input"]
from IPython.display import Markdown, display

from whyreid.explain import TargetDistance
from whyreid.plots import show_figure, show_table, use_book_style
from whyreid.plots.faithfulness import gain_figure, hiding_curves_figure, pair_maps_figure, randomisation_figure
from whyreid.study.claims import mean_and_deviation, read_claim
from whyreid.study.datasets import load_dataset
from whyreid.study.faithfulness_pairs import matches_and_impostors
from whyreid.study.faithfulness_summary import faithful_methods, gain_in_words, gain_table, mean_gain
from whyreid.study.faithfulness_table import PAIRS, faithfulness_table, map_methods, unlearned_similarity
from whyreid.study.interpreter_steps import interpreter_recipe_for, trained_interpreter
from whyreid.study.presets import size_of
from whyreid.study.provenance import Provenance
from whyreid.study.randomisation import randomisation_cascade
from whyreid.study.steps import trained_target
from whyreid.study.target_plan import target_plan
from whyreid.truth import constant_response, faithfulness_curves

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## The pairs
#
# Each query that is drawn comes twice: with the picture of the same person that the target finds closest, and with the picture of another person that it finds closest.
# The first pair asks why two pictures match, the second why the target takes two people for one.

# %%
table = load_dataset(dataset, preset=preset)
plan = target_plan(preset)
target = trained_target(table, plan.recipe, network=plan.network, seed=seed, device=device)
queries = min(8, PAIRS[size_of(preset)])
pairs = dict(
    zip(
        ("match", "impostor"),
        matches_and_impostors(target.model, table, count=queries, seed=0, device=device),
        strict=True,
    )
)

# %% [markdown]
# AMD {cite:p}`chen2021explainable` needs attribute labels to be trained; where a data set has none, it is left out.
# Its attention maps are turned into one: each attribute's part of the distance is spread over its map.

# %%
interpreter = None
if table.attributes is not None:
    recipe = interpreter_recipe_for(size_of(preset))
    interpreter = trained_interpreter(target, table, recipe, seed=seed, device=device)
methods = {method.name: method for method in map_methods(seed=seed, interpreter=interpreter)}

# %% [markdown]
# ## What the maps look like
#
# Red places set the pair apart, blue ones hold it together.
# *Integrated gradients* {cite:p}`sundararajan2017axiomatic` follow the distance from two grey pictures to the two pictures, and add up to it.
# *GradCAM* {cite:p}`selvaraju2017gradcam` weighs the channels of the last map.
# *Occlusion* {cite:p}`zeiler2014visualizing`, *SBSM* {cite:p}`dong2019explainability` and *feature ablation* hide one window or block after the other, by grey or by a blur.
# The random map and the centre of the picture are controls: neither has looked at the model.

# %% tags=["hide-input"]
first = pairs["impostor"]
pictures = first.pictures(target.model.image_input)
maps = {name: method.maps(target.model, pictures) for name, method in methods.items()}
paths = [first.query.image_paths()[first.query_rows[0]], first.gallery.image_paths()[first.gallery_rows[0]]]
one_pair = {name: (sides[0][0], sides[1][0]) for name, sides in maps.items()}
claim = "The first query that was drawn, and its closest impostor. Each method has a scale of its own, shared by its two maps."
show_figure(pair_maps_figure(paths, one_pair), claim)

# %% [markdown]
# ## Hide what the map shows
#
# The gallery picture is cut into 16 x 8 blocks, and the blocks are hidden in the order of the map, once from those that hold the pair together most, once from those that set it apart most.
# If the map is right, the first order keeps the distance up and the second keeps it down; the area between the two curves is the **gain**.
# A picture with holes is unlike anything that the target has seen, and distances may grow for that reason alone.
# Both orders suffer from it alike, so a map without information has gain zero on average, whatever the holes do.
# Insertion and deletion {cite:p}`petsiuk2018rise` are one and the same here: uncovering in one order is hiding in the other one, run backwards.

# %% tags=["hide-input"]
score = TargetDistance(target.model)
curves = {name: faithfulness_curves(score, *pictures, maps[name][1]) for name in ("SBSM", "GradCAM", "random")}
gains = {name: float(found.gain().mean() / found.apart_first[:, 0].mean()) for name, found in curves.items()}
claim = (
    f"Mean over {len(first)} impostor pairs, hidden by grey. The shaded gain is "
    + ", ".join(f"{gain:.0%} of the distance for {name}" for name, gain in gains.items())
    + "."
)
show_figure(hiding_curves_figure(curves), claim)

# %% [markdown]
# ## Every map, both fills
#
# What stands in the hole matters: a method that explains by filling with grey has been told how a test that fills with grey will go.
# So both fills are shown, and a map deserves trust when it gains under the one that it was not made with.
# The maps of AMD and of the centre are positive by construction: they cannot say that a place holds a pair together.
# A negative gain means that what they mark does so all the same; turned round, the map would gain as much.

# %%
found = faithfulness_table(
    target.model, table, preset=preset, seed=seed, interpreter=interpreter, count=queries, device=device
)

# %% tags=["hide-input"]
faithful = faithful_methods(found)
best = mean_gain(found[found["source"] == "explainer"])
claim = (
    f"Mean and standard error over {queries} pairs of either kind. On average “{best.index[0]}” gains most "
    f"({best.iloc[0]:.0%} of the distance); clearly above zero for both kinds of pairs and both fills: "
    f"{', '.join(f'“{name}”' for name in faithful) or 'none'}."
)
show_figure(gain_figure(found), claim)

# %% [markdown]
# The last two columns ask the same of the rank: by how many percentage points of the other persons' pictures the true match falls behind when what holds it together is hidden first, rather than what sets it apart.

# %% tags=["hide-input"]
display(gain_table(found).drop(columns="seeds"))

# %% [markdown]
# ## Three seeds
#
# The stored results of the `full` preset, on more queries of Promenade's first town: gain in per cent of the distance, mean ± standard deviation over training seeds of the target.

# %% tags=["hide-input"]
try:
    stored = read_claim("faithfulness").rows
    gains = stored[stored["measure"] == "faithfulness"]
    display(gain_table(gains), Markdown(gain_in_words(gains)))
except FileNotFoundError as missing:
    stored = None
    print(missing)

# %% [markdown]
# ## Does the map change when the model forgets?
#
# Every weight that the target has learned is drawn anew {cite:p}`adebayo2018sanity`, and the same pairs are explained once more.
# A map that stays as it is has explained the pictures, not the model.
# First stage by stage from the top, for four methods on at most three of the impostor pairs; a dot is the mean over the pairs and both pictures.

# %%
three = tuple(side[:3] for side in pairs["impostor"].pictures(target.model.image_input))
chosen = [methods[name] for name in ("integrated gradients", "GradCAM", "occlusion, blur", "random")]
cascade = randomisation_cascade(chosen, target.model, three, seed=seed)

# %% tags=["hide-input"]
last = cascade[cascade["randomised"] == cascade["randomised"].iloc[-1]].set_index("explainer")["spearman"]
claim = "When nothing that was learned is left, the signed map resembles the first one by " + ", ".join(
    f"{value:.2f} ({name})" for name, value in last.items()
)
show_figure(randomisation_figure(cascade), f"{claim}.")

# %% [markdown]
# The other end of the same question: of a model that says the same of every picture, there is nothing to explain.

# %% tags=["hide-input"]
constant = {name: constant_response(method.of, *three) for name, method in methods.items() if not method.fitted}
print(f"The largest value that any of {len(constant)} methods gives to a constant model: {max(constant.values()):g}")

# %% [markdown]
# Now all at once, for all methods and more pairs.
# *Spearman* compares the signed maps, *absolute* only where they are strong: edges of a person attract many maps of many models.

# %% tags=["hide-input"]
sanity = unlearned_similarity(target.model, table, preset=preset, seed=seed, device=device)
columns = {"spearman": "Spearman", "absolute_spearman": "absolute", "ssim": "SSIM"}
show_table(sanity.set_index("explainer")[list(columns)].rename(columns=columns), digits=2)

# %% tags=["hide-input"]
told = sanity[sanity["source"] == "explainer"].set_index("explainer")
signed, strong = told["spearman"].abs(), told["absolute_spearman"]
display(
    Markdown(
        f"This run: of the explainers “{signed.idxmax()}” keeps most of its signed map ({told['spearman'][signed.idxmax()]:.2f}), "
        f"“{strong.idxmax()}” most of where it is strong ({strong.max():.2f}); the controls keep all, having never asked the model."
    )
)

# %% tags=["hide-input"]
if stored is not None:
    kept = stored[stored["measure"] == "sanity"]
    summary = mean_and_deviation(kept, ["explainer"], list(columns)).rename(columns=columns)
    display(show_table(summary, digits=2))

# %% [markdown]
# ## Takeaways
#
# * A map can be tested on the pictures at hand, without labels: hide, measure, compare with the reverse order and with a random map.
# * A test that fills as the explainer fills is a test that the explainer has seen; look at the other fill.
# * That a map is faithful to the distance does not say which attribute it shows, nor that a reader will read it so; *Do the explanations tell the truth?* asks that.
#
# ## Limits
#
# * Only the gallery picture is hidden, in blocks; what the target makes of holes is part of every number.
# * AMD is not in the last test: its interpreter belongs to the trained target, and a new one would have to be trained.

# %% tags=["hide-input"]
record.table(table)
