"""Agreement with labels over a whole test set: time and peak memory, and the sort that it rests on.

At MSMT17's size (--large) a part of the queries is scored against the whole gallery: the time grows with the number of
pairs, and the memory is that of the gallery and of one tile, so that both are known without scoring a thousand million.
"""

from __future__ import annotations

import argparse
import os
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
SCORED = {"market": 3368, "msmt17": 583}
"""Queries that are scored: all of Market-1501's, a twentieth of MSMT17's."""


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
    query, gallery, query_labels, gallery_labels = random_inputs(*SIZES[name])
    scored = slice(SCORED[name])
    wall, processor = time.perf_counter(), time.process_time()
    found = attribute_agreement_streamed(query[scored], gallery, query_labels[scored], gallery_labels)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    queries, people, attributes, dimensions = SIZES[name]
    case = f"attribute_agreement_streamed, {queries:,} x {people:,} x {attributes}, {dimensions}-d ({name} size)"
    measured = {"processor_s": round(processor, 1), "exclusive_map": round(found.exclusive_map, 4)}
    if SCORED[name] < queries:
        share = SCORED[name] / queries
        measured |= {"queries_scored": SCORED[name], "processor_s_for_all_by_proportion": round(processor / share)}
    measure.print_row(case, wall, wanted=WANTED[name], **measured)


def main() -> None:
    measure.use_threads(int(os.environ.get("OMP_NUM_THREADS", measure.THREADS)))
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=sorted(SIZES))
    parser.add_argument("--large", action="store_true", help="only MSMT17's size, into a file of its own (a minute)")
    arguments = parser.parse_args()
    if arguments.task:
        streamed(arguments.task)
    elif arguments.large:
        measure.save("label_agreement_large", [measure.run_in_child(__file__, "msmt17")])
    else:
        measure.save("label_agreement", [scoring(), measure.run_in_child(__file__, "market")])


if __name__ == "__main__":
    main()
