from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from whyreid.study.canonical import canonical_json, digest_text


@dataclass(frozen=True)
class Recipe:
    rate: float
    widths: tuple[int, ...] = (8, 16)


@dataclass(frozen=True)
class OtherRecipe:
    rate: float
    widths: tuple[int, ...] = (8, 16)


class Loss(enum.Enum):
    TRIPLET = 1


class Table:
    def digest(self) -> str:
        return "abc"


def test_the_order_of_keys_does_not_count() -> None:
    assert canonical_json({"a": 1, "b": {"d": 1, "c": 2}}) == canonical_json({"b": {"c": 2, "d": 1}, "a": 1})


def test_one_and_one_point_zero_and_true_are_three_inputs() -> None:
    assert len({canonical_json({"x": x}) for x in (1, 1.0, True, "1", None)}) == 5


def test_text_is_plain_json() -> None:
    inputs = {"name": "Zoë", "numbers": (1, 2.5), "none": None}
    assert json.loads(canonical_json(inputs)) == {"name": "Zoë", "numbers": [1, 2.5], "none": None}


def test_a_dataclass_is_its_name_and_its_fields() -> None:
    assert canonical_json({"r": Recipe(0.1)}) == canonical_json({"r": Recipe(0.1, (8, 16))})
    assert canonical_json({"r": Recipe(0.1)}) != canonical_json({"r": Recipe(0.2)})
    assert canonical_json({"r": Recipe(0.1)}) != canonical_json({"r": OtherRecipe(0.1)})


def test_an_enum_is_its_member_and_a_table_its_digest() -> None:
    assert json.loads(canonical_json({"loss": Loss.TRIPLET})) == {"loss": {"enum": "Loss", "member": "TRIPLET"}}
    assert json.loads(canonical_json({"table": Table()})) == {"table": {"class": "Table", "digest": "abc"}}


def test_an_artifacts_folder_is_its_digest_wherever_it_lies(tmp_path: Path) -> None:
    texts = set()
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "provenance.json").write_text('{"step": "train", "digest": "d1"}')
        texts.add(canonical_json({"model": tmp_path / place}))
    assert texts == {'{"model":{"artifact":"train","digest":"d1"}}'}


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (torch.ones(2), "what the tensor was made from"),
        (np.ones(2), "array as the artifact"),
        (np.float64(1), r"int\(x\) or float\(x\)"),
        ({1, 2}, r"sorted\(the set\)"),
        (len, "numbers and names"),
        (Recipe, "numbers and names"),
    ],
)
def test_what_has_no_lasting_text_is_refused_with_what_to_pass(value: object, hint: str) -> None:
    with pytest.raises(TypeError, match=rf"inputs\['x'\]\[0\] must be .*{hint}"):
        canonical_json({"x": [value]})


def test_keys_must_be_text() -> None:
    with pytest.raises(TypeError, match=r"text keys, got 3; write str\(key\)"):
        canonical_json({"x": {3: 1}})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value: float) -> None:
    with pytest.raises(ValueError, match=r"inputs\['x'\] must be a finite number"):
        canonical_json({"x": value})


def test_a_path_that_is_no_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="says where something lies, not what it is"):
        canonical_json({"x": tmp_path})


def test_different_texts_have_different_digests() -> None:
    assert digest_text("a") != digest_text("b")
    assert len(digest_text("a")) == 64
