"""The command ``whyreid``: parse, call the library, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from whyreid.models.target_file import load_target
from whyreid.plots.tables import ranking_table
from whyreid.study.all_claims import all_units
from whyreid.study.claims import measure_units
from whyreid.study.datasets import load_dataset
from whyreid.study.execution import RunsFailed, execute_runs
from whyreid.study.progress import progress_on_terminal
from whyreid.study.project import find_project
from whyreid.study.runs import load_runs, only_page, run_on
from whyreid.study.target_evaluation import evaluate_target, train_network
from whyreid.study.target_plan import target_plan

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


@app.command()
def train(
    dataset: Annotated[str, typer.Option(help="promenade-a, promenade-b, or the folder of a table.")],
    out: Annotated[Path, typer.Option(help="Folder of the training; a killed one goes on from there.")],
    network: Annotated[
        str | None, typer.Option(help="thin, thin-ibn, bot-r18, sbs-r50 or agw-r50; else the preset's.")
    ] = None,
    preset: Annotated[str, typer.Option(help="smoke, default, full or paper.")] = "default",
    seed: Annotated[int, typer.Option(help="Of the weights, the order and the augmentation.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a target on any data set; what is done already is not done again."""
    try:
        table, plan = load_dataset(dataset, preset=preset), target_plan(preset, network)
        shown = sys.stderr.isatty()
        history = train_network(table, plan.recipe, out, network=plan.network, seed=seed, device=device, progress=shown)
    except (ValueError, OSError, FloatingPointError) as error:
        console.print(f"[bold red]whyreid train:[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from None
    console.print(f"{len(history.frame())} epochs in {history.seconds:.0f} s; the target lies in {escape(str(out))}")


@app.command()
def evaluate(
    target: Annotated[Path, typer.Option(help="Folder of a training (holds target.pt).")],
    dataset: Annotated[str, typer.Option(help="promenade-a, promenade-b, or the folder of a table.")],
    preset: Annotated[str, typer.Option(help="Size of Promenade: smoke, default, full or paper.")] = "default",
    rerank: Annotated[bool, typer.Option("--rerank", help="Also after k-reciprocal re-ranking.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Also after temporal lifting; needs times.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """How well a target finds the people of any data set again."""
    try:
        table = load_dataset(dataset, preset=preset)
        reports = evaluate_target(load_target(target), table, rerank=rerank, lift=lift, device=device)
    except (ValueError, OSError) as error:
        console.print(f"[bold red]whyreid evaluate:[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from None
    numbers = ranking_table(reports, protocol=table.protocol)
    shown = Table("", *map(str, numbers.columns), title=f"{escape(table.name)}, in per cent")
    for name, row in zip(numbers.index, numbers.to_numpy().tolist(), strict=True):
        shown.add_row(name, *(f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row))
    console.print(shown)


if __name__ == "__main__":
    app()
