"""What every data script does: parse, read, decode every picture, write the table, say what came out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from whyreid.data import ReIDTable, split_counts


def conversion_parser(description: str, *, partial: bool = True) -> argparse.ArgumentParser:
    """The options that all conversions share; ``partial`` where there are published counts to fall short of."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", type=Path, required=True, help="folder of the raw download; only read")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table; pictures are not copied")
    if partial:
        parser.add_argument("--partial", action="store_true", help="accept a subset; the table then says partial: true")
    parser.add_argument("--no-decode", action="store_true", help="do not decode every picture (much quicker)")
    parser.add_argument("--overwrite", action="store_true", help="write into --out whatever it holds; deletes nothing")
    return parser


def convert(parser: argparse.ArgumentParser, read: Callable[[argparse.Namespace], ReIDTable]) -> int:
    """Read, verify and write a table; returns the exit code, 1 with a message when something is wrong."""
    arguments = parser.parse_args()
    try:
        table = read(arguments)
        if not arguments.no_decode:
            table.verify_images(progress=True)
        table.save(arguments.out, overwrite=arguments.overwrite)
        table = ReIDTable.load(arguments.out)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{describe(table)}\nwritten to {arguments.out}")
    return 0


def describe(table: ReIDTable) -> str:
    """The counts of a table and what it lacks, for people."""
    lines = [repr(table), split_counts(table).to_string()]
    if table.partial:
        lines.append("partial: true - this is a subset, its results are not those of the published set")
    if table.attributes is not None:
        unknown = int(table.attributes.isna().any(axis=1).sum())
        lines.append(f"attributes: {len(table.attributes)} identities, {unknown} of them with unknown values")
    lines.append("times: none (no temporal lifting)" if table.times is None else f"times: frames, {table.fps} a second")
    return "\n".join(lines)
