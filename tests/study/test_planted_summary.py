"""The sentence on planted faults is true for any number of stored units."""

from __future__ import annotations

import pandas as pd

from whyreid.study.planted_summary import confirmation_sentence, planted_sentence


def found(*rows: tuple[str, str, int, bool, str]) -> pd.DataFrame:
    names = ["explainer", "fault", "seed", "confirmed", "verdict"]
    return pd.DataFrame(rows, columns=names).assign(evidence="maps")


def test_the_one_that_reveals_most_is_named_with_its_mistakes_and_the_median_beside_it():
    sentence = planted_sentence(
        found(
            ("A", "tied", 0, True, "revealed"),
            ("A", "tied", 1, True, "missed"),
            ("A", "none", 0, False, "false alarm"),
            ("B", "tied", 0, True, "revealed"),
            ("B", "tied", 1, True, "revealed"),
            ("B", "none", 0, False, "false alarm"),
            ("C", "tied", 0, True, "misled"),
            ("C", "tied", 1, True, "missed"),
            ("C", "none", 0, False, "quiet"),
        )
    )
    assert sentence.startswith("Re-rendering confirms 2 of 2 planted faults")
    assert (
        "“B” by its maps reveals most of them, 2, and is wrong (misled, or a false alarm) in 1 of 3 judgements"
        in sentence
    )
    assert sentence.endswith("the median explainer reveals 1.")


def test_of_equals_the_one_with_fewer_mistakes_is_named():
    rows = [("A", "tied", 0, True, "revealed"), ("B", "tied", 0, True, "revealed")]
    assert "“B”" in planted_sentence(found(*rows, ("A", "none", 0, False, "false alarm")))
    assert "“A”" in planted_sentence(found(*rows, ("B", "none", 0, True, "misled")))


def test_without_a_confirmed_fault_nothing_is_said_of_explainers():
    sentence = planted_sentence(found(("A", "tied", 0, False, "quiet")))
    assert "confirms 0 of 1" in sentence
    assert "“" not in sentence


def test_without_a_fault_it_says_so():
    assert "No planted fault" in planted_sentence(found(("A", "none", 0, False, "quiet")))


def test_when_nobody_reveals_anything_nobody_is_named():
    sentence = planted_sentence(found(("A", "tied", 0, True, "missed"), ("B", "tied", 0, True, "misled")))
    assert sentence.endswith("No explainer reveals any of them.")


def test_a_fault_that_the_model_did_not_take_up_is_named_with_its_effects():
    index = pd.MultiIndex.from_tuples([("tied", "backpack"), ("tied", "upper colour"), ("background", "elsewhere")])
    confirmed = pd.DataFrame(
        {
            "effect (sound)": [0.0281, 0.1, 1.1],
            "effect (faulty)": [0.0266, 0.1, 1.4],
            "confirmed": [0, 1, 2],
            "seeds": 3,
        },
        index=index,
    )
    assert confirmation_sentence(confirmed) == (
        "“tied” became one of the model in 0 of 3 seeds: the effect of “backpack” stays 0.027, where the sound target "
        "has 0.028; “background” became one of the model in 2 of 3 seeds."
    )
    assert "No planted fault" in confirmation_sentence(confirmed.iloc[:0])
