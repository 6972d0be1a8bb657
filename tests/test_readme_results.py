from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from whyreid.study.claims import read_claim
from whyreid.study.retrieval_summary import retrieval_summary

README = Path(__file__).parents[1] / "README.md"


def markdown(table: pd.DataFrame) -> str:
    """The lines to paste when the measured numbers have changed."""
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def test_the_results_table_is_what_was_measured():
    lines = README.read_text(encoding="utf-8").partition("## Results")[2].partition("\n## ")[0].splitlines()
    header, *printed = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in lines if re.match(r"\| [a-z]", line)
    ]
    measured = retrieval_summary(read_claim("retrieval").rows).reset_index()[header].astype(str)
    assert sorted(printed) == sorted(measured.to_numpy().tolist()), f"the table should be\n{markdown(measured)}"
