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
#     needs: [attributes, times, cameras, counterfactuals]
#     reads: ["book/results/retrieval/*.json"]
# ---

# %% [markdown]
# # What do we know about Promenade?
#
# Whether an explanation is true can be told only where the truth is known.
# Promenade is a street of rendered pedestrians: who wears what, which pixel shows which attribute, and what the very same picture would be with one attribute changed.
# In one sentence: the people look like people, they are hard enough to tell apart, and nothing about them is hidden.
#
# The pictures are rendered once, in about a minute on two CPU cores with the default preset, and found again afterwards; the rest takes seconds.

# %% tags=["parameters"]
dataset = "promenade-a"  # "promenade-a" or "promenade-b"; any other data set cannot be rendered again
preset = "smoke"  # "smoke", "default", "full" or "paper"
seed = 0  # nothing is drawn at random here; recorded for completeness
device = "auto"  # "auto", "cpu" or "cuda"; not used here

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import display

from whyreid.pedestrians import (
    CLOSURES,
    GROUPS,
    changed_pixels,
    counterfactual,
    differing_groups,
    edit,
    read_families,
    read_identities,
    read_masks,
    read_shots,
    read_visible,
    render,
)
from whyreid.pedestrians.camera import CAMERAS
from whyreid.pedestrians.identity import values_of
from whyreid.pedestrians.population import MARKET_FREQUENCIES
from whyreid.pedestrians.wardrobe import KNOWN_BIASES
from whyreid.plots import contact_sheet, show_figure, show_table, use_book_style
from whyreid.plots.promenade import ground_plan_figure, part_pictures, picture_grid, time_line_figure
from whyreid.study.claims import mean_and_deviation, read_claim
from whyreid.study.datasets import load_dataset
from whyreid.study.provenance import Provenance

record = Provenance(preset=preset, seed=seed, device=device)
use_book_style()

# %% [markdown]
# ## The people
#
# Bodies are tubes that walk: trunk, limbs, hair, hats, skirts and bags are rows of oval rings, posed by a walking cycle, seen through a camera and drawn triangle by triangle.
# Their attributes are the thirty binary ones of Market-1501, with the same names, the same meanings and, unless asked otherwise, the same frequencies.

# %%
table = load_dataset(dataset, preset=preset)
people = read_identities(table.root)
kin = read_families(table.root)
table

# %% tags=["hide-input"]
train = table.select("train")
groups = train.images.assign(file=train.image_paths()).groupby("pid")["file"]
rows = {pid: list(files)[:8] for pid, files in list(groups)[:7]}
figure = contact_sheet(list(rows.values()), row_labels=[f"id {pid}" for pid in rows])
show_figure(figure, f"The first {len(rows)} training identities by number, a row each.")

# %% [markdown]
# Each camera has its own place, height, light, white balance, sharpness, noise and compression, and each hour its own brightness and warmth.
# Obstacles and other people get in the way; some identities walk in parties.

# %% tags=["hide-input"]
cameras = CAMERAS[dataset[-1].upper()]
by_camera = train.images.assign(file=train.image_paths()).groupby("camid")["file"]
rows = {f"{camera}: {cameras[camera].place}": list(files)[::5][:9] for camera, files in by_camera}
figure = contact_sheet(list(rows.values()), row_labels=list(rows))
show_figure(figure, f"Every fifth training picture of each of the {len(rows)} cameras, the first nine.")

# %% [markdown]
# ## Look-alikes
#
# The members of a family are like its first member but for one or two attribute groups, so a model that overlooks an attribute takes one for the other.
# A family never crosses a split.

# %% tags=["hide-input"]
twins = [(int(k), int(first)) for k, first in kin["family"].items() if 0 < first != k and k in set(train.pids.tolist())]
first_picture = {pid: files.iloc[0] for pid, files in groups}
pairs = [[first_picture[first], first_picture[twin]] for twin, first in twins[:6]]
labels = [", ".join(differing_groups(people[twin], people[first])) for twin, first in twins[:6]]
figure = contact_sheet(
    list(map(list, zip(*pairs, strict=True))), titles=[labels, [""] * len(labels)], picture_width=1.1
)
share = (kin.loc[kin.index < 100_000, "family"] > 0).mean()
show_figure(
    figure, f"{share:.0%} of the identities have a look-alike; above the first {len(pairs)} pairs: what differs."
)

# %% [markdown]
# ## What every pixel shows
#
# With every picture comes a map that says which part each pixel shows, taken before the camera blurs.
# The regions of the attributes follow from it, and with them how much of each attribute is to be seen in this very picture: a backpack that the body hides is worn, and counts 0 pixels.

# %% tags=["hide-input"]
query = table.select("query")
chosen = list(query.images.reset_index(drop=True).groupby("pid").head(1).head(10).index)
masks = read_masks(query, chosen)
shots = read_shots(query.images.iloc[chosen], people)
persons = [people[person] for person in query.images["person"].iloc[chosen]]
pictures = render(persons, shots, height=masks.shape[1], width=masks.shape[2])
figure = picture_grid([pictures.images, part_pictures(masks)], row_labels=["picture", "parts"])
show_figure(figure, f"The first query of each of the first {len(chosen)} test identities, and its part map.")

# %%
visible = read_visible(table)
worn = table.attribute_tensor(missing=False).numpy()
hidden = {name: float((visible[name][worn[:, k]] == 0).mean()) for k, name in enumerate(visible) if worn[:, k].any()}
items = ["hat", "backpack", "bag", "handbag", "hair"]
show_table(pd.DataFrame({"hidden where worn (% of pictures)": {k: 100 * hidden[k] for k in items if k in hidden}}))

