"""The command ``whyreid``: parse, call the library, print."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from whyreid.data import ReIDTable
from whyreid.models import TargetModel
from whyreid.models.target_file import load_target
from whyreid.plots.tables import ranking_table
from whyreid.retrieval import RankingReport
from whyreid.study.all_claims import all_units
from whyreid.study.claims import measure_units
from whyreid.study.datasets import load_dataset
from whyreid.study.evaluation_record import describe_table, describe_target, save_evaluation
from whyreid.study.execution import RunsFailed, execute_runs
from whyreid.study.output_places import output_file, output_folder
from whyreid.study.presets import size_of
from whyreid.study.progress import progress_on_terminal
from whyreid.study.project import find_project
from whyreid.study.published_checkpoints import CHECKPOINTS, load_published
from whyreid.study.runs import load_runs, only_page, run_on
from whyreid.study.study_data import require_study_data
from whyreid.study.target_evaluation import evaluate_target, load_scored, train_network
from whyreid.study.target_plan import target_plan
from whyreid.training.device import resolve_device

app = typer.Typer(
    help="Why does a re-identification model say that two pictures show the same person, and is that true?",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
console = Console(soft_wrap=True)

_Dataset = Annotated[str, typer.Option(help="promenade-a, promenade-b, or the folder of a table.")]
_Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


@contextmanager
def _in_one_sentence(command: str) -> Iterator[None]:
    """End a command with the message of what its user can mend; whatever else happens keeps its traceback."""
    try:
        yield
    except (ValueError, OSError, FloatingPointError, torch.OutOfMemoryError, RunsFailed) as error:
        said = f"{error.filename}: {error.strerror}." if isinstance(error, OSError) and error.filename else str(error)
        console.print(f"[bold red]whyreid {command}:[/] {escape(said)}", highlight=False)
        raise typer.Exit(1) from None


@app.command()
def run(
    dataset: _Dataset,
    preset: Annotated[str | None, typer.Option(help="smoke, default, full or paper; else as in runs.yml.")] = None,
    only: Annotated[str | None, typer.Option(help="One page of runs.yml instead of all.")] = None,
    dataset_other: Annotated[
        str | None, typer.Option(help="The second data set of the pages that take two; else as in runs.yml.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the executed notebooks; else runs/DATASET-PRESET.")
    ] = None,
) -> None:
    """Run the study, or one page of it, on any data set; what is up to date is not run again."""
    with _in_one_sentence("run"):
        if preset is not None:
            size_of(preset)
        project = find_project()
        chosen = only_page(load_runs(project), only)
        if dataset_other and not any("dataset_other" in run.parameters for run in chosen):
            raise ValueError(f"{only or 'every page'} takes one data set, not two; leave --dataset-other out.")
        runs = run_on(chosen, dataset, preset, dataset_other=dataset_other)
        for data in sorted({data for run in runs for data in run.datasets().values()}):
            require_study_data(data)
        folder = out or project / "runs" / "-".join(filter(None, [runs[0].dataset_name, preset]))
        with output_folder(folder), progress_on_terminal():
            made = execute_runs(runs, folder, progress=sys.stderr.isatty())
        lacking = {run.page: reasons for run in runs if (reasons := run.unmet_needs())}
    console.print(f"{len(made)} of {len(runs)} pages made now; all {len(runs)} lie in {escape(str(folder))}")
    for page, reasons in lacking.items():
        console.print(f"{page} only says what it lacks: {escape(' '.join(reasons.values()))}", highlight=False)


@app.command()
def claims(
    only: Annotated[str | None, typer.Option(help="One claim instead of all.")] = None,
    device: _Device = "auto",
) -> None:
    """Measure what the book claims with several seeds; what is stored and up to date is not measured again."""
    with _in_one_sentence("claims"):
        _require_device(device)
        units = [unit for unit in all_units(device=device) if only in (None, unit.claim)]
        if not units:
            known = sorted({unit.claim for unit in all_units()})
            raise ValueError(f"no claim {only!r}; there are: {', '.join(known)}.")
        for number, (unit, now) in enumerate(measure_units(units), 1):
            state = "measured" if now else "up to date"
            console.print(f"{number} of {len(units)}: {unit.claim} {unit.name} {state}", highlight=False)


@app.command()
def train(
    dataset: _Dataset,
    out: Annotated[Path, typer.Option(help="Folder of the training; a killed one goes on from there.")],
    network: Annotated[
        str | None,
        typer.Option(help="thin, thin-ibn, bot-rN, sbs-rN (N = 18, 34, 50, 101) or agw-r50; else the preset's."),
    ] = None,
    preset: Annotated[str, typer.Option(help="smoke, default, full or paper.")] = "default",
    seed: Annotated[int, typer.Option(help="Of the weights, the order and the augmentation.")] = 0,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Learn the validation identities as well, as the papers do.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Length of the training; else the preset's.")] = None,
    device: _Device = "auto",
) -> None:
    """Train a target on any data set; what is done already is not done again."""
    with _in_one_sentence("train"):
        _require_device(device)
        plan, shown = target_plan(preset, network), sys.stderr.isatty()
        recipe = replace(plan.recipe, splits=("train", "val")) if everyone else plan.recipe
        recipe = replace(recipe, epochs=epochs or recipe.epochs)
        table = load_dataset(dataset, preset=preset, progress=shown)
        with output_folder(out):
            history = train_network(table, recipe, out, network=plan.network, seed=seed, device=device, progress=shown)
    last = history.epochs[-1]
    speed = f"{len(history.epochs)} epochs in {history.seconds:.0f} s, {history.images_per_second:.0f} img/s"
    console.print(f"{speed}; loss {last.loss:.3f}, accuracy {last.accuracy:.2f}", highlight=False)
    console.print(f"the target lies in {escape(str(out))}", highlight=False)


@app.command()
def evaluate(
    dataset: _Dataset,
    target: Annotated[Path | None, typer.Option(help="Folder of a training (holds target.pt).")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Or a file of fast-reid, torchreid or the AGW repository.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="What the checkpoint holds: bot-rN, sbs-rN (N = 18, 34, 50, 101), agw-r50, torchreid-r50."),
    ] = None,
    trained_on: Annotated[
        str | None, typer.Option(help="What the checkpoint was trained on, such as market1501; for the record.")
    ] = None,
    image_size: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH at which the checkpoint was trained; else as published.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Size of Promenade: smoke, default, full or paper.")] = "default",
    rerank: Annotated[bool, typer.Option("--rerank", help="Also after k-reciprocal re-ranking.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Also after temporal lifting; needs times.")] = False,
    out: Annotated[Path | None, typer.Option(help="File for the numbers and where they come from (JSON).")] = None,
    device: _Device = "auto",
) -> None:
    """How well a target finds the people of any data set again."""
    started, shown = time.perf_counter(), sys.stderr.isatty()
    with _in_one_sentence("evaluate"), output_file(out):
        size_of(preset)
        _require_device(device)
        model = _evaluated(target, checkpoint, network, image_size, trained_on)
        table = load_scored(dataset, preset=preset, progress=shown)
        reports = evaluate_target(model, table, rerank=rerank, lift=lift, device=device, progress=shown)
        if out is not None:
            options = {"rerank": rerank, "lift": lift, "flip": True, "device": device}
            described = describe_target(model, target, network=network, trained_on=trained_on)
            about = {"target": described, "table": describe_table(table)}
            save_evaluation(out, reports, **about, options=options, seconds=time.perf_counter() - started)
    _print_reports(reports, table)


def _evaluated(
    target: Path | None, checkpoint: Path | None, network: str | None, image_size: str | None, trained_on: str | None
) -> TargetModel:
    """The target that the options name."""
    if (target is None) == (checkpoint is None):
        raise ValueError("give --target (a training's folder) or --checkpoint (a published file), one of the two.")
    if target is not None:
        if network or image_size or trained_on:
            raise ValueError("--network, --image-size and --trained-on describe a --checkpoint, not a training.")
        return load_target(target)
    if checkpoint is None or network is None:
        raise ValueError(f"--checkpoint needs --network, what it holds: {', '.join(CHECKPOINTS)}.")
    return load_published(checkpoint, network, image_size=_size(image_size))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise ValueError(f"--image-size must be HEIGHTxWIDTH in pixels such as 256x128, got {text!r}.")
    return int(match[1]), int(match[2])


def _require_device(device: str) -> None:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ValueError(f"--device must be auto, cpu or cuda (cuda:1 for a second GPU), got {device!r}.")
    number = resolve_device(device).index
    if number is not None and number >= torch.cuda.device_count():
        raise ValueError(f"--device {device} is not there; PyTorch finds {torch.cuda.device_count()} CUDA devices.")


def _print_reports(reports: Mapping[str, RankingReport], table: ReIDTable) -> None:
    numbers = ranking_table(reports, protocol=table.protocol).drop(columns=["queries", "protocol"])
    shown = Table("", *map(str, numbers.columns))
    for name, row in zip(numbers.index, numbers.to_numpy().tolist(), strict=True):
        shown.add_row(str(name), *(f"{cell:.1f}" for cell in row))
    report, partial = next(iter(reports.values())), ", a part of it" if table.partial else ""
    queries = f"{report.num_valid_queries} of {report.num_queries} queries have a match"
    console.print(f"{escape(table.name)}{partial}, {table.protocol}, in per cent; {queries}", highlight=False)
    console.print(shown)


if __name__ == "__main__":
    app()
