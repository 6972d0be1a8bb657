"""What a claim stores of a ranking."""

from __future__ import annotations

from whyreid.retrieval import RankingReport


def ranking_row(report: RankingReport) -> dict[str, int | float]:
    """rank-1, rank-5, mAP and mINP as fractions to five places, and the number of queries that have a match."""
    return {
        "rank-1": round(report.rank1, 5),
        "rank-5": round(float(report.cmc[4]), 5),
        "mAP": round(report.mean_ap, 5),
        "mINP": round(report.mean_inp, 5),
        "queries": report.num_valid_queries,
    }
