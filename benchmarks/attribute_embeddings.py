"""Embeddings of all attributes at once against the original's loop over attributes, forward and with backward."""

from __future__ import annotations

import measure
import torch
from torch import Tensor, nn

from whyreid.models import GeneralizedMeanPooling, attention_activation, attribute_embeddings

BATCH, CHANNELS, HEIGHT, WIDTH, ATTRIBUTES = 24, 2048, 24, 8, 26
WANTED = "at least 20 times as fast"


def head_loop(features: Tensor, attention: Tensor, pooling: nn.Module, neck: nn.Module) -> Tensor:
    """The target's head on the feature map under one attention map after the other."""
    parts = [neck(pooling(features * attention[:, k : k + 1])) for k in range(attention.shape[1])]
    return torch.stack(parts, dim=1)


def main() -> None:
    measure.use_threads()
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(BATCH, CHANNELS, HEIGHT, WIDTH, generator=generator)
    raw = torch.randn(BATCH, ATTRIBUTES, HEIGHT, WIDTH, generator=generator)
    neck = nn.BatchNorm1d(CHANNELS).eval().requires_grad_(False)

    def forward(function, pooling):
        with torch.no_grad():
            return function(features, attention_activation(raw), pooling, neck)

    def backward(function, pooling):
        student = raw.clone().requires_grad_()
        function(features, attention_activation(student), pooling, neck).square().sum().backward()
        return student.grad

    rows = []
    for name, pooling in (
        ("generalised mean, p = 2.7", GeneralizedMeanPooling(2.7).requires_grad_(False)),
        ("generalised mean, p = 3", GeneralizedMeanPooling(3.0).requires_grad_(False)),
        ("average", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    ):
        for step, work in (("forward", forward), ("forward and backward", backward)):
            ours, plain = (lambda w=work, f=f, p=pooling: w(f, p) for f in (attribute_embeddings, head_loop))
            reference = plain()
            torch.testing.assert_close(ours(), reference, rtol=1e-3, atol=1e-4 * float(reference.abs().max()))
            case = f"{step}, {name}: {BATCH} x {CHANNELS} x {HEIGHT} x {WIDTH}, {ATTRIBUTES} attributes"
            rows.append(measure.compare(case, ours, plain, wanted=WANTED))
    measure.save("attribute_embeddings", rows)


if __name__ == "__main__":
    main()
