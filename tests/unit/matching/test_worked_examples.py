"""The worked examples of the contract, to the letter: by the reference and by ``quanwang match``."""

import json
from pathlib import Path
from typing import Any

import pytest

from matching.profiles import parse_profile
from matching.query import Query, parse_order, resolve
from matching.reference import match
from matching.taxonomy import builtin_taxonomy
from quanwang.cli.offline_door import match_files
from tests.strategies import vocabulary_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EXAMPLES / f"matching_examples_{name}.jsonl").read_text("utf-8").splitlines()]


def test_the_reference_reproduces_every_line() -> None:
    taxonomy = builtin_taxonomy()
    profiles = [parse_profile(document, taxonomy) for document in lines("profiles")]
    vocabulary = vocabulary_of(profiles)
    for document, expected in zip(lines("orders"), lines("expected"), strict=True):
        query = resolve(parse_order(document, taxonomy), vocabulary, taxonomy)
        assert Query.from_json(query.to_json()) == query
        answer = match(profiles, query, taxonomy)
        assert answer.order == expected["order"]
        assert answer.full_count == expected["full_count"], expected["why"]
        assert [list(row) for row in answer.full] == expected["full"], expected["why"]
        assert [list(row) for row in answer.partial] == expected["partial"], expected["why"]


@pytest.mark.parametrize("shards", [1, 2, 3, 8])
def test_the_offline_door_reproduces_every_line(tmp_path: Path, shards: int) -> None:
    out = tmp_path / "answers.jsonl"
    profiles, orders = (EXAMPLES / f"matching_examples_{name}.jsonl" for name in ("profiles", "orders"))
    assert match_files(profiles, orders, out, None, None, None, shards) == 0
    answers = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    wanted = [{name: value for name, value in line.items() if name != "why"} for line in lines("expected")]
    assert [{name: answer[name] for name in wanted[0]} for answer in answers] == wanted


def test_the_examples_are_those_of_the_shared_data(shared_data: Path) -> None:
    for name in ("profiles", "orders", "expected"):
        file = f"matching_examples_{name}.jsonl"
        assert (EXAMPLES / file).read_bytes() == (shared_data / file).read_bytes()
