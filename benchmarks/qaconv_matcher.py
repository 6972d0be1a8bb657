"""The QAConv matcher against the plain einsum of the published code: time, gradients, memory."""

from __future__ import annotations

import sys
import time

import torch
from measure import asked_task, compare, print_row, run_in_child, save, use_threads
from torch import Tensor
from torch.nn import functional as F

from whyreid.models import QAConv, score_gallery

CHANNELS, HEIGHT, WIDTH = 256, 24, 8


class PlainQAConv(QAConv):
    """All similarities at once by einsum, then their maxima, as the published matcher works."""

    def forward(self, query_maps: Tensor, gallery_maps: Tensor) -> Tensor:
        similarities = torch.einsum("pcs,gcr->pgrs", query_maps.flatten(2), gallery_maps.flatten(2))
        best = torch.cat((similarities.max(dim=2)[0], similarities.max(dim=3)[0]), dim=-1)
        score = self.fc(self.bn(best.view(-1, 1, self.num_locations)).view(-1, self.num_locations))
        return self.logit_bn(score.view(-1, 2).sum(dim=1, keepdim=True)).view(len(query_maps), len(gallery_maps))


def unit_maps(count: int, dtype: torch.dtype, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, CHANNELS, HEIGHT, WIDTH, generator=generator), dim=1).to(dtype)


def scoring(queries: int, gallery: int, dtype: torch.dtype = torch.float32, *, wanted: str) -> dict[str, object]:
    """Evaluation mode, no gradient; the plain one in half precision as under autocast."""
    maps = unit_maps(queries, dtype, 0), unit_maps(gallery, dtype, 1)
    ours, plain = (matcher(CHANNELS, HEIGHT, WIDTH).eval() for matcher in (QAConv, PlainQAConv))

    def match(matcher: QAConv) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            return matcher(*maps).float()

    tolerance = 1e-4 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(match(ours), match(plain), rtol=tolerance, atol=tolerance)
    name = f"score {queries} x {gallery} maps of {CHANNELS} x {HEIGHT} x {WIDTH}, {str(dtype)[6:]}"
    return compare(name, lambda: match(ours), lambda: match(plain), wanted=wanted, repeats=3)


def training(batch: int, *, itself: bool, wanted: str) -> dict[str, object]:
    """Forward and backward in training mode; a batch against itself is what the losses of 2.0 and 2.1 need."""
    matchers = [matcher(CHANNELS, HEIGHT, WIDTH).train() for matcher in (QAConv, PlainQAConv)]
    query = unit_maps(batch, torch.float32, 0).requires_grad_()
    gallery = query if itself else unit_maps(batch, torch.float32, 1).requires_grad_()
    weights = torch.randn(batch, batch, generator=torch.Generator().manual_seed(2))

    def step(matcher: QAConv) -> Tensor:
        query.grad = gallery.grad = None
        (matcher(query, gallery) * weights).sum().backward()
        return query.grad

    gradients = [step(matcher) for matcher in matchers]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3 * gradients[1].abs().max().item())
    name = f"forward and backward, {batch} x {batch}{', the batch against itself' if itself else ''}, float32"
    return compare(name, lambda: step(matchers[0]), lambda: step(matchers[1]), wanted=wanted, repeats=3)


def memory(task: str) -> None:
    """Peak memory of 32 queries and a gallery of 200, or of a training step of 64 maps, ours or plain."""
    kind, what = task.split("-")
    matcher = (QAConv if kind == "ours" else PlainQAConv)(CHANNELS, HEIGHT, WIDTH)
    start = time.perf_counter()
    if what == "gallery":
        with torch.inference_mode():
            query, gallery = unit_maps(32, torch.float32, 0), unit_maps(200, torch.float32, 1)
            score_gallery(matcher, query, gallery) if kind == "ours" else matcher.eval()(query, gallery)
        case = "score 32 x 200 maps"
    else:
        maps = unit_maps(64, torch.float32, 0).requires_grad_()
        matcher(maps, maps).sum().backward()
        case = "forward and backward, 64 x 64"
    wanted = "<= 1 GB" if kind == "ours" else "for comparison"
    print_row(f"{case}, {kind}", time.perf_counter() - start, wanted=wanted)


if __name__ == "__main__":
    tasks = [f"{kind}-{what}" for what in ("gallery", "training") for kind in ("ours", "plain")]
    task = asked_task(*tasks)
    use_threads()
    if task:
        memory(task)
        sys.exit()
    rows = [
        scoring(32, 64, wanted=">= 1.5"),
        scoring(8, 256, wanted=">= 1.5"),
        scoring(32, 64, torch.bfloat16, wanted=">= 1.5"),
        training(32, itself=False, wanted=">= 1.5"),
        training(32, itself=True, wanted=">= 1.5"),
    ]
    save("qaconv_matcher", rows + [run_in_child(__file__, name) for name in tasks])
