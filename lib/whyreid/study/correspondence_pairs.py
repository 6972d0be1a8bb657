"""Which pairs of pictures correspondences are looked at: matches and other persons, by how far the view has turned."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from whyreid.data import ReIDTable

SAME, OTHER = "same person", "another person"
VIEWS = {"same side": (0.0, 60.0), "quarter turn": (60.0, 120.0), "other side": (120.0, 180.0)}
"""How far the person has turned between the pictures, in degrees: from, to."""
ANY_VIEW = "any view"


def turn_between(query: ReIDTable, gallery: ReIDTable) -> Tensor | None:
    """[Q, G] degrees, 0..180, between the walking directions as the two cameras see them; None where nobody knows.

    0 = seen from the same side, 180 = from front and back, or from left and right.
    """
    if "heading" not in query.images.columns or "heading" not in gallery.images.columns:
        return None
    asked, found = (torch.tensor(table.images["heading"].to_numpy(dtype="float64")) for table in (query, gallery))
    apart = (asked[:, None] - found[None]).abs() % 1
    return 360 * torch.minimum(apart, 1 - apart)


def correspondence_pairs(query: ReIDTable, gallery: ReIDTable, *, per_view: int, seed: int = 0) -> pd.DataFrame:
    """Pairs of one person in two cameras, drawn at random for each view, and for each a pair of two persons.

    The second pair has the query of the first, and a gallery picture of another person by the same camera and with
    a turn of the same class, so that the two differ in the person alone.

    Args:
        query: the queries.
        gallery: the gallery; distractors and junk are left out.
        per_view: pairs of one person drawn for each of `VIEWS` (fewer when there are fewer).
        seed: of the draw.

    Returns:
        Columns query, gallery (row numbers), persons (`SAME` or `OTHER`), view. `ANY_VIEW` where no turn is known.
    """
    generator = torch.Generator().manual_seed(seed)
    known = (query.pids > 0)[:, None] & (gallery.pids > 0)
    same = query.pids[:, None] == gallery.pids
    apart = torch.ones_like(same)
    if query.camids is not None and gallery.camids is not None:
        apart = query.camids[:, None] != gallery.camids
    rows: list[tuple[int, int, str, str]] = []
    for view, seen in _views(query, gallery, same):
        matches = torch.nonzero(same & known & apart & seen)
        for asked, found in matches[torch.randperm(len(matches), generator=generator)[:per_view]].tolist():
            rows.append((asked, found, SAME, view))
            others = torch.nonzero(~same[asked] & known[asked] & apart[asked] & seen[asked])[:, 0]
            if gallery.camids is not None:
                others = others[gallery.camids[others] == gallery.camids[found]]
            if len(others):
                chosen = others[int(torch.randint(len(others), (), generator=generator))]
                rows.append((asked, int(chosen), OTHER, view))
    return pd.DataFrame(rows, columns=["query", "gallery", "persons", "view"])


def example_pairs(logits: Tensor, query: ReIDTable, gallery: ReIDTable, *, persons: int) -> pd.DataFrame:
    """The first test persons by number: the first query of each with its best match and its best non-match.

    Args:
        logits: [Q, G], higher = more likely the same person.
        query: the queries.
        gallery: the gallery; pictures of the query's person by the query's camera and junk do not count.
        persons: how many that have a match in another camera.

    Returns:
        Columns query, gallery (row numbers), persons, logit; first the matches of all, then their non-matches.
    """
    same = query.pids[:, None] == gallery.pids
    seen = (gallery.pids >= 0).expand_as(same)
    if query.camids is not None and gallery.camids is not None:
        seen = seen & ~(same & (query.camids[:, None] == gallery.camids))
    rows: list[tuple[int, int, str, float]] = []
    for pid in query.pids[query.pids > 0].unique().tolist():
        asked = int(torch.nonzero(query.pids == pid)[0])
        kinds = ((SAME, same[asked] & seen[asked]), (OTHER, ~same[asked] & seen[asked]))
        if all(bool(kind.any()) for _, kind in kinds):
            for name, kind in kinds:
                best = int(logits[asked].masked_fill(~kind, -torch.inf).argmax())
                rows.append((asked, best, name, float(logits[asked, best])))
        if len(rows) == 2 * persons:
            break
    return pd.DataFrame([*rows[::2], *rows[1::2]], columns=["query", "gallery", "persons", "logit"])


def _views(query: ReIDTable, gallery: ReIDTable, like: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Each class of view and the pairs [Q, G] in it."""
    turn = turn_between(query, gallery)
    if turn is None:
        yield ANY_VIEW, torch.ones_like(like)
        return
    for view, (least, most) in VIEWS.items():
        yield view, (turn >= least) & ((turn < most) | (most == 180.0))
