"""Every explainer that makes maps: planted evidence found with the right sign and size, nothing elsewhere."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from whyreid.explain import (
    FeatureAblationExplainer,
    GradCamExplainer,
    IntegratedGradientsExplainer,
    OcclusionExplainer,
    PairExplainer,
    SbsmExplainer,
    TargetDistance,
    explain_in_chunks,
    filling,
    grid_segments,
    sbsm_saliency,
    score_pairs,
)
from whyreid.explain.saliency_sbsm import sliding_windows
from whyreid.models import thin_network
from whyreid.models.qaconv_features import thin_qaconv
from whyreid.truth.known_evidence import constant_target, patch_target

SIZE = (32, 16)
ROWS, COLUMNS = slice(8, 16), slice(4, 8)
WINDOW = (8, 4)


def target():
    """Reads the red of a patch of two cells of 4 x 4 pixels: embedding = 2 x its mean red."""
    return patch_target(ROWS, COLUMNS, size=SIZE, cell=4)


def picture(red: float, *, elsewhere: float = 0.7) -> Tensor:
    image = torch.full((1, 3, *SIZE), elsewhere)
    image[0, 0, ROWS, COLUMNS] = red
    return image


EXPLAINERS = {
    "integrated gradients": lambda model: IntegratedGradientsExplainer(model, steps=8),
    "grad-cam": GradCamExplainer,
    "occlusion": lambda model: OcclusionExplainer(model, window=WINDOW, stride=WINDOW),
    "occlusion, overlapping": lambda model: OcclusionExplainer(model, window=WINDOW, stride=(4, 2)),
    "ablation": lambda model: FeatureAblationExplainer(model, grid=(4, 4)),
    "sbsm": lambda model: SbsmExplainer(model, window=WINDOW, stride=WINDOW),
    "sbsm, overlapping": lambda model: SbsmExplainer(model, window=WINDOW, stride=(4, 2)),
    "occlusion, blur": lambda model: OcclusionExplainer(model, window=WINDOW, stride=WINDOW, fill="blur"),
    "ablation, blur": lambda model: FeatureAblationExplainer(model, grid=(4, 4), fill="blur"),
    "sbsm, blur": lambda model: SbsmExplainer(model, window=WINDOW, stride=WINDOW, fill="blur"),
    "integrated gradients, blur": lambda model: IntegratedGradientsExplainer(model, steps=8, fill="blur"),
}
OVERLAPPING = [name for name in EXPLAINERS if "overlapping" in name]


def patch_and_rest(maps: Tensor) -> tuple[float, float]:
    """Sum over the patch, and sum of absolute values elsewhere, of a map at any size that divides the picture's."""
    high, wide = (length // side for length, side in zip(SIZE, maps.shape[2:], strict=True))
    inside = maps[0, 0, ROWS.start // high : ROWS.stop // high, COLUMNS.start // wide : COLUMNS.stop // wide]
    return float(inside.sum()), float(maps.abs().sum() - inside.abs().sum())


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_patch_that_is_redder_sets_apart_and_the_paler_one_holds_together(name):
    explanation = EXPLAINERS[name](target()).explain(picture(2.0), picture(0.5))
    assert isinstance(EXPLAINERS[name](target()), PairExplainer)
    assert explanation.score.item() == pytest.approx(3.0)
    query, query_rest = patch_and_rest(explanation.query_maps)
    gallery, gallery_rest = patch_and_rest(explanation.gallery_maps)
    assert query > 0.1
    assert gallery < -0.001 or "blur" in name  # blurred, the paler patch gets redder or paler with its surroundings
    if name not in OVERLAPPING:
        assert query_rest == pytest.approx(0, abs=1e-5)
        assert gallery_rest == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "query", "gallery"),
    [
        ("integrated gradients", 4.0, -1.0),  # its embedding, the distance of two grey pictures being 0
        ("grad-cam", 4.0, -1.0),
        ("occlusion", 2.0, -1.0),  # |4 - 1| - |0 - 1| and |4 - 1| - |4 - 0|
        ("ablation", 2.0, -1.0),
        ("sbsm", 2.0, -1.0),
    ],
)
def test_hand_worked_effects(name, query, gallery):
    explanation = EXPLAINERS[name](target()).explain(picture(2.0), picture(0.5))
    assert patch_and_rest(explanation.query_maps)[0] == pytest.approx(query, abs=1e-4)
    assert patch_and_rest(explanation.gallery_maps)[0] == pytest.approx(gallery, abs=1e-4)


@pytest.mark.parametrize("name", OVERLAPPING)
def test_overlapping_windows_peak_at_the_patch_and_reach_no_further_than_a_window(name):
    explanation = EXPLAINERS[name](target()).explain(picture(2.0), picture(0.5))
    for maps, sign in ((explanation.query_maps, 1), (explanation.gallery_maps, -1)):
        peak = (sign * maps).flatten().argmax().item()
        assert ROWS.start <= peak // SIZE[1] < ROWS.stop
        assert COLUMNS.start <= peak % SIZE[1] < COLUMNS.stop
        far = maps.clone()
        far[:, :, ROWS.start - 7 : ROWS.stop + 7, COLUMNS.start - 3 : COLUMNS.stop + 3] = 0
        assert far.abs().max() < 1e-6


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_constant_model_is_explained_by_nothing(name):
    explanation = EXPLAINERS[name](constant_target(size=SIZE, cell=4)).explain(picture(2.0), picture(0.5))
    for values in (explanation.score, explanation.query_maps, explanation.gallery_maps, explanation.remainder):
        assert not values.any()