# %% [markdown]
# ## What the picture would be
#
# The shot stays: camera, moment, step, crop, light, noise, obstacles.
# Some attribute groups are copied from a donor, with shade, texture and shape, or set by hand.
# Beside each counterfactual stand the pixels that it changes before the camera; they lie inside the group's declared closure, which the tests hold for every group.

# %% tags=["hide-input"]
clear = [k for k, shot in enumerate(shots) if shot.other is None and shot.occluder == "none"] or [0]
person, shot = persons[clear[0]], shots[clear[0]]
size = {"height": masks.shape[1], "width": masks.shape[2]}
factual = render([person], [shot], **size)
edits = {group: next(v for v in values_of(group)[::-1] if v not in (person.value(group), "mixed")) for group in GROUPS}
others = [counterfactual(person, shot, {group: value}, **size) for group, value in edits.items()]
changes = [changed_pixels(factual, other).unsqueeze(1).expand(-1, 3, -1, -1).to(torch.uint8) * 255 for other in others]
images = torch.cat([factual.images, *(other.images for other in others)])
blank = torch.zeros_like(factual.images)
titles = ["as it is", *(f"{group}\n{value.split()[0]}" for group, value in edits.items())]
figure = picture_grid([images, torch.cat([blank, *changes])], titles=titles, row_labels=["picture", "changed"])
show_figure(figure, f"Id {person.person}, one group at a time; white: the light that reaches the camera has changed.")

# %% [markdown]
# The camera carries a change further: blur and compression touch pixels that the edit did not.
# So the truth about *where* is taken before the camera.

# %%
ratio = {
    group: float((factual.images != other.images).any(1).sum() / changed_pixels(factual, other).sum().clamp_min(1))
    for group, other in zip(edits, others, strict=True)
}
closures = {group: ", ".join(part.name.lower() for part in sorted(CLOSURES[group])[:6]) for group in GROUPS}
show_table(pd.DataFrame({"changed pixels, after / before the camera": ratio, "closure (first six parts)": closures}))

# %% [markdown]
# Any subset of groups can be copied at once, which is what a Shapley value asks for.
# Below, a walk from one person to another, one more group of the donor in each step.

# %% tags=["hide-input"]
donor = persons[clear[1]] if len(clear) > 1 else edit(person, {"upper colour": "red", "hat": True})
steps = [counterfactual(person, shot, donor, GROUPS[:count], **size).images for count in range(len(GROUPS) + 1)]
figure = picture_grid([torch.cat(steps)], titles=["as it is", *(f"+ {group}" for group in GROUPS)])
show_figure(figure, "From left to right the groups of a donor are added in the order of the schema; the shot stays.")

# %% [markdown]
# ## Who walks where and when
#
# People walk through the views of the four cameras with and against a main direction, so each camera sees fronts, backs and sides.
# Whoever walks in a party is seen by the same cameras at the same times, which is what temporal lifting lives on.

# %% tags=["hide-input"]
places = {number: camera.place for number, camera in enumerate(cameras)}
some = table.images.sample(min(len(table), 400), random_state=0)
figure = ground_plan_figure(some, places)
toward = (table.images["heading"] % 1.0 > 0.5).groupby(table.images["camid"]).mean()
claim = (
    f"Between {toward.min():.0%} and {toward.max():.0%} of a camera's pictures show people who walk towards it (blue)."
)
show_figure(figure, claim)

# %% tags=["hide-input"]
test = query.images["pid"].unique()[:24]
party = kin.loc[test, "party"].to_dict()
figure = time_line_figure(table.images, party, fps=table.fps)
together = sum(leader >= 0 for leader in party.values())
show_figure(
    figure, f"Of the first {len(party)} test identities {together} walk in a party (one colour each), the others alone."
)

# %% [markdown]
# ## How rare is what?
#
# Shares follow Market-1501's training identities, so what is rare there is rare here.

# %%
test_split = table.select("train", "val").attributes
shares = pd.DataFrame({"Market-1501 (%)": MARKET_FREQUENCIES, table.name: 100 * test_split.mean().astype(float)})
shares["difference"] = shares[table.name] - shares["Market-1501 (%)"]
show_table(shares.T)

# %% [markdown]
# ## How hard is it?
#
# A thin network is trained on one domain and tested on both; colours alone, the untrained network and a random order stand beside it.
# Mean and standard deviation over seeds, from the stored results of the `full` preset; a match in the query's own camera does not count.

# %% tags=["hide-input"]
try:
    stored = read_claim("retrieval").rows
    by = ["method", "trained on", "tested on"]
    percent = stored.assign(**{name: 100 * stored[name] for name in ("rank-1", "mAP")})
    display(show_table(mean_and_deviation(percent, by, ["rank-1", "mAP"])))
except FileNotFoundError as missing:
    print(missing)

# %% [markdown]
# ## What is known to be wrong with it
#
# Groups of attributes are drawn independently, which real clothes are not.
# The ties that are there by construction are these.

# %%
pd.DataFrame({"what goes together": KNOWN_BIASES})

# %% [markdown]
# ## Takeaways
#
# * Attributes, parts, visibility, shots and counterfactuals are known for every picture, and every picture can be made again from its row, bit for bit on a CPU.
# * The difficulty is bounded on both sides: look-alikes, obstacles and strangers keep it from being trivial, and a thin network finds most people.
# * An explanation can be scored against what really happens when an attribute changes, instead of against labels.
#
# ## Limits
#
# * The people are puppets: faces, hands and cloth are simple, nobody sits, pushes a bicycle or opens a coat.
# * What holds on Promenade need not hold on photographs; the chapters on real data say where it does.

# %% tags=["hide-input"]
record.table(table)
