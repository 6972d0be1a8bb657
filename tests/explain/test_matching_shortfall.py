"""What each location lacks of a perfect match: sums, planted evidence, both ends of the same summands."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.explain import CorrespondenceExplainer, PairExplainer
from whyreid.explain.matching_shortfall import ShortfallExplainer
from whyreid.models import QAConv, QAConvFeatures, QAConvModel
from whyreid.models.qaconv_features import thin_qaconv

ROWS, COLUMNS = 4, 2


class Cells(nn.Module):
    """The colour of each 8x8 cell."""

    def forward(self, image: Tensor) -> Tensor:
        return F.avg_pool2d(image, 8)


def cell_model() -> QAConvModel:
    """Reads each 8x8 cell of a 32x16 picture by itself; its logit is the mean best cosine of both directions."""
    features = QAConvFeatures(Cells(), 3, neck=3, version="2.1")
    with torch.no_grad():
        features.neck_conv.weight.zero_()
        features.neck_conv.weight[:, :, 1, 1] = torch.eye(3)
        features.neck_conv.bias.zero_()
    return QAConvModel(features, QAConv(3, ROWS, COLUMNS)).eval()


def red_picture() -> Tensor:
    image = torch.zeros(1, 3, 8 * ROWS, 8 * COLUMNS)
    image[:, 0] = 1.0
    return image


@pytest.mark.parametrize("version", ["1.0", "2.1"])
def test_parts_and_the_perfect_logit_add_up_to_the_logit(version):
    model = thin_qaconv(version=version, image_size=(64, 32)).eval()
    pictures = torch.rand(2, 3, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    explanation = ShortfallExplainer(model).explain(*pictures)
    logits = CorrespondenceExplainer(model).explain(*pictures).score
    parts = sum(maps.sum(dim=(1, 2, 3)) for maps in (explanation.query_maps, explanation.gallery_maps))
    torch.testing.assert_close(explanation.score, logits)
    torch.testing.assert_close(parts + explanation.remainder, logits)
    torch.testing.assert_close(explanation.contributions.sum(dim=1), parts)
    assert isinstance(ShortfallExplainer(model), PairExplainer)


def test_only_the_location_that_finds_no_match_lacks_something_and_lacks_all():
    query, gallery = red_picture(), red_picture()
    query[0, :, 8:16, :8] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]  # one green cell of eight, cosine 0 with red
    explanation = ShortfallExplainer(cell_model()).explain(query, gallery)
    expected = torch.zeros(1, 1, ROWS, COLUMNS)
    expected[0, 0, 1, 0] = -1 / (ROWS * COLUMNS)  # weight 1 / 8 times (0 - 1); normalisations start as identities
    torch.testing.assert_close(explanation.query_maps, expected, rtol=1e-3, atol=1e-6)
    assert explanation.gallery_maps.abs().max() < 1e-6  # every red cell found another red one


def test_counting_from_zero_and_from_one_differ_by_a_map_that_no_picture_moves():
    model = thin_qaconv(image_size=(64, 32)).eval()
    pictures = torch.rand(2, 4, 3, 64, 32, generator=torch.Generator().manual_seed(1))
    below, above = (explainer(model).explain(*pictures) for explainer in (CorrespondenceExplainer, ShortfallExplainer))
    gap = below.query_maps - above.query_maps
    torch.testing.assert_close(gap, gap[:1].expand_as(gap))


def test_the_training_flag_is_given_back():
    model = cell_model().train()
    ShortfallExplainer(model).explain(red_picture(), red_picture())
    assert model.training
