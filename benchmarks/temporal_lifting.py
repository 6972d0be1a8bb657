"""temporal_lift against a plain loop over queries and gallery cameras, written in torch."""

from __future__ import annotations

import torch
from measure import compare, save, use_threads

from whyreid.retrieval import temporal_lift


def plain_lift(
    simmat: torch.Tensor,
    query_camid: torch.Tensor,
    gallery_camid: torch.Tensor,
    query_time: torch.Tensor,
    gallery_time: torch.Tensor,
    *,
    tau: float = 100.0,
    sigma: float = 200.0,
    k: int = 10,
    alpha: float = 0.2,
) -> torch.Tensor:
    """The definition, query by query and camera by camera."""
    lifted = torch.empty_like(simmat)
    columns_of = [torch.nonzero(gallery_camid == camid)[:, 0] for camid in gallery_camid.unique()]
    for q in range(len(simmat)):
        near = (query_time - query_time[q]).abs() < tau
        companions = torch.nonzero((query_camid == query_camid[q]) & near)[:, 0]
        for columns in columns_of:
            scores = simmat[companions][:, columns]
            threshold = scores.flatten().topk(min(k, scores.numel())).values[-1]
            pivots = torch.nonzero(scores >= threshold)[:, 1]
            time = gallery_time[columns].float()
            weight = torch.exp(-((time[:, None] - time[pivots]) ** 2) / sigma**2).mean(dim=1)
            lifted[q, columns] = (weight + alpha) * simmat[q, columns]
    return lifted


def case(name: str, *, tau: float, wanted: str) -> dict[str, object]:
    """500 queries and 2,000 gallery pictures of six cameras within 20,000 frames."""
    generator = torch.Generator().manual_seed(0)
    simmat = torch.rand(500, 2000, generator=generator) ** 4
    camids = [torch.randint(0, 6, (count,), generator=generator) for count in simmat.shape]
    times = [torch.randint(0, 20_000, (count,), generator=generator) for count in simmat.shape]
    given = (simmat, *camids, *times)
    torch.testing.assert_close(temporal_lift(*given, tau=tau), plain_lift(*given, tau=tau))
    return compare(
        f"temporal_lift, 500 x 2,000, six cameras, {name}; plain: per-query loop in torch",
        lambda: temporal_lift(*given, tau=tau),
        lambda: plain_lift(*given, tau=tau),
        wanted=wanted,
        repeats=8,
    )


if __name__ == "__main__":
    use_threads()
    rows = [case("tau 100", tau=100.0, wanted=">= 8"), case("tau 1,000", tau=1000.0, wanted="-")]
    save("temporal_lifting", rows)
