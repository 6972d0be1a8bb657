"""The same shot of the same person with some attribute groups changed: what nobody can photograph.

Camera, moment, step, crop box, light, noise and everything in the way stay; the chosen groups are copied from a donor
(value, shade, texture and shape) or set by hand. `CLOSURES` declares for every group which parts of the picture its
edit may touch; whatever else changes is a fault of the renderer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random

import torch
from torch import Tensor

from whyreid.pedestrians.identity import GROUPS, SCHEMA, Identity, copy_groups, positive_value, value_field, values_of
from whyreid.pedestrians.parts import CLOSURES
from whyreid.pedestrians.rendering import Rendering, render
from whyreid.pedestrians.shot import Shot
from whyreid.pedestrians.wardrobe import draw_style

Value = str | bool | int


def edit(identity: Identity, values: Mapping[str, Value]) -> Identity:
    """The person with attribute values set by hand.

    Args:
        identity: who is changed.
        values: group -> value ({"upper colour": "red", "hat": True}), or name of a binary attribute -> 0 or 1
            ({"upred": 1}). A changed group's style is drawn from the person's seed: always the same for the same
            person and value. A group that has the value already is left as it is.

    Raises:
        ValueError: unknown names or values, two values for one group, or a 0 that leaves open what is meant instead.
    """
    wanted: dict[str, str] = {}
    for name, value in values.items():
        group, chosen = _chosen(identity, name, value)
        if wanted.setdefault(group, chosen) != chosen:
            raise ValueError(f"{group!r} can have one value, got {wanted[group]!r} and {chosen!r}; choose one of them.")
    for group, chosen in wanted.items():
        if identity.value(group) != chosen:
            random = Random(f"edit/{identity.seed}/{group}/{chosen}")
            identity = replace(identity, **draw_style(group, chosen, random))
    return identity


def _chosen(identity: Identity, name: str, value: Value) -> tuple[str, str]:
    """Group and value in the words of the schema."""
    if name in GROUPS and isinstance(value, str):
        if value not in values_of(name):
            raise ValueError(f"{name} must be one of {list(values_of(name))}, got {value!r}; choose one of them.")
        return name, value
    if name not in SCHEMA.names or isinstance(value, str) or value not in (0, 1):
        raise ValueError(
            f"an edit must be a group with a value or an attribute with 0 or 1, got {name!r}: {value!r}; "
            f"the groups are {list(GROUPS)}."
        )
    group, positive = SCHEMA.group_of(name), positive_value(name)
    if value:
        return group, positive
    if len(SCHEMA.groups[group]) == 1:
        return group, SCHEMA.meanings[name][0]
    if identity.value(group) == positive:
        raise ValueError(
            f"{name}=0 leaves open which {group} is meant; set {group!r} to one of {list(values_of(group))}."
        )
    return group, identity.value(group)


def blend(identity: Identity, donor: Identity | Mapping[str, Value], groups: Iterable[str] | None = None) -> Identity:
    """The person with some groups of the donor.

    Args:
        identity: who is changed.
        donor: another person, or values by hand (see `edit`).
        groups: which groups to take, any subset of `identity.GROUPS`; by default all that ``donor`` names by hand.
            From a person they must be given.

    Raises:
        ValueError: groups are unknown, missing, or not among the values by hand.
    """
    if isinstance(donor, Identity):
        if groups is None:
            raise ValueError(f"groups must be given with a donor, got None; choose some of {list(GROUPS)}.")
        return copy_groups(identity, donor, groups)
    edited = edit(identity, donor)
    if groups is None:
        return edited
    named = {name if name in GROUPS else SCHEMA.group_of(name) for name in donor}
    chosen = list(groups)
    for group in chosen:
        value_field(group)
    if set(chosen) - named:
        raise ValueError(f"values for {sorted(set(chosen) - named)} must be given, got {sorted(named)}; add them.")
    return copy_groups(identity, edited, chosen)


def counterfactual(
    identity: Identity,
    shot: Shot,
    donor: Identity | Mapping[str, Value],
    groups: Iterable[str] | None = None,
    *,
    height: int = 128,
    width: int = 64,
    device: torch.device | str = "cpu",
) -> Rendering:
    """One shot of a person with some attribute groups changed.

    Args:
        identity: who was photographed.
        shot: how; it stays as it is, with its crop box.
        donor: another person, or values by hand: {"upper colour": "red"}.
        groups: the groups to copy; any subset; needed when the donor is a person.
        height: of the picture; as in the table, for the same bits.
        width: of the picture.
        device: where the work is done.

    Returns:
        a batch of one. A group that is hidden in this shot may be edited all the same; its effect is then nothing.
    """
    return render([blend(identity, donor, groups)], [shot], height=height, width=width, device=device)


def coalitions(
    identity: Identity,
    shot: Shot,
    donor: Identity,
    members: Tensor,
    groups: Sequence[str] = GROUPS,
    *,
    height: int = 128,
    width: int = 64,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Many counterfactuals of one shot at once, as a value function of coalitions needs them.

    Args:
        identity: who was photographed.
        shot: how; it stays as it is.
        donor: whose groups are taken.
        members: bool [S, n]; column k of a row says whether ``groups[k]`` is taken from the donor.
        groups: n of the attribute groups.
        height: of the pictures.
        width: of the pictures.
        device: where the work is done.

    Returns:
        uint8 [S, 3, height, width]. Persons who come out equal are rendered once.

    Cost: one rendering for each different person; groups in which donor and person agree to the last shade are free.
    """
    if members.dim() != 2 or members.shape[1] != len(groups) or members.dtype != torch.bool:
        raise ValueError(
            f"members must be bool [S, {len(groups)}], one column per group, "
            f"got {members.dtype} {list(members.shape)}; give one row per coalition."
        )
    people = [
        copy_groups(identity, donor, [group for group, taken in zip(groups, row, strict=True) if taken])
        for row in members.tolist()
    ]
    distinct = list(dict.fromkeys(people))
    images = render(distinct, [shot] * len(distinct), height=height, width=width, device=device).images
    return images[[distinct.index(person) for person in people]]


def changed_pixels(factual: Rendering, other: Rendering) -> Tensor:
    """Where the light that falls into the camera differs, bool [B, H, W]."""
    return (factual.light != other.light).any(dim=1)


def allowed_pixels(factual: Rendering, other: Rendering, groups: Iterable[str]) -> Tensor:
    """What an edit of these groups may touch, bool [B, H, W]: their closure in either picture.

    An edit of age or gender moves the outline and the feet, so the person's shadow belongs to their closure.
    """
    chosen = list(groups)
    parts = frozenset().union(*(CLOSURES[group] for group in chosen))
    region = factual.touches(parts) | other.touches(parts)
    if {"age", "gender"} & set(chosen):
        region = region | factual.shadow | other.shadow
    return region


def effect_region(factual: Rendering, other: Rendering, *, least: float = 1 / 256, dilation: int = 0) -> Tensor:
    """The ground truth of where an edit is visible, before the camera, bool [B, H, W].

    The camera's blur and compression carry a change 1.5 to 7 times as far; a score of localisation should be given for
    the region itself and for a grown one.

    Args:
        factual: the picture as it is.
        other: the same shots after an edit.
        least: smallest change of the light (0..1) that counts, in any colour.
        dilation: how many pixels the region is grown to all sides.
    """
    region = ((factual.light - other.light).abs() >= least).any(dim=1)
    if not dilation:
        return region
    size = 2 * dilation + 1
    grown = torch.nn.functional.max_pool2d(region.float().unsqueeze(1), size, stride=1, padding=dilation)
    return grown.squeeze(1) > 0
