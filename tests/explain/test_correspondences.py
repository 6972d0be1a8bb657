"""Correspondences: parts that add up to the logit, planted evidence, both directions, lines, the explainer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.explain import CorrespondenceExplainer, PairExplainer, find_correspondences, strongest_lines
from whyreid.models import QAConv, QAConvFeatures, QAConvModel

HEIGHT, WIDTH = 4, 3


def unit_maps(count: int, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, 6, HEIGHT, WIDTH, generator=generator, dtype=dtype), dim=1)


def trained_matcher(version: str = "2.1", *, dtype: torch.dtype = torch.float64) -> QAConv:
    generator = torch.Generator().manual_seed(0)
    matcher = QAConv(6, HEIGHT, WIDTH, version=version)
    for value in matcher.state_dict().values():
        if value.is_floating_point():
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return matcher.to(dtype).eval()


class Cells(nn.Module):
    """Six channels: the mean colour of each 16x16 cell, and how far each colour exceeds a half."""

    def forward(self, image: Tensor) -> Tensor:
        colour = F.avg_pool2d(image, 16)
        return torch.cat((colour, (colour - 0.5).relu()), dim=1)


def cell_model() -> QAConvModel:
    """Reads each 16x16 cell of a 64x48 picture by itself, without a neck that mixes neighbours."""
    features = QAConvFeatures(Cells(), 6, neck=6, version="2.1")
    with torch.no_grad():
        features.neck_conv.weight.zero_()
        features.neck_conv.weight[:, :, 1, 1] = torch.eye(6)
        features.neck_conv.bias.zero_()
    return QAConvModel(features, QAConv(6, HEIGHT, WIDTH)).eval()


def picture(*patches: tuple[int, int, tuple[float, float, float]]) -> Tensor:
    """A 64x48 picture of cells that match nothing but themselves (black), with coloured cells at (row, column)."""
    image = torch.zeros(1, 3, 16 * HEIGHT, 16 * WIDTH)
    for row, column, colour in patches:
        image[0, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = torch.tensor(colour)[:, None, None]
    return image


RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@pytest.mark.parametrize("version", ["1.0", "2.1"])
def test_parts_add_up_to_the_logit_of_the_matcher_exactly(version):
    matcher = trained_matcher(version)
    query, gallery = unit_maps(5, seed=1), unit_maps(5, seed=2)
    found = find_correspondences(matcher, query, gallery)
    expected = matcher(query, gallery).diagonal()
    total = found.query_contributions.sum(dim=(1, 2)) + found.gallery_contributions.sum(dim=(1, 2)) + found.bias
    torch.testing.assert_close(found.logit, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(total, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["qaconv_matcher_6x2", "qaconv_matcher_24x8"])
def test_parts_add_up_to_the_scores_of_the_original(vectors, name):
    stored = vectors(name)
    query, gallery = (torch.from_numpy(stored[key]).float() for key in ("prob_fea", "gal_fea"))
    matcher = QAConv(*query.shape[1:]).eval()
    matcher.load_state_dict({key[3:]: torch.from_numpy(stored[key]) for key in stored if key.startswith("sd_")})
    q, g = torch.cartesian_prod(torch.arange(6), torch.arange(7)).T
    found = find_correspondences(matcher, query[q], gallery[g])
    total = found.query_contributions.sum(dim=(1, 2)) + found.gallery_contributions.sum(dim=(1, 2)) + found.bias
    np.testing.assert_allclose(total.detach().reshape(6, 7), stored["score"], rtol=1e-4, atol=1e-5)


def test_matches_and_similarities_equal_a_loop():
    query, gallery = unit_maps(3, seed=1), unit_maps(3, seed=2)
    found = find_correspondences(trained_matcher(), query, gallery)
    for pair in range(3):
        similarities = query[pair].flatten(1).T @ gallery[pair].flatten(1)
        for here in range(HEIGHT * WIDTH):
            row, column = divmod(here, WIDTH)
            assert found.query_matches[pair, row, column] == similarities[here].argmax()
            assert found.gallery_matches[pair, row, column] == similarities[:, here].argmax()
            assert found.query_similarity[pair, row, column] == pytest.approx(similarities[here].max().item())
            assert found.gallery_similarity[pair, row, column] == pytest.approx(similarities[:, here].max().item())


def test_hand_worked_contributions():
    matcher = QAConv(2, 1, 2).eval()
    matcher.bn.eps = matcher.logit_bn.eps = 0.0
    with torch.no_grad():
        matcher.fc.weight.copy_(torch.tensor([[1.0, 10.0]]))
        matcher.fc.bias.fill_(0.5)
        matcher.bn.running_mean.fill_(0.5)
        matcher.logit_bn.running_var.fill_(4.0)
        matcher.logit_bn.bias.fill_(3.0)
    query = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    gallery = torch.tensor([[[[0.6, 0.0]], [[0.8, 1.0]]]])
    found = find_correspondences(matcher, query, gallery)
    # best of the query 0.6 (first), 1.0 (second); of the gallery 0.8 (second), 1.0 (second); minus 0.5, weighed, halved
    torch.testing.assert_close(found.query_contributions, torch.tensor([[[0.05, 2.5]]]))
    torch.testing.assert_close(found.gallery_contributions, torch.tensor([[[0.15, 2.5]]]))
    assert found.bias.item() == pytest.approx(3.0 + 2 * 0.5 / 2)
    assert (found.query_matches.tolist(), found.gallery_matches.tolist()) == ([[[0, 1]]], [[[1, 1]]])
    assert found.mutual().tolist() == [[[False, True]]]


def test_planted_patches_find_each_other_wherever_they_are():
    query, gallery = picture((0, 0, RED), (3, 1, GREEN)), picture((1, 2, GREEN), (2, 0, RED))
    model = cell_model()
    found = find_correspondences(model.matcher, model(query), model(gallery))
    assert found.query_matches[0, 0, 0] == 2 * WIDTH + 0
    assert found.query_matches[0, 3, 1] == 1 * WIDTH + 2
    assert found.gallery_matches[0, 2, 0] == 0
    assert found.mutual()[0].nonzero().tolist() == [[0, 0], [3, 1]]


def test_planted_evidence_is_where_the_map_peaks():
    explanation = CorrespondenceExplainer(cell_model()).explain(picture((2, 1, RED)), picture((0, 2, RED)))
    for maps, place in ((explanation.query_maps, 2 * WIDTH + 1), (explanation.gallery_maps, 2)):
        assert maps[0, 0].argmax() == place
        others = maps[0, 0].flatten()[torch.arange(HEIGHT * WIDTH) != place]
        assert maps.max() > others.max() + 0.05  # every other cell is black and matches nothing


def test_explainer_meets_the_protocol_and_its_maps_add_up():
    explainer = CorrespondenceExplainer(cell_model())
    assert isinstance(explainer, PairExplainer)
    query, gallery = torch.rand(3, 3, 64, 48), torch.rand(3, 3, 64, 48)
    explanation = explainer.explain(query, gallery)
    assert (explanation.kind, explanation.closer_is) == ("similarity", "higher")
    expected = explainer.model.matcher(explainer.model(query), explainer.model(gallery)).diagonal()
    torch.testing.assert_close(explanation.score, expected)
    for column, maps in enumerate((explanation.query_maps, explanation.gallery_maps)):
        torch.testing.assert_close(maps.sum(dim=(1, 2, 3)), explanation.contributions[:, column])
    torch.testing.assert_close(explanation.contributions.sum(dim=1) + explanation.remainder, explanation.score)


def test_the_remainder_is_the_same_for_every_pair_so_the_parts_explain_the_ranking():
    explanation = CorrespondenceExplainer(cell_model()).explain(torch.rand(5, 3, 64, 48), torch.rand(5, 3, 64, 48))
    assert explanation.remainder.unique().numel() == 1


def test_a_batch_equals_its_pairs_one_by_one_also_beyond_a_chunk():
    matcher = trained_matcher()
    query, gallery = unit_maps(130, seed=1), unit_maps(130, seed=2)
    whole = find_correspondences(matcher, query, gallery)
    for pair in (0, 63, 64, 129):
        alone = find_correspondences(matcher, query[pair : pair + 1], gallery[pair : pair + 1])
        for field in ("logit", "query_contributions", "gallery_matches", "query_similarity"):
            torch.testing.assert_close(getattr(whole, field)[pair], getattr(alone, field)[0])


def test_swapping_the_pictures_swaps_the_sides():
    query, gallery = unit_maps(3, seed=1), unit_maps(3, seed=2)
    found = find_correspondences(trained_matcher(), query, gallery)
    swapped = find_correspondences(trained_matcher(), gallery, query)
    torch.testing.assert_close(found.logit, swapped.logit)
    torch.testing.assert_close(found.query_contributions, swapped.gallery_contributions)
    assert torch.equal(found.query_matches, swapped.gallery_matches)


def test_lines_are_the_greatest_contributions_between_cell_centres():
    query, gallery = picture((0, 0, RED), (3, 1, GREEN)), picture((1, 2, GREEN), (2, 0, RED))
    model = cell_model()
    found = find_correspondences(model.matcher, model(query), model(gallery))
    for side, starts, ends in (
        ("query", [(0, 0), (3, 1)], [(2, 0), (1, 2)]),
        ("gallery", [(1, 2), (2, 0)], [(3, 1), (0, 0)]),
    ):
        lines = strongest_lines(found, 2, side=side)
        for drawn, cells in ((lines.start, starts), (lines.end, ends)):
            centres = torch.tensor([((row + 0.5) / HEIGHT, (column + 0.5) / WIDTH) for row, column in cells])
            torch.testing.assert_close(drawn[0], centres)
        torch.testing.assert_close(lines.contribution.diff(dim=1).clamp(min=0), torch.zeros(1, 1))


def test_all_lines_together_hold_the_whole_sum():
    found = find_correspondences(trained_matcher(), unit_maps(3, seed=1), unit_maps(3, seed=2))
    lines = strongest_lines(found, HEIGHT * WIDTH)
    torch.testing.assert_close(lines.contribution.sum(dim=1), found.query_contributions.sum(dim=(1, 2)))
    assert lines.contribution.diff(dim=1).le(0).all()


def test_other_weights_give_another_map():
    query, gallery = unit_maps(2, seed=1), unit_maps(2, seed=2)
    one, other = trained_matcher(), trained_matcher()
    with torch.no_grad():
        other.fc.weight.copy_(other.fc.weight.flip(1))
    first, second = (find_correspondences(matcher, query, gallery).query_contributions for matcher in (one, other))
    assert not torch.allclose(first, second)


def test_constant_pictures_give_finite_maps():
    explanation = CorrespondenceExplainer(cell_model()).explain(torch.zeros(2, 3, 64, 48), torch.ones(2, 3, 64, 48))
    assert explanation.query_maps.isfinite().all()
    assert explanation.query_maps.std() == 0


def test_training_flags_gradients_and_statistics_are_left_alone():
    model = cell_model().train()
    model.features.neck_conv.eval()
    flags = [part.training for part in model.modules()]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    explanation = CorrespondenceExplainer(model).explain(torch.rand(2, 3, 64, 48), torch.rand(2, 3, 64, 48))
    assert not explanation.score.requires_grad
    with pytest.raises(ValueError, match="one map a pair"):
        CorrespondenceExplainer(model).explain(torch.rand(2, 3, 64, 48), torch.rand(1, 3, 64, 48))
    assert [part.training for part in model.modules()] == flags
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_wrong_input_is_refused_with_the_fix():
    matcher, maps = trained_matcher(), unit_maps(2)
    with pytest.raises(TypeError, match=r"query_maps must be .* pass torch.from_numpy\(query_maps\)"):
        find_correspondences(matcher, maps.numpy(), maps)
    with pytest.raises(ValueError, match=r"gallery_maps must be \[P, 6, 4, 3\], got \[2, 5, 4, 3\]"):
        find_correspondences(matcher, maps, maps[:, :5])
    with pytest.raises(ValueError, match="got 2 and 1; repeat the query's map"):
        find_correspondences(matcher, maps, maps[:1])
    found = find_correspondences(matcher, maps, maps)
    with pytest.raises(ValueError, match=r"k must be in 1..12, the locations of the map, got 13"):
        strongest_lines(found, 13)
    with pytest.raises(ValueError, match='side must be "query" or "gallery", got \'both\''):
        strongest_lines(found, 1, side="both")
