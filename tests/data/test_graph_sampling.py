"""The graph sampler's batches: against the original, by loops, for few pictures, and from (seed, epoch) alone."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from whyreid.data.graph_sampling import GraphBatches
from whyreid.data.sampling import nearest_identities


def labels_of(*pictures: int) -> Tensor:
    """Identity i has pictures[i] rows; the rows of all identities are mixed."""
    labels = torch.repeat_interleave(torch.arange(len(pictures)), torch.tensor(pictures))
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]


def random_distances(identities: int) -> Tensor:
    return torch.rand(identities, identities, generator=torch.Generator().manual_seed(1))


def test_neighbours_equal_the_original(vectors):
    stored = vectors("qaconv_graph_sampler")
    found = nearest_identities(torch.from_numpy(stored["dist"]), int(stored["topk"]))
    assert torch.equal(found, torch.from_numpy(stored["topk_index"]))


def test_identities_of_the_batches_equal_the_original(vectors):
    stored = vectors("qaconv_graph_sampler")
    pids = torch.from_numpy(stored["all_pids"])
    batches = GraphBatches(pids, batch_size=int(stored["batch_size"]), images_per_identity=int(stored["num_instance"]))
    # the original lists identities in the order of their first picture, we in ascending order
    order = torch.from_numpy(stored["pids"]).argsort()
    distmat = torch.from_numpy(stored["dist"])[order][:, order]
    found = Counter(tuple(sorted(pids[rows].tolist())) for rows in batches.epoch(0, distmat))
    expected = Counter(tuple(sorted(row)) for row in stored["batches_pid"].tolist())
    assert found == expected


def test_each_identity_is_the_anchor_of_one_batch_with_its_nearest():
    labels, distmat = labels_of(3, 5, 4, 2, 6), random_distances(5)
    batches = GraphBatches(labels, batch_size=6, images_per_identity=2, seed=3)
    neighbours = nearest_identities(distmat, 2)
    anchors = []
    for rows in batches.epoch(0, distmat):
        identities = labels[rows].reshape(3, 2)
        assert torch.equal(identities[:, 0], identities[:, 1])
        anchors.append(int(identities[-1, 0]))
        assert identities[:-1, 0].tolist() == neighbours[anchors[-1]].tolist()
    assert sorted(anchors) == [0, 1, 2, 3, 4]


def test_an_identity_shows_every_picture_before_it_repeats_one():
    labels = labels_of(4, 4, 4)
    batches = GraphBatches(labels, batch_size=6, images_per_identity=2).epoch(0, random_distances(3))
    shown = Counter(torch.cat(batches).tolist())  # each identity is in all three batches: six draws of four pictures
    assert set(shown) == set(range(12))
    assert set(shown.values()) == {1, 2}


@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_an_identity_with_few_pictures_repeats_them_evenly(pictures):
    labels = labels_of(pictures, 9)
    for rows in GraphBatches(labels, batch_size=8, images_per_identity=4).epoch(0, random_distances(2)):
        few = Counter(rows[labels[rows] == 0].tolist())
        assert sum(few.values()) == 4
        assert len(few) == pictures


def test_an_epoch_depends_on_seed_epoch_and_distances_only():
    labels, distmat = labels_of(5, 6, 7, 8), random_distances(4)

    def rows(seed: int, epoch: int, distances: Tensor = distmat) -> list[list[int]]:
        return [row.tolist() for row in GraphBatches(labels, batch_size=4, seed=seed).epoch(epoch, distances)]

    sampler = GraphBatches(labels, batch_size=4)
    sampler.epoch(0, distmat)
    assert [row.tolist() for row in sampler.epoch(1, distmat)] == rows(0, 1)
    assert rows(0, 1) != rows(0, 2)
    assert rows(0, 1) != rows(1, 1)
    assert {tuple(sorted(set(labels[row].tolist()))) for row in rows(0, 1, distmat.flip(1))} != {
        tuple(sorted(set(labels[row].tolist()))) for row in rows(0, 1)
    }


def test_representatives_are_one_random_picture_of_each_identity_in_ascending_order():
    labels = labels_of(5, 6, 7) * 10
    batches = GraphBatches(labels, batch_size=4)
    drawn = torch.stack([batches.representatives(epoch) for epoch in range(40)])
    assert (labels[drawn] == torch.tensor([0, 10, 20])).all()
    assert [len(set(column.tolist())) for column in drawn.T] == [5, 6, 7]
    assert torch.equal(batches.representatives(7), GraphBatches(labels, batch_size=4).representatives(7))


def test_length_is_one_batch_an_identity():
    assert len(GraphBatches(labels_of(2, 2, 2), batch_size=4)) == 3


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"batch_size": 5}, "multiple of images_per_identity"),
        ({"batch_size": 2}, "at least two identities"),
        ({"batch_size": 8}, "needs 4 identities, got 3; lower batch_size"),
        ({"batch_size": 4, "images_per_identity": 0}, "multiple of images_per_identity"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        GraphBatches(labels_of(2, 2, 2), **sizes)


def test_distances_of_another_number_of_identities_are_refused():
    with pytest.raises(ValueError, match=r"distmat must be \[3, 3\], identity to identity, got \[4, 4\]"):
        GraphBatches(labels_of(2, 2, 2), batch_size=4).epoch(0, random_distances(4))
