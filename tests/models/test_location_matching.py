"""Best matches of locations: against plain loops, with their gradients, in any tiling, precision and device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.models.location_matching import _index_dtype, location_rows, match_locations


def unit_maps(count: int, *, channels: int = 5, height: int = 3, width: int = 2, seed: int = 0, **kind) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, channels, height, width, generator=generator, **kind), dim=1)


def best_matches_reference(query_maps: Tensor, gallery_maps: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, one location at a time."""
    locations = query_maps.shape[2] * query_maps.shape[3]
    for_query = query_maps.new_empty(len(query_maps), len(gallery_maps), locations)
    for_gallery = torch.empty_like(for_query)
    for q, query in enumerate(query_maps.flatten(2)):
        for g, gallery in enumerate(gallery_maps.flatten(2)):
            for here in range(locations):
                for_query[q, g, here] = max(query[:, here] @ gallery[:, there] for there in range(locations))
                for_gallery[q, g, here] = max(query[:, there] @ gallery[:, here] for there in range(locations))
    return for_query, for_gallery


def plain(query_maps: Tensor, gallery_maps: Tensor) -> tuple[Tensor, Tensor]:
    """The definition through PyTorch's own maxima, whose gradients PyTorch takes."""
    similarities = torch.einsum("qcs,gcr->qgsr", query_maps.flatten(2), gallery_maps.flatten(2))
    return similarities.max(dim=3).values, similarities.max(dim=2).values


def test_hand_worked_pair_of_two_locations():
    # query locations: (1, 0) and (0, 1); gallery locations: (0.6, 0.8) and (0, 1)
    query = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    gallery = torch.tensor([[[[0.6, 0.0]], [[0.8, 1.0]]]])
    # similarities: query 1 -> 0.6, 0.0; query 2 -> 0.8, 1.0
    for_query, for_gallery = match_locations(query, gallery)
    torch.testing.assert_close(for_query, torch.tensor([[[0.6, 1.0]]]))
    torch.testing.assert_close(for_gallery, torch.tensor([[[0.8, 1.0]]]))


