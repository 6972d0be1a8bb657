"""Peak memory, measured as the peak of a process that does nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BASELINE = "import resource, torch, whyreid.retrieval as r, whyreid.retrieval.ranking\ntorch.set_num_threads(2)\n"
REPORT = """
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""
LABELS = """
people = [torch.randint(1, 900, (n,)) for n in (Q, G)] + [torch.randint(0, 15, (n,)) for n in (Q, G)]
"""


def peak_bytes(code: str) -> int:
    library = Path(__file__).parents[2] / "lib"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(library)!r})\n{BASELINE}{code}\n{REPORT}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_embeddings_are_evaluated_in_a_chunk_of_memory():
    # The whole matrix would be 3,000 x 60,000 x 4 bytes = 720 MB; a chunk of 64 queries is 15 MB.
    given = "Q, G = 3000, 60000\nx, y = torch.randn(Q, 16), torch.randn(G, 16)" + LABELS
    before = peak_bytes(given)
    after = peak_bytes(given + "r.evaluate_embeddings(x, y, *people, query_chunk=64)")
    assert after - before < 200e6


@pytest.mark.slow
def test_ranking_needs_little_beside_the_matrix():
    given = "Q, G = 2000, 30000\ndistmat = torch.rand(Q, G)" + LABELS
    before = peak_bytes(given)
    after = peak_bytes(given + "r.evaluate_ranking(distmat, *people)")
    assert after - before < 100e6  # the matrix itself has 240 MB, its argsort would have 480 MB more


@pytest.mark.slow
def test_reranking_never_joins_the_matrices():
    # The joined matrix of 8,400 pictures has 282 MB, the published function holds several of them.
    given = """
Q, G = 400, 8000
x, y = torch.randn(Q, 8), torch.randn(G, 8)
matrices = r.euclidean_distances(x, y), r.euclidean_distances(x, x), r.euclidean_distances(y, y)
"""
    before = peak_bytes(given)
    after = peak_bytes(given + "r.k_reciprocal_rerank(*matrices)")
    assert after - before < 250e6
