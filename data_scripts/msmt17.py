"""Verify a raw download of MSMT17 (V1 or V2 folders) and write its table.

    python data_scripts/msmt17.py --root RAW --out TABLE [--partial]

RAW holds train and test (V2: mask_train_v2 and mask_test_v2) and the four lists list_train.txt, list_val.txt,
list_query.txt and list_gallery.txt. The table refers to the pictures, it does not copy them.
"""

from __future__ import annotations

import sys

from _command import conversion_parser, convert

from whyreid.data import read_msmt17


def main() -> int:
    """Parse, call, print."""
    parser = conversion_parser("Verify a raw download of MSMT17 (V1 or V2 folders) and write its table.")
    return convert(parser, lambda given: read_msmt17(given.root, partial=given.partial))


if __name__ == "__main__":
    sys.exit(main())
