"""Verify a raw download of Market-1501 and write its table.

    python data_scripts/market1501.py --root RAW --attributes market_attribute.mat --out TABLE [--partial]

RAW holds bounding_box_train, query and bounding_box_test. The table refers to the pictures, it does not copy them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from _command import conversion_parser, convert

from whyreid.data import read_market1501


def main() -> int:
    """Parse, call, print."""
    parser = conversion_parser("Verify a raw download of Market-1501 and write its table.")
    parser.add_argument("--attributes", type=Path, help="market_attribute.mat; without it the table has no attributes")
    return convert(
        parser, lambda given: read_market1501(given.root, attributes=given.attributes, partial=given.partial)
    )


if __name__ == "__main__":
    sys.exit(main())
