from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from whyreid.data.sampling import IdentityBatches, nearest_identities, relabel, seeded_generator


def labels_with(*counts: int) -> torch.Tensor:
    """Identity i has counts[i] pictures."""
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def sampler(labels: torch.Tensor, p: int, k: int, **more: int) -> IdentityBatches:
    return IdentityBatches(labels, identities_per_batch=p, images_per_identity=k, **more)


def test_seeded_generators_depend_on_every_number_and_on_their_order():
    def first(*numbers: int) -> int:
        return int(torch.randint(2**40, (), generator=seeded_generator(*numbers)))

    drawn = [first(0, 1), first(1, 0), first(0, 0, 1), first(0), first(1), first(-1), first(0, 2)]
    assert len(set(drawn)) == len(drawn)
    assert first(0, 1) == drawn[0]


def test_relabel_numbers_identities_in_ascending_order():
    labels, pids = relabel(torch.tensor([1500, 2, 1500, 7]))
    assert labels.tolist() == [2, 0, 2, 1]
    assert pids.tolist() == [2, 7, 1500]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=12), st.integers(1, 3), st.integers(1, 4), st.integers(0, 99))
def test_a_pass_shows_every_picture_in_batches_of_p_identities_with_k_pictures(counts, p, k, seed):
    labels = labels_with(*counts)
    batches = sampler(labels, p, k, seed=seed)
    one_pass = batches.epoch(0)
    assert len(one_pass) == len(batches) == batches.batches_per_pass
    assert set(torch.cat(one_pass).tolist()) == set(range(len(labels)))
    for rows in one_pass:
        of_identity = labels[rows].reshape(p, k)
        assert (of_identity == of_identity[:, :1]).all()
        assert len(of_identity[:, 0].unique()) == p


def test_pictures_repeat_only_where_an_identity_has_too_few():
    labels = labels_with(1, 2, 5)
    rows = torch.cat(sampler(labels, 3, 4).epoch(0))
    # groups of 4: id 0 shows its picture 4 times, id 1 each of its 2 twice; id 2 has 5 = two groups of 4, so two
    # batches: ids 0 and 1 fill the second one again
    assert torch.bincount(rows[labels[rows] == 0]).tolist() == [8]
    assert torch.bincount(rows[labels[rows] == 1])[1:].tolist() == [4, 4]
    assert sorted(torch.bincount(rows[labels[rows] == 2])[3:].tolist()) == [1, 1, 2, 2, 2]


def test_the_number_of_batches_is_the_lower_bound():
    assert sampler(labels_with(4, 4, 4, 4), 2, 4).batches_per_pass == 2
    assert sampler(labels_with(4, 4, 4, 4, 4), 2, 4).batches_per_pass == 3
    assert sampler(labels_with(40, 4, 4), 2, 4).batches_per_pass == 10  # one identity once a batch


def test_the_order_is_a_function_of_seed_and_epoch():
    labels = labels_with(*[5] * 8)
    a, again, other = sampler(labels, 4, 2, seed=3), sampler(labels, 4, 2, seed=3), sampler(labels, 4, 2, seed=4)
    third = torch.cat(a.epoch(3))
    assert torch.equal(third, torch.cat(again.epoch(3)))
    assert not torch.equal(third, torch.cat(other.epoch(3)))
    assert not torch.equal(third, torch.cat(a.epoch(2)))


def test_epochs_of_any_length_are_cut_from_one_stream_of_passes():
    labels = labels_with(*[6] * 6)
    whole = sampler(labels, 3, 2)
    stream = [rows.tolist() for number in range(3) for rows in whole.epoch(number)]
    short = sampler(labels, 3, 2, batches_per_epoch=4)
    assert len(short) == 4
    assert [rows.tolist() for epoch in range(4) for rows in short.epoch(epoch)] == stream[:16]


def test_it_serves_as_a_batch_sampler():
    labels = labels_with(*[3] * 4)
    batches = sampler(labels, 2, 2, seed=1)
    batches.set_epoch(2)
    loaded = [rows.tolist() for rows in torch.utils.data.DataLoader(range(12), batch_sampler=batches)]
    assert loaded == [rows.tolist() for rows in batches.epoch(2)]


def test_too_few_identities_are_refused():
    with pytest.raises(ValueError, match="identities_per_batch=16 but the table has 3 training identities"):
        IdentityBatches(labels_with(2, 2, 2))
    with pytest.raises(ValueError, match="at least 1 x 1, got 2 x 0"):
        sampler(labels_with(2, 2), 2, 0)


def test_nearest_identities_agree_with_the_graph_sampler(vectors):
    original = vectors("qaconv_graph_sampler")
    expected = torch.from_numpy(original["topk_index"])
    found = nearest_identities(torch.from_numpy(original["dist"]), expected.shape[1])
    assert torch.equal(found, expected)


def test_nearest_identities_never_name_the_identity_itself_and_break_ties_by_order():
    distmat = torch.zeros(4, 4)
    assert nearest_identities(distmat, 3).tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_nearest_identities_refuse_wrong_input():
    with pytest.raises(ValueError, match=r"must be \[I, I\], got \[2, 3\]"):
        nearest_identities(torch.zeros(2, 3), 1)
    with pytest.raises(ValueError, match=r"1\.\.2 for 3 identities, got 3"):
        nearest_identities(torch.zeros(3, 3), 3)
    with pytest.raises(TypeError, match=r"torch\.as_tensor"):
        nearest_identities(np.zeros((3, 3)), 1)