@pytest.mark.parametrize("name", EXPLAINERS)
def test_swapping_the_pictures_swaps_the_maps(name):
    query, gallery = torch.randn(2, 2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    one, other = (EXPLAINERS[name](target()).explain(*pair) for pair in ((query, gallery), (gallery, query)))
    torch.testing.assert_close(one.query_maps, other.gallery_maps, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one.gallery_maps, other.query_maps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_pairs_do_not_see_each_other_and_the_batch_size_changes_nothing(name):
    model = thin_network(widths=(4, 4, 6, 6), depths=(1, 1, 1), image_size=SIZE)
    query, gallery = torch.randn(2, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    explainer = EXPLAINERS[name](model)
    whole = explainer.explain(query, gallery)
    if hasattr(explainer, "batch_size"):
        explainer.batch_size = 2
    alone = explain_in_chunks(explainer, query, gallery, chunk=1)
    torch.testing.assert_close(whole.query_maps, alone.query_maps, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(whole.gallery_maps, alone.gallery_maps, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_nothing_is_left_behind_and_nothing_is_said(name):
    model = thin_network(widths=(4, 4, 6, 6), depths=(1, 1, 1), image_size=SIZE).train()
    wanted = [parameter.requires_grad for parameter in model.parameters()]
    query, gallery = torch.randn(2, 2, 3, *SIZE, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explanation = EXPLAINERS[name](model).explain(query, gallery)
    assert not explanation.query_maps.requires_grad
    assert not explanation.score.requires_grad
    assert [parameter.requires_grad for parameter in model.parameters()] == wanted
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(part.training for part in model.modules())
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())


@pytest.mark.parametrize("squared", [False, True])
def test_integrated_gradients_add_up_and_the_remainder_is_what_does_not(squared):
    model = thin_network(widths=(4, 4, 6, 6), depths=(1, 1, 1), image_size=SIZE)
    with torch.no_grad():  # biases, as a trained network has: without any, a cosine target ignores contrast
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
                part.bias.normal_(generator=torch.Generator().manual_seed(0))
    query, gallery = torch.randn(2, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    gaps = []
    for steps in (4, 256):
        explainer = IntegratedGradientsExplainer(TargetDistance(model, squared=squared), steps=steps)
        explanation = explainer.explain(query, gallery)
        total = explanation.query_maps.sum(dim=(1, 2, 3)) + explanation.gallery_maps.sum(dim=(1, 2, 3))
        torch.testing.assert_close(total + explanation.remainder, explanation.score)
        gaps.append((explanation.remainder / explanation.score).abs().mean().item())
    assert gaps[1] < 0.02
    assert gaps[1] < gaps[0]


def test_the_remainder_of_blurred_baselines_holds_their_distance():
    query, gallery = torch.randn(2, 1, 3, *SIZE, generator=torch.Generator().manual_seed(3))
    explainer = IntegratedGradientsExplainer(target(), steps=64, fill="blur")
    explanation = explainer.explain(query, gallery)
    blurred = (filling(images, "blur", explainer.score.image_input) for images in (query, gallery))
    torch.testing.assert_close(explanation.remainder, score_pairs(explainer.score, *blurred), rtol=0.1, atol=0.02)


def test_grad_cam_equals_gradient_times_map():
    model = thin_network(widths=(4, 4, 6, 6), depths=(1, 1, 1), image_size=SIZE).eval()
    query, gallery = torch.randn(2, 2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    found = GradCamExplainer(model).explain(query, gallery)
    score = TargetDistance(model)
    maps = model.feature_map(gallery).detach().requires_grad_()
    score.compare(score.represent(query), score.from_feature_map(maps)).sum().backward()
    expected = (maps.grad.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True)
    torch.testing.assert_close(found.gallery_maps, expected.detach())
    assert found.gallery_maps.min() < 0


def test_occlusion_equals_a_loop_over_windows():
    model = target()
    query, gallery = torch.randn(2, 1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    found = OcclusionExplainer(model, window=WINDOW, stride=(4, 2)).explain(query, gallery)
    total, covered = torch.zeros(SIZE), torch.zeros(SIZE)
    for top in range(0, SIZE[0] - 8 + 1, 4):
        for left in range(0, SIZE[1] - 4 + 1, 2):
            hidden = gallery.clone()
            hidden[:, :, top : top + 8, left : left + 4] = 0
            effect = found.score - (model(query).embedding - model(hidden).embedding).norm(dim=1)
            total[top : top + 8, left : left + 4] += effect.item() / 32
            covered[top : top + 8, left : left + 4] += 1
    torch.testing.assert_close(found.gallery_maps[0, 0], total / covered, rtol=1e-4, atol=1e-6)


def test_sbsm_without_overlap_is_occlusion_and_the_rectified_form_keeps_what_holds_together():
    query, gallery = torch.randn(2, 2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    occlusion = EXPLAINERS["occlusion"](target()).explain(query, gallery)
    signed = EXPLAINERS["sbsm"](target()).explain(query, gallery)
    rectified = SbsmExplainer(target(), form="rectified", window=WINDOW, stride=WINDOW).explain(query, gallery)
    torch.testing.assert_close(signed.gallery_maps, occlusion.gallery_maps)
    torch.testing.assert_close(rectified.gallery_maps, signed.gallery_maps.clamp_max(0))


def test_sbsm_rectifies_each_window_before_the_mean():
    windows = sliding_windows((1, 3), (1, 2), (1, 1))
    rise = torch.tensor([[0.0, 2.0, -1.0, 0.0]])
    torch.testing.assert_close(sbsm_saliency(rise, windows), torch.tensor([[[1.0, 0.5, -0.5]]]))
    rectified = sbsm_saliency(rise, windows, form="rectified")
    torch.testing.assert_close(rectified, torch.tensor([[[1.0, 1.0, 0.0]]]))
    assert (windows.sum(dim=0) == 2).all()


def test_every_pixel_lies_in_as_many_windows_when_the_stride_divides_the_window():
    assert sliding_windows((32, 16), (8, 4), (4, 2)).sum(dim=0).unique().tolist() == [4]
    assert sliding_windows((30, 15), (8, 4), (4, 4)).sum(dim=0).unique().tolist() == [2]


def test_a_similarity_is_raised_where_the_map_is_positive():
    model = thin_qaconv(neck=4, widths=(4, 4, 6, 6), depths=(1, 1, 1), image_size=SIZE)
    query, gallery = torch.rand(2, 2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    names = ("occlusion", "ablation", "sbsm")
    maps = [EXPLAINERS[name](model).explain(query, gallery) for name in names]
    assert {explanation.kind for explanation in maps} == {"similarity"}
    torch.testing.assert_close(maps[0].query_maps, maps[2].query_maps, rtol=1e-4, atol=1e-7)
    hidden = gallery.clone()
    hidden[:, :, :8, :4] = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    with torch.no_grad():
        model.eval()
        after = model.matcher(model(query), model(hidden)).diagonal()
    top_left = maps[1].gallery_maps[:, 0, :8, :4].sum(dim=(1, 2))
    torch.testing.assert_close(top_left, maps[1].score - after, rtol=1e-3, atol=1e-6)


def test_segments_of_pairs_are_hidden_whole_and_each_sums_to_its_effect():
    patch = torch.zeros(2, *SIZE, dtype=torch.int64)
    patch[0, ROWS, COLUMNS] = 9
    patch[1, ROWS.start : ROWS.start + 4, COLUMNS] = 4  # half of the patch: effect 3 - |2 - 1|
    query, gallery = picture(2.0).repeat(2, 1, 1, 1), picture(0.5).repeat(2, 1, 1, 1)
    explanation = FeatureAblationExplainer(target()).for_pairs(patch, torch.zeros_like(patch)).explain(query, gallery)
    sums = [explanation.query_maps[pair, 0][patch[pair] > 0].sum().item() for pair in (0, 1)]
    assert sums == pytest.approx([2.0, 2.0])
    assert explanation.query_maps[1, 0][patch[1] == 0].sum().item() == pytest.approx(2.0)  # the rest holds the half
    assert explanation.gallery_maps.sum(dim=(1, 2, 3)).tolist() == pytest.approx([-1.0, -1.0])


def test_segments_of_other_pairs_are_refused():
    bound = FeatureAblationExplainer(target()).for_pairs(*torch.zeros(2, 3, *SIZE, dtype=torch.int64))
    with pytest.raises(ValueError, match="exactly these pairs"):
        bound.explain(picture(1.0), picture(0.0))


def test_a_grid_that_does_not_divide_the_picture_still_covers_it():
    assert grid_segments((5, 3), (2, 2)).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 1], [2, 2, 3], [2, 2, 3]]
    assert grid_segments((2, 2), (9, 9)).unique().numel() == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OcclusionExplainer(target(), fill="black"), "mean, blur"),
        (lambda: OcclusionExplainer(target(), window=(4, 4), stride=(5, 4)), "stride be in 1..window"),
        (lambda: OcclusionExplainer(target(), window=(64, 4)), "fit into"),
        (lambda: SbsmExplainer(target(), form="squared"), '"signed" or "rectified"'),
        (lambda: IntegratedGradientsExplainer(target(), steps=0), "at least 1"),
        (lambda: FeatureAblationExplainer(target(), grid=(0, 2)), "at least 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_grad_cam_needs_a_target():
    with pytest.raises(TypeError, match="needs a feature map"):
        GradCamExplainer(thin_qaconv(neck=4, widths=(4, 4, 6, 6), depths=(1, 1, 1), image_size=SIZE))
