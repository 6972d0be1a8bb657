"""The claim *local matching crosses domains* as tables, and the same measured on any two data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from whyreid.data import ReIDTable
from whyreid.study.claims import mean_and_deviation
from whyreid.study.cross_domain_methods import METHODS, method_rows
from whyreid.study.datasets import PROMENADE_DOMAINS
from whyreid.study.in_words import means_in_words

RANKINGS: Mapping[tuple[bool, bool], str] = MappingProxyType(
    {
        (False, False): "alone",
        (True, False): "re-ranked",
        (False, True): "lifted",
        (True, True): "re-ranked, then lifted",
    }
)
"""(re-ranked, lifted) -> what a table calls it."""
ORDER = ("thin target", "thin target, trained on", "thin-ibn target", "QAConv 1.0", "QAConv 2.0", "QAConv 2.1")
"""In which tables and figures show the methods; others follow."""
HOME, AWAY = "at home", "in the other town"


def other_dataset(dataset: str, other: str) -> str:
    """The second data set of a page: ``other``, or Promenade's second town where both would be the same town of it.

    Args:
        dataset: name of a Promenade domain, or a folder.
        other: the same.

    Raises:
        ValueError: twice the same folder.

    Example:
        >>> other_dataset("promenade-b", "promenade-b")
        'promenade-a'
    """
    if dataset != other:
        return other
    if dataset not in PROMENADE_DOMAINS:
        raise ValueError(f"dataset_other must be another data set than dataset, got {other!r} twice.")
    return next(name for name in PROMENADE_DOMAINS if name != dataset)


def transfer_rows(
    methods: Sequence[str], tables: Sequence[ReIDTable], *, preset: str, seed: int, device: str = "auto"
) -> pd.DataFrame:
    """Every method trained on every table and tested on all of them; what is trained is stored, as for the claim.

    Args:
        methods: of `whyreid.study.cross_domain_methods.METHODS`.
        tables: any data sets with different names and the splits train, query and gallery; times are optional.
        preset: network and schedule.
        seed: of the trainings.
        device: "auto", "cpu" or "cuda".

    Returns:
        Rows as `read_claim("cross-domain")` has them.

    Raises:
        ValueError: an unknown method, or tables of one name.
    """
    unknown = sorted(set(methods) - set(METHODS))
    if unknown:
        raise ValueError(f"methods must be of {', '.join(METHODS)}, got {', '.join(unknown)}.")
    if len({table.name for table in tables}) != len(tables):
        raise ValueError(f"tables must have different names, got {', '.join(table.name for table in tables)}.")
    trainings = [(method, learned) for method in methods for learned in tables]
    rows = [
        row
        for method, learned in trainings
        for row in method_rows(method, learned, tables, preset=preset, seed=seed, device=device)
    ]
    return pd.DataFrame(rows)


def transfer_table(rows: pd.DataFrame, measure: str = "mAP") -> pd.DataFrame:
    """Every method and ranking over the pairs of towns, mean ± standard deviation over seeds, in per cent.

    Args:
        rows: of the claim, or of `transfer_rows`.
        measure: "rank-1", "rank-5", "mAP" or "mINP".

    Returns:
        Index method, ranking; text columns "A → A", ..., those at home first, and "seeds" (the fewest of a line).
    """
    rows = named_rankings(rows)
    found = mean_and_deviation(rows, ["method", "ranking", "towns"], [measure])
    words = means_in_words(100 * found[measure, "mean"], 100 * found[measure, "sd"])
    shown = pd.Series(words, index=found.index).unstack("towns")
    first = rows.drop_duplicates("towns").sort_values("away", kind="stable")["towns"]
    shown = shown.reindex(columns=list(first)).rename_axis(columns=None)
    shown["seeds"] = found["seeds", "n"].groupby(["method", "ranking"]).min()
    lines = pd.MultiIndex.from_product([_methods(rows), list(RANKINGS.values())])
    return shown.reindex(lines[lines.isin(shown.index)]).rename_axis(["method", "ranking"]).fillna("–")


def drop_table(rows: pd.DataFrame, measure: str = "mAP") -> pd.DataFrame:
    """How much of what a method does at home is left in the other town, its distances ranked as they are.

    Args:
        rows: of the claim, or of `transfer_rows`.
        measure: as in `transfer_table`.

    Returns:
        Index method; columns "at home", "in the other town" (per cent, means over trainings), "kept" (their ratio in
        per cent, mean over trainings), "kept, sd" (NaN for one training), trainings.
    """
    plain = named_rankings(rows).query("ranking == 'alone'")
    places = plain.assign(place=plain["away"].map({False: HOME, True: AWAY}))
    by_training = 100 * places.pivot_table(index=["method", "trained on", "seed"], columns="place", values=measure)
    by_training = by_training.assign(kept=100 * by_training[AWAY] / by_training[HOME])
    grouped = by_training.groupby("method")
    table = grouped[[HOME, AWAY, "kept"]].mean()
    table["kept, sd"] = grouped["kept"].std()
    table["trainings"] = grouped.size()
    return table.reindex(_methods(rows)).rename_axis(columns=None)


def compared(rows: pd.DataFrame, method: str, baseline: str, measure: str = "mAP") -> pd.DataFrame:
    """One method against another, training by training: both learned the same town with the same seed.

    Args:
        rows: of the claim, or of `transfer_rows`.
        method: a name in the rows.
        baseline: another one.
        measure: as in `transfer_table`.

    Returns:
        Index where ("at home", "in the other town"), ranking; columns difference (mean, points), sd (over trainings),
        better (how many of them gain), trainings. Empty when one of the two is not there.
    """
    rows = named_rankings(rows)
    keys = ["away", "ranking", "trained on", "tested on", "seed"]
    one, two = (rows[rows["method"] == name].set_index(keys)[measure] for name in (method, baseline))
    gain = (100 * (one - two)).dropna().rename("gain").reset_index()
    grouped = gain.assign(where=gain["away"].map({False: HOME, True: AWAY})).groupby(["where", "ranking"])["gain"]
    table = pd.DataFrame({
        "difference": grouped.mean(), "sd": grouped.std(),
        "better": grouped.agg(lambda values: int((values > 0).sum())), "trainings": grouped.size(),
    })  # fmt: skip
    order = [(where, ranking) for where in (HOME, AWAY) for ranking in RANKINGS.values()]
    return table.reindex([line for line in order if line in table.index])


def named_rankings(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, methods in `ORDER`, with columns "ranking" (see `RANKINGS`), "towns" ("A → B") and "away" (bool)."""
    place = {name: number for number, name in enumerate(_methods(rows))}
    rows = rows.sort_values("method", key=lambda names: names.map(place), kind="stable")
    kinds = zip(rows["re-ranked"].astype(bool), rows["lifted"].astype(bool), strict=True)
    towns = rows["trained on"].map(town) + " → " + rows["tested on"].map(town)
    away = rows["trained on"] != rows["tested on"]
    return rows.assign(ranking=[RANKINGS[kind] for kind in kinds], towns=towns, away=away)


def town(name: str) -> str:
    """A short name of a data set: "A" for promenade-a, any other one as it is."""
    return PROMENADE_DOMAINS.get(name, name)


def _methods(rows: pd.DataFrame) -> list[str]:
    """The methods in the rows, in `ORDER`."""
    found = list(dict.fromkeys(rows["method"]))
    return [name for name in ORDER if name in found] + [name for name in found if name not in ORDER]
