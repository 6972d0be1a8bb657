"""Agreement with labels over a whole test set: time and peak memory, and the sort that it rests on."""

from __future__ import annotations

import argparse
import time

import measure
import numpy as np
import torch

from whyreid.truth import attribute_agreement, attribute_agreement_streamed

SIZES = {"market": (3368, 15913, 26, 256), "msmt17": (11659, 82161, 26, 64)}
WANTED = {
    "market": "at most 3 GB and 180 s",
    "msmt17": "possible (the whole matrix would take 100 GB)",
}


def random_inputs(queries: int, gallery: int, attributes: int, dimensions: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    embeddings = [torch.randn(n, attributes, dimensions, generator=generator) for n in (queries, gallery)]
    labels = [torch.rand(n, attributes, generator=generator) < 0.15 for n in (queries, gallery)]
    return *embeddings, *labels


def agreement_by_torch_sort(distances: torch.Tensor, query: torch.Tensor, gallery: torch.Tensor) -> float:
    """X-mAP of the exclusive attributes as one would write it: sort, gather, cumulative sum on the whole matrix."""
    order = distances.argsort(dim=2, descending=True)
    relevant = (query[:, None] != gallery[None]).gather(2, order).double()
    places = torch.arange(1, distances.shape[2] + 1)
    precision = (relevant.cumsum(dim=2) / places * relevant).sum(dim=2) / relevant.sum(dim=2)
    return float(precision.nanmean())


def scoring() -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    distances = torch.rand(200, 2000, 26, generator=generator)
    query, gallery = (torch.rand(n, 26, generator=generator) < 0.15 for n in (200, 2000))
    ours = attribute_agreement(distances, query, gallery).exclusive_map
    np.testing.assert_allclose(ours, agreement_by_torch_sort(distances, query, gallery), rtol=1e-5)
    return measure.compare(
        "attribute_agreement (all measures), 200 x 2,000 x 26, against torch.argsort for one of them",
        lambda: attribute_agreement(distances, query, gallery),
        lambda: agreement_by_torch_sort(distances, query, gallery),
        wanted="faster",
    )


def streamed(name: str) -> None:
    inputs = random_inputs(*SIZES[name])
    start = time.perf_counter()
    found = attribute_agreement_streamed(*inputs)
    seconds = time.perf_counter() - start
    queries, gallery, attributes, dimensions = SIZES[name]
    case = f"attribute_agreement_streamed, {queries:,} x {gallery:,} x {attributes}, {dimensions}-d ({name} size)"
    measure.print_row(case, seconds, wanted=WANTED[name], exclusive_map=round(found.exclusive_map, 4))


def main() -> None:
    measure.use_threads()
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=sorted(SIZES))
    parser.add_argument("--large", action="store_true", help="MSMT17's size, too (some minutes)")
    arguments = parser.parse_args()
    if arguments.task:
        streamed(arguments.task)
        return
    names = ["market", "msmt17"] if arguments.large else ["market"]
    rows = [scoring(), *(measure.run_in_child(__file__, name) for name in names)]
    measure.save("label_agreement", rows)


if __name__ == "__main__":
    main()
