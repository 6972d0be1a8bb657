"""Class memory: against the original with gradients and memory, by hand, by a loop, at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whyreid.losses import ClassMemory
from whyreid.losses.class_memory import focal_matching_loss
from whyreid.models import QAConv


class Cosine(nn.Module):
    """A matcher without parameters: inner product of whole maps."""

    def forward(self, query: Tensor, gallery: Tensor) -> Tensor:
        return query.flatten(1) @ gallery.flatten(1).T


def original(stored: dict[str, np.ndarray], mode: str) -> ClassMemory:
    """The memory that the original had before its step."""
    memory = ClassMemory(QAConv(16, 6, 2), 12, 16, 6, 2, mem_batch_size=int(stored["cm_mem_batch"]))
    state = {f"matcher.{key[3:]}": torch.from_numpy(stored[key]) for key in stored if key.startswith("sd_")}
    state["class_memory"] = torch.from_numpy(stored["cm_memory"]).float()
    state["valid_class"] = torch.from_numpy(stored["cm_valid"])
    memory.load_state_dict(state)
    return memory.train(mode == "train")


def unit_maps(count: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return F.normalize(torch.randn(count, 4, 3, 2, generator=generator, dtype=dtype), dim=1)


def focal_reference(scores: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    rows = []
    for row, label in zip(scores, labels, strict=True):
        total = scores.new_zeros(())
        for c, score in enumerate(row):
            right = torch.sigmoid(score) if c == label else 1 - torch.sigmoid(score)
            total = total - valid[c] * (1 - right) ** 2 * torch.log(right)
        rows.append(total)
    return torch.stack(rows)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_loss_gradient_and_memory_equal_the_original(vectors, mode):
    stored = vectors("qaconv_losses")
    memory = original(stored, mode)
    maps, labels = torch.from_numpy(stored["feature"]).float().requires_grad_(), torch.from_numpy(stored["target"])
    loss = memory(maps, labels)
    loss.mean().backward()
    torch.testing.assert_close(loss.detach().numpy(), stored[f"cm_{mode}_loss"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(maps.grad.numpy(), stored[f"cm_{mode}_grad_mean"], rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(memory.class_memory.half().numpy(), stored[f"cm_{mode}_memory_after"])
    np.testing.assert_array_equal(memory.valid_class.numpy(), stored[f"cm_{mode}_valid_after"])


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_predicted_classes_equal_the_original(vectors, mode):
    stored = vectors("qaconv_losses")
    scores = original(stored, mode).scores(torch.from_numpy(stored["feature"]).float())
    right = scores.argmax(dim=1).numpy() == stored["target"]
    np.testing.assert_array_equal(right.astype(np.float32), stored[f"cm_{mode}_acc"])


def test_hand_worked_focal_loss():
    # p = 3/4 for the own class: (1/4)^2 x -log(3/4); p = 1/2 for another: (1/2)^2 x log 2; the third does not count
    scores = torch.tensor([[math.log(3.0), 0.0, 50.0]])
    expected = math.log(4 / 3) / 16 + math.log(2) / 4
    assert focal_matching_loss(scores, torch.tensor([0]), torch.tensor([1, 1, 0])).item() == pytest.approx(expected)


def test_focal_loss_equals_a_loop_and_has_its_gradient():
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(5, 7, generator=generator, dtype=torch.float64)
    labels, valid = torch.tensor([0, 6, 3, 3, 1]), torch.tensor([1, 1, 0, 1, 1, 0, 1])
    torch.testing.assert_close(focal_matching_loss(scores, labels, valid), focal_reference(scores, labels, valid))
    scores.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: focal_matching_loss(x, labels, valid), scores)


def test_focal_loss_stays_finite_at_extreme_logits():
    scores = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = focal_matching_loss(scores, torch.tensor([0, 0]), torch.ones(2))
    loss.sum().backward()
    assert loss.tolist() == [0.0, 2e4]
    assert scores.grad.isfinite().all()


@pytest.mark.parametrize("training", [True, False])
def test_memory_is_overwritten_after_the_loss_in_both_modes(training):
    memory = ClassMemory(Cosine(), 4, 4, 3, 2).train(training)
    maps, labels = unit_maps(2), torch.tensor([2, 0])
    assert memory(maps, labels).tolist() == [0.0, 0.0]  # nobody was seen before
    torch.testing.assert_close(memory.class_memory[labels], maps)
    assert memory.valid_class.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert memory(maps, labels).gt(0).all()


def test_of_several_pictures_of_a_class_the_last_one_stays(device):
    memory = ClassMemory(Cosine(), 3, 4, 3, 2).to(device)
    maps = unit_maps(5).to(device)
    memory(maps, torch.tensor([1, 2, 1, 1, 2], device=device))
    torch.testing.assert_close(memory.class_memory[1:], maps[[3, 4]])


def test_memory_has_no_gradient_and_the_maps_keep_theirs_although_it_is_overwritten():
    memory = ClassMemory(QAConv(4, 3, 2), 3, 4, 3, 2)
    memory(unit_maps(3), torch.tensor([0, 1, 2]))
    maps = unit_maps(4).requires_grad_()
    memory(maps, torch.tensor([0, 1, 2, 0])).sum().backward()
    assert maps.grad.any()
    assert not memory.class_memory.requires_grad


def test_groups_change_statistics_in_training_and_nothing_in_evaluation():
    maps, labels = unit_maps(4), torch.tensor([0, 1, 2, 3])
    losses = {}
    for groups in (None, 2):
        memory = ClassMemory(QAConv(4, 3, 2), 6, 4, 3, 2, mem_batch_size=groups).eval()
        memory(maps, labels)
        losses[groups] = memory(maps.flip(0), labels), memory.train()(maps.flip(0), labels)
    torch.testing.assert_close(losses[None][0], losses[2][0])
    assert not torch.allclose(losses[None][1], losses[2][1])


def test_half_precision_maps_are_remembered_in_the_memorys_precision():
    memory = ClassMemory(Cosine(), 3, 4, 3, 2)
    maps = unit_maps(2)
    memory.remember(maps.bfloat16(), torch.tensor([0, 1]))
    assert memory.class_memory.dtype == torch.float32
    torch.testing.assert_close(memory.class_memory[:2], maps, rtol=0, atol=1e-2)


def test_state_dict_holds_memory_and_matcher_under_the_published_names():
    state = ClassMemory(QAConv(4, 3, 2), 3, 4, 3, 2).state_dict()
    assert {"class_memory", "valid_class", "matcher.bn.weight", "matcher.fc.weight", "matcher.logit_bn.bias"} <= set(
        state
    )


def test_training_a_few_steps_lowers_the_loss():
    torch.manual_seed(0)
    raw = torch.randn(6, 4, 3, 2, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    memory = ClassMemory(QAConv(4, 3, 2), 3, 4, 3, 2)
    optimiser = torch.optim.SGD([raw, *memory.parameters()], lr=0.5)
    losses = []
    for _ in range(40):
        loss = memory(F.normalize(raw, dim=1), labels).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[1]


def test_wrong_input_is_refused_with_the_fix():
    memory = ClassMemory(Cosine(), 3, 4, 3, 2)
    with pytest.raises(TypeError, match=r"maps must be .* got numpy.ndarray; pass torch.from_numpy\(maps\)"):
        memory(unit_maps(2).numpy(), torch.tensor([0, 1]))
    with pytest.raises(
        ValueError, match=r"maps must be \[B, 4, 3, 2\] and labels \[B\] with B > 0, got \[2, 4, 3, 2\] and \[3\]"
    ):
        memory(unit_maps(2), torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"labels must be int64 in 0..2, got torch.int64 in 0..3"):
        memory(unit_maps(2), torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="B > 0"):
        memory(unit_maps(2)[:0], torch.tensor([], dtype=torch.int64))
    with pytest.raises(ValueError, match="num_classes and mem_batch_size must be positive, got 3, 0"):
        ClassMemory(Cosine(), 3, 4, 3, 2, mem_batch_size=0)
    assert not memory.valid_class.any()  # what is refused leaves no trace
