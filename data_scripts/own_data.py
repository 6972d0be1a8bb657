"""Check a table that was written by hand: dataset.yaml, images.csv and, with attributes, attributes.csv.

    python data_scripts/own_data.py --table FOLDER

Reports every fault with its file and line, decodes every picture, and says what the table can be used for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from _command import describe

from whyreid.data import ReIDTable


def main() -> int:
    """Parse, call, print."""
    parser = argparse.ArgumentParser(description="Check a table that was written by hand.")
    parser.add_argument("--table", type=Path, required=True, help="folder with dataset.yaml and images.csv")
    parser.add_argument("--no-decode", action="store_true", help="do not decode every picture (much quicker)")
    arguments = parser.parse_args()
    try:
        table = ReIDTable.load(arguments.table)
        if not arguments.no_decode:
            table.verify_images(progress=True)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{describe(table)}\ngood: every row and every picture is as it must be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
