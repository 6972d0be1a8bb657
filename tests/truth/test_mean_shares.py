from __future__ import annotations

import pytest
import torch

from whyreid.models import attribute_distances
from whyreid.truth import mean_shares


def random_case(seed=0):
    generator = torch.Generator().manual_seed(seed)
    query, gallery = (torch.randn(n, 4, 3, generator=generator) for n in (5, 7))
    has, has_gallery = (torch.rand(n, 4, generator=generator) > 0.5 for n in (5, 7))
    return query, gallery, has, has_gallery


def test_means_are_those_of_a_loop_over_pairs():
    query, gallery, has, has_gallery = random_case()
    shares = attribute_distances(query, gallery)
    shares = shares / shares.sum(dim=2, keepdim=True)
    found = mean_shares(query, gallery, has, has_gallery)
    for a in range(4):
        parts = {True: [], False: []}
        for q in range(5):
            for g in range(7):
                parts[bool(has[q, a] != has_gallery[g, a])].append(float(shares[q, g, a]))
        every = parts[True] + parts[False]
        assert float(found.overall[a]) == pytest.approx(sum(every) / 35, rel=1e-5)
        assert float(found.exclusive[a]) == pytest.approx(sum(parts[True]) / len(parts[True]), rel=1e-5)
        assert float(found.common[a]) == pytest.approx(sum(parts[False]) / len(parts[False]), rel=1e-5)
        assert float(found.differing[a]) == pytest.approx(len(parts[True]) / 35)


def test_chunks_and_scale_change_nothing_and_shares_add_up():
    query, gallery, has, has_gallery = random_case()
    found = mean_shares(query, gallery, has, has_gallery)
    other = mean_shares(10 * query, 10 * gallery, has, has_gallery, query_chunk=2)
    torch.testing.assert_close(found.overall, other.overall, rtol=1e-4, atol=1e-6)
    assert float(found.overall.sum()) == pytest.approx(1)


def test_what_never_or_always_differs_is_undefined_on_that_side():
    query, gallery, has, has_gallery = random_case()
    has[:, 0], has_gallery[:, 0] = True, True
    has[:, 1], has_gallery[:, 1] = True, False
    found = mean_shares(query, gallery, has, has_gallery)
    assert found.exclusive.isnan().tolist() == [True, False, False, False]
    assert found.common.isnan().tolist() == [False, True, False, False]


def test_labels_of_another_shape_are_refused():
    query, gallery, has, has_gallery = random_case()
    with pytest.raises(ValueError, match=r"gallery_attributes must be \[7, 4\]"):
        mean_shares(query, gallery, has, has_gallery[:, :3])
    with pytest.raises(TypeError, match="query_attributes must be bool"):
        mean_shares(query, gallery, has.float(), has_gallery)
