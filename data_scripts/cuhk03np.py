"""Verify a raw download of CUHK03-NP and write its table.

    python data_scripts/cuhk03np.py --root RAW --boxes labeled --out TABLE [--partial]

RAW holds labeled/bounding_box_train, labeled/query and labeled/bounding_box_test; or
cuhk03_new_protocol_config_labeled.mat and the pictures in images_labeled. The same with detected. The table refers to
the pictures, it does not copy them.
"""

from __future__ import annotations

import sys

from _command import conversion_parser, convert

from whyreid.data import read_cuhk03np


def main() -> int:
    """Parse, call, print."""
    parser = conversion_parser("Verify a raw download of CUHK03-NP and write its table.")
    parser.add_argument("--boxes", choices=("labeled", "detected"), default="labeled", help="which bounding boxes")
    return convert(parser, lambda given: read_cuhk03np(given.root, boxes=given.boxes, partial=given.partial))


if __name__ == "__main__":
    sys.exit(main())
