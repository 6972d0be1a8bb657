from __future__ import annotations

import numpy as np
import pytest
import torch

from whyreid.retrieval import cosine_distances, euclidean_distances

BOTH = pytest.mark.parametrize("distances", [euclidean_distances, cosine_distances])


def euclidean_reference(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.tensor([[float((a.double() - b.double()).pow(2).sum()) ** 0.5 for b in y] for a in x])


def cosine_reference(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
        a, b = a.double(), b.double()
        return float((a * b).sum() / (a.norm() * b.norm()))

    return torch.tensor([[1 - cosine(a, b) for b in y] for a in x])


def test_euclidean_is_the_length_and_not_its_square():
    distmat = euclidean_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [-6.0, 8.0]]))
    assert distmat.tolist() == [[5.0, 10.0]]


def test_cosine_by_hand():
    # cos((1, 0), (1, 1)) = 1 / sqrt(2)
    distmat = cosine_distances(torch.tensor([[1.0, 0.0]]), torch.tensor([[5.0, 5.0], [0.0, 2.0], [-3.0, 0.0]]))
    torch.testing.assert_close(distmat, torch.tensor([[1 - 0.5**0.5, 1.0, 2.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("distances", "reference"), [(euclidean_distances, euclidean_reference), (cosine_distances, cosine_reference)]
)
def test_equals_slow_loop(distances, reference, dtype, generator, device):
    x = torch.randn(7, 33, generator=generator, dtype=dtype)
    y = torch.randn(11, 33, generator=generator, dtype=dtype) * 3 + 1
    distmat = distances(x.to(device), y.to(device))
    assert distmat.dtype == dtype
    assert distmat.device.type == device.type
    torch.testing.assert_close(distmat.cpu(), reference(x, y).to(dtype), rtol=1e-6, atol=1e-7)


@BOTH
def test_gallery_blocks_do_not_change_the_result(distances, generator, monkeypatch):
    x, y = torch.randn(4, 16, generator=generator), torch.randn(25, 16, generator=generator)
    whole = distances(x, y)
    monkeypatch.setattr("whyreid.retrieval.distances.GALLERY_BLOCK", 7)
    assert torch.equal(distances(x, y), whole)


def test_close_embeddings_far_from_the_origin_keep_their_distance(generator):
    # In float32 the squares are about 1e6 and their rounding about 0.1: the textbook formula gives 0 or 0.3 here.
    x = 1000 + torch.rand(5, 1, generator=generator).expand(5, 4)
    y = x + torch.tensor([0.0625, 0.0, 0.0, 0.0])
    torch.testing.assert_close(euclidean_distances(x, y).diagonal(), torch.full((5,), 0.0625), rtol=1e-5, atol=0)


def test_distance_to_itself_is_zero_to_rounding(generator):
    x = 20 * torch.randn(50, 512, generator=generator)
    assert float(euclidean_distances(x, x).diagonal().max()) < 1e-4 * 20
    assert float(cosine_distances(x, x).diagonal().abs().max()) < 1e-7


@BOTH
def test_never_negative_even_for_identical_rows(distances, generator):
    x = torch.rand(1, 64, generator=generator).expand(30, 64)
    assert float(distances(x, x).min()) >= 0


def test_cosine_does_not_depend_on_length(generator):
    x, y = torch.randn(6, 8, generator=generator), torch.randn(9, 8, generator=generator)
    torch.testing.assert_close(cosine_distances(4 * x, y / 16), cosine_distances(x, y), rtol=0, atol=1e-7)


def test_both_rank_unit_embeddings_alike(generator):
    x, y = (torch.nn.functional.normalize(torch.randn(n, 8, generator=generator)) for n in (6, 40))
    torch.testing.assert_close(cosine_distances(x, y), euclidean_distances(x, y).square() / 2)


def test_zero_embedding_is_at_cosine_distance_one():
    assert cosine_distances(torch.zeros(1, 3), torch.eye(3)).tolist() == [[1.0, 1.0, 1.0]]


@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_not_made_worse(distances, dtype, generator):
    x, y = (torch.randn(n, 32, generator=generator).to(dtype) for n in (3, 4))
    distmat = distances(x, y)
    assert distmat.dtype == torch.float32
    assert torch.equal(distmat, distances(x.float(), y.float()))


def test_gradient_flows(generator):
    x, y = (torch.randn(n, 5, generator=generator, dtype=torch.float64, requires_grad=True) for n in (3, 4))
    assert torch.autograd.gradcheck(euclidean_distances, (x, y))
    assert torch.autograd.gradcheck(cosine_distances, (x, y))


@BOTH
def test_numpy_is_refused_with_the_fix(distances):
    with pytest.raises(TypeError, match=r"torch\.from_numpy\(y\)"):
        distances(torch.zeros(2, 3), np.zeros((2, 3)))


@BOTH
def test_wrong_inputs_are_refused(distances):
    with pytest.raises(ValueError, match=r"x must be \[N, D\], got \[2, 3, 4\]; pool"):
        distances(torch.zeros(2, 3, 4), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"got \[2, 3\] on cpu and \[2, 4\] on cpu"):
        distances(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(TypeError, match="one floating dtype"):
        distances(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.float64))
    with pytest.raises(TypeError, match="one floating dtype"):
        distances(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.int64))
