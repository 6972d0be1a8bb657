"""Pairs of pictures of two rendered persons who differ in several attribute groups: what explanations are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from whyreid.data import ReIDTable
from whyreid.data.loading import ImageStore
from whyreid.models.target import ImageInput
from whyreid.pedestrians import GROUPS, Identity, differing_groups, read_families, read_identities, read_masks


@dataclass(frozen=True, eq=False)
class CounterfactualPairs:
    """P pairs of a query and a gallery picture of two persons.

    Attributes:
        query: Promenade, or a selection of it.
        gallery: the same or another selection.
        query_rows: [P] int64, positions in ``query.images``.
        gallery_rows: [P] int64, positions in ``gallery.images``.
        impostor: [P] bool: the target ranks the gallery picture among the first (`impostor_pairs`); False = drawn
            without looking at the target.
    """

    query: ReIDTable
    gallery: ReIDTable
    query_rows: Tensor
    gallery_rows: Tensor
    impostor: Tensor

    def __len__(self) -> int:
        """P, the number of pairs."""
        return len(self.query_rows)

    def take(self, rows: Tensor) -> CounterfactualPairs:
        """Some of the pairs, by position or by a bool mask."""
        kept = self.query_rows[rows], self.gallery_rows[rows], self.impostor[rows]
        return CounterfactualPairs(self.query, self.gallery, *kept)

    def persons(self) -> list[tuple[Identity, Identity]]:
        """The two persons of each pair."""
        people = read_identities(self.query.root)
        numbers = [
            table.images["person"].iloc[rows.tolist()].tolist()
            for table, rows in ((self.query, self.query_rows), (self.gallery, self.gallery_rows))
        ]
        return [(people[first], people[second]) for first, second in zip(*numbers, strict=True)]

    def players(self) -> list[tuple[str, ...]]:
        """The attribute groups in which the two persons of each pair differ, in the order of `GROUPS`."""
        return [differing_groups(first, second) for first, second in self.persons()]

    def differs(self) -> Tensor:
        """[P, 12] bool: whether the two persons differ in each of `GROUPS`."""
        return torch.tensor([[group in players for group in GROUPS] for players in self.players()]).view(
            -1, len(GROUPS)
        )

    def pictures(self, image_input: ImageInput) -> tuple[Tensor, Tensor]:
        """The two pictures of each pair, normalised, [P, 3, H, W] each."""
        sides = ((self.query, self.query_rows), (self.gallery, self.gallery_rows))
        first, second = (image_input.prepare(ImageStore(t, image_input.size).fetch(rows)) for t, rows in sides)
        return first, second

    def masks(self) -> tuple[Tensor, Tensor]:
        """The true part maps of the two pictures of each pair, uint8 [P, H, W] each."""
        first = read_masks(self.query, self.query_rows.tolist())
        return first, read_masks(self.gallery, self.gallery_rows.tolist())

    def families(self) -> Tensor:
        """[P, 2] int64: the look-alike family of each person; who has none is a family of one."""
        kin = read_families(self.query.root)["family"].to_dict()
        numbers = [[identity.person for identity in pair] for pair in self.persons()]
        return torch.tensor([[kin[n] if kin[n] >= 0 else n for n in pair] for pair in numbers]).view(-1, 2)


def random_pairs(
    query: ReIDTable, gallery: ReIDTable, count: int, *, seed: int, least_players: int = 3
) -> CounterfactualPairs:
    """Pairs drawn evenly from all pairs of pictures whose persons differ in enough groups.

    Args:
        query: Promenade, or a selection of it.
        gallery: another selection, or the same one.
        count: pairs wanted; fewer when there are not so many.
        seed: of the draw.
        least_players: in how many groups the persons differ at least.

    Returns:
        The pairs in the order drawn; strangers (pid 0) are left out.

    Raises:
        ValueError: the tables were not rendered.
    """
    columns = len(gallery)
    order = torch.randperm(len(query) * columns, generator=torch.Generator().manual_seed(seed))
    candidates = ((int(place) // columns, int(place) % columns) for place in order)
    return _first_fitting(query, gallery, candidates, count, least_players, impostor=False)


def impostor_pairs(
    query: ReIDTable, gallery: ReIDTable, ranking: Tensor, count: int, *, seed: int, least_players: int = 3
) -> CounterfactualPairs:
    """Pairs drawn evenly from the wrong pictures that a model ranks first.

    Args:
        query: Promenade's queries, or some of them.
        gallery: its gallery.
        ranking: [Q, k] gallery positions, best first, negative = no picture; k = 10 in the study.
        count: pairs wanted; fewer when the lists do not hold so many.
        seed: of the draw.
        least_players: in how many groups the persons differ at least; most impostors are look-alikes who differ in
            fewer, and are left out.

    Returns:
        As `random_pairs`.

    Raises:
        ValueError: the tables were not rendered, or the ranking has another number of rows than there are queries.
    """
    if ranking.ndim != 2 or len(ranking) != len(query):
        raise ValueError(f"ranking must be [{len(query)}, k], one row a query, got {list(ranking.shape)}.")
    width = ranking.shape[1]
    order = torch.randperm(ranking.numel(), generator=torch.Generator().manual_seed(seed))
    listed = ((int(place) // width, int(ranking[int(place) // width, int(place) % width])) for place in order)
    candidates = ((q, g) for q, g in listed if g >= 0)
    return _first_fitting(query, gallery, candidates, count, least_players, impostor=True)


def join_pairs(first: CounterfactualPairs, second: CounterfactualPairs) -> CounterfactualPairs:
    """The pairs of both, of the same two tables."""
    names = ("query_rows", "gallery_rows", "impostor")
    rows = {name: torch.cat([getattr(first, name), getattr(second, name)]) for name in names}
    return CounterfactualPairs(first.query, first.gallery, **rows)


def _first_fitting(
    query: ReIDTable,
    gallery: ReIDTable,
    candidates: Iterable[tuple[int, int]],
    count: int,
    least_players: int,
    *,
    impostor: bool,
) -> CounterfactualPairs:
    """The first candidates (query row, gallery row) of two known persons with enough differing groups."""
    for table in (query, gallery):
        if "person" not in table.images.columns:
            raise ValueError(
                f"table {table.name!r} must be rendered, got no column person; only Promenade knows what differs."
            )
    fits = _fitting(query, gallery, least_players)
    chosen: list[tuple[int, int]] = []
    for q, g in candidates:
        if len(chosen) == count:
            break
        if fits(q, g):
            chosen.append((q, g))
    rows = torch.tensor(chosen, dtype=torch.int64).view(-1, 2)
    return CounterfactualPairs(query, gallery, rows[:, 0], rows[:, 1], torch.full((len(rows),), impostor))


def _fitting(query: ReIDTable, gallery: ReIDTable, least_players: int) -> Callable[[int, int], bool]:
    """Whether two rows show two persons, neither of them a stranger, who differ in enough groups."""
    people = read_identities(query.root)
    first, second = (table.images["person"].tolist() for table in (query, gallery))
    known = (query.pids > 0).tolist(), (gallery.pids > 0).tolist()

    def fits(q: int, g: int) -> bool:
        if not (known[0][q] and known[1][g]) or first[q] == second[g]:
            return False
        return len(differing_groups(people[first[q]], people[second[g]])) >= least_players

    return fits
