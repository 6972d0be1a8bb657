"""The command ``whyreid``: parse, call the library, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from whyreid.study.all_claims import all_units
from whyreid.study.claims import measure_units
from whyreid.study.execution import RunsFailed, execute_runs
from whyreid.study.progress import progress_on_terminal
from whyreid.study.project import find_project
from whyreid.study.runs import load_runs, only_page, run_on

app = typer.Typer(
    help="Why does a re-identification model say that two pictures show the same person, and is that true?",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
console = Console(soft_wrap=True)


@app.command()
def run(
    dataset: Annotated[str, typer.Option(help="promenade-a, promenade-b, or the folder of a table.")],
    preset: Annotated[str | None, typer.Option(help="smoke, default, full or paper; else as in runs.yml.")] = None,
    only: Annotated[str | None, typer.Option(help="One page of runs.yml instead of all.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the executed notebooks; else runs/DATASET-PRESET.")
    ] = None,
) -> None:
    """Run the study, or one page of it, on any data set; what is up to date is not run again."""
    try:
        project = find_project()
        runs = run_on(only_page(load_runs(project), only), dataset, preset)
        folder = out or project / "runs" / "-".join(filter(None, [runs[0].dataset_name, preset]))
        with progress_on_terminal():
            made = execute_runs(runs, folder, progress=sys.stderr.isatty())
    except (ValueError, OSError, RunsFailed) as error:
        console.print(f"[bold red]whyreid run:[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from None
    console.print(f"{len(made)} of {len(runs)} pages made now; all {len(runs)} lie in {escape(str(folder))}")


@app.command()
def claims(
    only: Annotated[str | None, typer.Option(help="One claim instead of all.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure what the book claims with several seeds; what is stored and up to date is not measured again."""
    units = [unit for unit in all_units(device=device) if only in (None, unit.claim)]
    try:
        if not units:
            known = sorted({unit.claim for unit in all_units()})
            raise ValueError(f"no claim {only!r}; there are: {', '.join(known)}.")
        for number, (unit, now) in enumerate(measure_units(units), 1):
            state = "measured" if now else "up to date"
            console.print(f"{number} of {len(units)}: {unit.claim} {unit.name} {state}", highlight=False)
    except (ValueError, OSError) as error:
        console.print(f"[bold red]whyreid claims:[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
