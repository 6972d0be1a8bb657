"""The pieces of QAConv together: each version learns to match people whom it has not seen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from whyreid.data.graph_sampling import GraphBatches
from whyreid.losses import ClassMemory, batch_hard_matching_loss, pairwise_matching_loss
from whyreid.models import QAConvModel, score_gallery, thin_qaconv

IDENTITIES, UNSEEN, SHOTS = 12, 6, 4


def noisy_pictures() -> tuple[Tensor, Tensor]:
    """Pictures of 18 "people": each a grid of 4 x 2 coloured cells of its own, under noise; [18 * SHOTS, 3, 64, 32]."""
    generator = torch.Generator().manual_seed(0)
    clean = F.interpolate(torch.rand(IDENTITIES + UNSEEN, 3, 4, 2, generator=generator), size=(64, 32))
    shots = clean.repeat_interleave(SHOTS, dim=0)
    noise = 0.35 * torch.randn(shots.shape, generator=generator)
    return (shots + noise).clamp(0, 1), torch.arange(len(clean)).repeat_interleave(SHOTS)


def rank1(model: QAConvModel, images: Tensor, labels: Tensor) -> float:
    """Fraction of pictures whose best match among the others shows the same person."""
    with torch.inference_mode():
        maps = model.eval()(images)
    logits = score_gallery(model.matcher, maps, maps).fill_diagonal_(-torch.inf)
    return (labels[logits.argmax(dim=1)] == labels).float().mean().item()


def train(model: QAConvModel, images: Tensor, labels: Tensor, *, epochs: int) -> list[float]:
    """Graph-sampled batches under bfloat16 autocast with clipped gradients; the mean loss of each epoch."""
    memory = ClassMemory(model.matcher, IDENTITIES, 16, 8, 4)
    optimiser = torch.optim.SGD(model.parameter_groups(0.05, base_factor=1.0), momentum=0.9, nesterov=True)
    sampler, history = GraphBatches(labels, batch_size=16), []
    for epoch in range(epochs):
        with torch.inference_mode():
            maps = model.eval()(images[sampler.representatives(epoch)])
        model.train()
        losses = []
        for rows in sampler.epoch(epoch, -score_gallery(model.matcher, maps, maps)):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = batch_loss(model, memory, images[rows], labels[rows])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 8.0)
            optimiser.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    return history


def batch_loss(model: QAConvModel, memory: ClassMemory, images: Tensor, labels: Tensor) -> Tensor:
    maps = model(images)
    if model.features.version == "1.0":
        return memory(maps, labels).mean()
    loss = batch_hard_matching_loss if model.features.version == "2.1" else pairwise_matching_loss
    return loss(model.matcher(maps, maps), labels).mean()


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.1"])
def test_each_version_learns_to_match_people_whom_it_has_not_seen(version):
    images, labels = noisy_pictures()
    seen = labels < IDENTITIES
    model = thin_qaconv(version=version, image_size=(64, 32), neck=16, widths=(8, 8, 16, 16), depths=(1, 1, 1))
    before = rank1(model, images[~seen], labels[~seen])
    history = train(model, images[seen], labels[seen], epochs=3)
    assert history[-1] < 0.1 * history[0]
    assert before < 0.7
    assert rank1(model, images[~seen], labels[~seen]) > 0.95