@pytest.mark.parametrize("tile", [1, 40, 100, 10_000, None])
def test_maxima_equal_a_loop_over_locations_in_every_tiling(tile):
    query, gallery = unit_maps(4, seed=1), unit_maps(5, seed=2)
    for found, expected in zip(
        match_locations(query, gallery, tile_similarities=tile), best_matches_reference(query, gallery), strict=True
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("tile", [1, 90, 300, None])
def test_gradients_equal_those_of_plain_maxima_in_every_tiling(tile, monkeypatch):
    monkeypatch.setattr("whyreid.models.location_matching._BACKWARD_ENTRIES", 100)
    query = unit_maps(4, seed=1, dtype=torch.float64).requires_grad_()
    gallery = unit_maps(5, seed=2, dtype=torch.float64).requires_grad_()
    weights = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    losses = [
        (torch.stack(pair) * weights).sum()
        for pair in (match_locations(query, gallery, tile_similarities=tile), plain(query, gallery))
    ]
    for found, expected in zip(*(torch.autograd.grad(loss, (query, gallery)) for loss in losses), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("tile", [1, 90, 300, None])
def test_a_batch_against_itself_equals_a_batch_against_its_copy(tile):
    maps = unit_maps(5, seed=4, dtype=torch.float64).requires_grad_()
    weights = torch.randn(2, 5, 5, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    found = torch.stack(match_locations(maps, maps, tile_similarities=tile))
    expected = torch.stack(match_locations(maps, maps.clone(), tile_similarities=tile))
    torch.testing.assert_close(found, expected)
    for gradient, reference in zip(
        torch.autograd.grad((found * weights).sum(), maps),
        torch.autograd.grad((expected * weights).sum(), maps),
        strict=True,
    ):
        torch.testing.assert_close(gradient, reference)


def test_gradcheck_in_double_precision():
    query = unit_maps(2, channels=3, seed=6, dtype=torch.float64).requires_grad_()
    gallery = unit_maps(3, channels=3, seed=7, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(match_locations, (query, gallery))


def test_only_the_side_that_needs_a_gradient_gets_one():
    query, gallery = unit_maps(2, seed=1).requires_grad_(), unit_maps(2, seed=2)
    match_locations(query, gallery)[0].sum().backward()
    assert query.grad is not None
    assert gallery.grad is None


def test_of_equal_maxima_one_location_gets_the_whole_gradient():
    same = torch.ones(1, 1, 2, 2, requires_grad=True)
    match_locations(same[:, :, :1], same[:, :, 1:])[0].sum().backward()
    # each of the two query locations meets the first of two equal gallery locations
    assert same.grad.flatten().tolist() == [1.0, 1.0, 2.0, 0.0]


def test_swapping_query_and_gallery_swaps_the_results():
    query, gallery = unit_maps(3, seed=1), unit_maps(4, seed=2)
    for_query, for_gallery = match_locations(query, gallery)
    swapped = match_locations(gallery, query)
    torch.testing.assert_close(for_query, swapped[1].transpose(0, 1))
    torch.testing.assert_close(for_gallery, swapped[0].transpose(0, 1))


def test_a_permutation_of_the_gallery_permutes_the_results():
    query, gallery = unit_maps(3, seed=1), unit_maps(6, seed=2)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    for found, expected in zip(match_locations(query, gallery[order]), match_locations(query, gallery), strict=True):
        torch.testing.assert_close(found, expected[:, order])


def test_channels_last_maps_give_the_same_and_are_not_copied():
    query, gallery = unit_maps(3, seed=1), unit_maps(4, seed=2)
    last = query.contiguous(memory_format=torch.channels_last)
    assert location_rows(last).data_ptr() == last.data_ptr()
    for found, expected in zip(match_locations(last, gallery), match_locations(query, gallery), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_every_precision_is_as_near_as_its_rounding(dtype, device):
    query, gallery = unit_maps(3, seed=1).to(device), unit_maps(4, seed=2).to(device)
    found = match_locations(query.to(dtype), gallery.to(dtype))
    tolerance = 4 * torch.finfo(dtype).eps
    for similarity, exact in zip(found, match_locations(query.double(), gallery.double()), strict=True):
        torch.testing.assert_close(similarity.double(), exact, rtol=0, atol=max(tolerance, 1e-6))


def test_float16_on_a_cpu_is_computed_in_float32():
    maps = unit_maps(2, seed=1).half()
    assert match_locations(maps, maps)[0].dtype == torch.float32


def test_autocast_decides_the_precision_and_gradients_come_back_in_the_maps_own(device):
    query = unit_maps(3, seed=1).to(device).requires_grad_()
    gallery = unit_maps(4, seed=2).to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        for_query, _ = match_locations(query, gallery)
    assert for_query.dtype == torch.bfloat16
    for_query.sum().backward()
    assert query.grad.dtype == torch.float32
    torch.testing.assert_close(for_query.float(), match_locations(query, gallery)[0], rtol=0, atol=0.02)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_values_and_gradients_as_the_cpu():
    maps = [unit_maps(count, channels=16, height=6, width=4, seed=count) for count in (5, 7)]
    results = []
    for place in ("cpu", "cuda"):
        query, gallery = (part.to(place, torch.float64).requires_grad_() for part in maps)
        best = torch.stack(match_locations(query, gallery))
        results.append([part.cpu() for part in (best, *torch.autograd.grad(best.square().sum(), (query, gallery)))])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("queries", "gallery"), [(0, 3), (3, 0), (0, 0)])
def test_no_pictures_give_empty_results_and_zero_gradients(queries, gallery):
    maps = unit_maps(queries).requires_grad_(), unit_maps(gallery).requires_grad_()
    best = match_locations(*maps)
    assert [part.shape for part in best] == [(queries, gallery, 6)] * 2
    torch.stack(best).sum().backward()
    assert all(part.grad.shape == part.shape and not part.grad.any() for part in maps)


def test_what_is_kept_for_the_backward_pass_does_not_hold_the_similarities():
    query, gallery = unit_maps(8, height=8, width=4).requires_grad_(), unit_maps(8, height=8, width=4, seed=1)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel() * x.element_size()) or x, lambda x: x
    ):
        match_locations(query, gallery)
    maps = 2 * 4 * query.numel()
    assert sum(kept) == maps + 8 * 8 * 2 * 32 * 2  # the maps, and two bytes a location and direction of each pair


@pytest.mark.parametrize(("locations", "dtype"), [(32767, torch.int16), (32768, torch.int32)])
def test_the_type_of_the_kept_numbers_holds_every_location(locations, dtype):
    assert _index_dtype(locations) == dtype
    assert torch.iinfo(dtype).max >= locations - 1


def test_numpy_is_refused_with_the_fix():
    with pytest.raises(TypeError, match=r"query_maps must be a torch.Tensor, got numpy.ndarray; pass torch.from_numpy"):
        match_locations(np.zeros((1, 2, 3, 2), dtype=np.float32), unit_maps(1))


def test_pooled_features_and_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"gallery_maps must be \[N, C, h, w\], got \[2, 5\]; keep the feature map"):
        match_locations(unit_maps(1), torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"share \[C, h, w\], got \[5, 3, 2\] and \[5, 4, 2\]"):
        match_locations(unit_maps(1), unit_maps(1, height=4))
    with pytest.raises(TypeError, match=r"floating-point numbers, got torch.int64; convert it with .float\(\)"):
        match_locations(unit_maps(1), torch.zeros(1, 5, 3, 2, dtype=torch.int64))
