from __future__ import annotations

import re
from pathlib import Path

from whyreid.study.claims import read_claim
from whyreid.study.retrieval_claim import retrieval_summary

README = Path(__file__).parents[1] / "README.md"


def test_the_results_table_is_what_was_measured():
    lines = README.read_text(encoding="utf-8").partition("## Results")[2].partition("\n## ")[0].splitlines()
    printed = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if re.match(r"\| [a-z]", line)]
    table = retrieval_summary(read_claim("retrieval").rows).reset_index()
    measured = table[["method", "trained on", "tested on", "rank-1", "mAP", "mINP"]].astype(str).to_numpy().tolist()
    assert sorted(printed[1:]) == sorted(measured)
