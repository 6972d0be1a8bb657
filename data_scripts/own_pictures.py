r"""Write the table of a folder of your own pictures, whose names or folders say who is on them.

    python data_scripts/own_pictures.py --root PICTURES --pattern '(?P<pid>\d+)_c(?P<camid>\d)' --name shop --out TABLE

The pattern is a regular expression with the named groups pid and, where known, camid, time (frames) and split (train,
val, query, gallery). Without camid the table says no_camera; without split the identities are divided by chance. The
table refers to the pictures, it does not copy them; its images.csv can be corrected by hand (own_data.py checks it).
"""

from __future__ import annotations

import sys

from _command import conversion_parser, convert

from whyreid.data.own_pictures import read_pictures


def main() -> int:
    """Parse, call, print."""
    parser = conversion_parser("Write the table of a folder of your own pictures.", partial=False)
    parser.add_argument("--pattern", required=True, help=r"e.g. '(?P<pid>\d+)_c(?P<camid>\d)'")
    parser.add_argument("--name", required=True, help="short name of the data set")
    parser.add_argument("--fps", type=float, help="frames per second of the group time")
    parser.add_argument("--test-fraction", type=float, default=0.5, help="of the identities, without the group split")
    parser.add_argument("--seed", type=int, default=0, help="of the division into training and test identities")
    return convert(
        parser,
        lambda given: read_pictures(
            given.root,
            given.pattern,
            name=given.name,
            fps=given.fps,
            test_fraction=given.test_fraction,
            seed=given.seed,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
