"""``quanwang match``: what it reads, what it refuses, and that its output is whole or not there."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quanwang.cli import app

PROFILE = '{"id": 1, "keywords": ["电工"], "regions": ["440300"]}\n'
ORDER = '{"id": 7, "keywords": ["电工"]}\n'


class Door:
    """Two input files and an output in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.profiles, self.orders, self.out = (folder / f"{name}.jsonl" for name in ("p", "o", "m"))
        self.stderr = ""

    def run(self, profiles: str | bytes = PROFILE, orders: str | bytes = ORDER, *extra: object) -> int:
        for path, content in ((self.profiles, profiles), (self.orders, orders)):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.start(*extra)

    def start(self, *extra: object) -> int:
        arguments = ["match", "--profiles", self.profiles, "--orders", self.orders, "--out", self.out, *extra]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        self.stderr = result.stderr
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.exit_code

    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text("utf-8").splitlines()]

    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"p.jsonl", "o.jsonl"}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_one_line_an_order(door: Door) -> None:
    assert door.run() == 0
    assert door.answers() == [
        {"order": 7, "full_count": 1, "full": [[1, 4100, 120]], "partial": [], "partial_count": 0}
    ]
    assert list(door.answers()[0])[:4] == ["order", "full_count", "full", "partial"]
    assert door.stderr == ""
    assert door.left() == {"m.jsonl"}


def test_the_full_set_is_everybody_whatever_the_limit_and_the_same_for_any_number_of_shards(door: Door) -> None:
    profiles = "".join(PROFILE.replace("1", str(user_id), 1) for user_id in (30, 4, 2**53 - 1, 17))
    written = set()
    for shards in (1, 3):
        assert door.run(profiles, ORDER[:-2] + ', "limit": 1}\n', "--full-set", "--shards", shards) == 0
        assert door.answers()[0]["full_set"] == [4, 17, 30, 2**53 - 1]
        assert len(door.answers()[0]["full"]) == 1
        written.add(door.out.read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "'{' is no JSON object: "),
        ('{"id": 2, "location": [NaN, 1]}', "is no JSON object: "),
        ('{"id": 2, "location": [91, 1]}', "location[0]: 91 must be between -90 and 90"),
        ('{"id": 0}', "id: 0 must be between 1 and"),
        ('{"id": 18446744073709551616}', "id: 1.8446744073709552e+19 must be an integer"),
        ("[1]", "profile: [1] must be a JSON object"),
        ("null", "profile: null must be a JSON object"),
        ('{"id": 2, "regions": ["999999"]}', "regions[0]: '999999' is not a code of the region tree"),
        (b'{"id": 2, "keywords": ["\xff"]}', "is no JSON object: "),
        ('{"id": 2, "keywords": ["\\ud800"]}', "is no JSON object: "),
        ("[" * 5_000, "is no JSON object: "),
        ('{"id": 2, "id": 3}', "'id' is named twice in one object; keep one of them"),
    ],
)
def test_a_bad_line_is_told_with_its_place_and_the_good_ones_are_matched(
    door: Door, line: str | bytes, reason: str
) -> None:
    content = b"\n" + (line.encode() if isinstance(line, str) else line) + b"\r\n" + PROFILE.encode()
    assert door.run(content) == 3
    assert door.stderr.startswith(f"{door.profiles}:2: ")
    assert reason in door.stderr
    assert door.stderr.count("\n") == 1
    assert door.answers()[0]["full"] == [[1, 4100, 120]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 8}', "order names no dimension"),
        (
            '{"id": 8, "keywords": ["a"], "keyword_rule": {"at_least": 2}}',
            "keyword_rule.at_least: 2 must be 1: the order has one keyword group",
        ),
        ('{"id": 8, "text": "谁来帮忙"}', "text: '谁来帮忙' names no known keyword, region or industry"),
        ("x", "'x' is no JSON object"),
    ],
)
def test_a_bad_order_gets_no_line(door: Door, line: str, reason: str) -> None:
    assert door.run(PROFILE, ORDER + line + "\n" + ORDER.replace("7", "6")) == 3
    assert f"{door.orders}:2: {reason}" in door.stderr
    assert [answer["order"] for answer in door.answers()] == [7, 6]


def test_a_line_of_many_megabytes_is_refused_alone(door: Door) -> None:
    assert door.run('{"id": 2, "text": "' + "x" * (17 * 2**20) + '"}\n' + PROFILE) == 3
    assert "p.jsonl:1: '...' is longer than 4 MiB" in door.stderr
    assert door.answers()[0]["full_count"] == 1


def test_a_line_without_end_ends_the_run(door: Door) -> None:
    door.run()
    door.out.unlink()
    door.profiles = Path("/dev/zero")
    assert door.start() == 1
    assert door.stderr == "quanwang match: /dev/zero:1: the line is longer than 64 MiB: this is no file of lines\n"
    assert door.left() == set()


def test_mark_crlf_blank_lines_and_a_missing_last_newline(door: Door) -> None:
    assert (
        door.run(b"\xef\xbb\xbf" + PROFILE.strip().encode() + b"\r\n\r\n  \n", b"\xef\xbb\xbf" + ORDER.strip().encode())
        == 0
    )
    assert door.answers()[0]["full_count"] == 1


def test_empty_files(door: Door) -> None:
    assert door.run("", ORDER) == 0
    assert door.answers()[0]["full_count"] == 0
    assert door.run(PROFILE, "\n") == 0
    assert door.out.read_bytes() == b""


@pytest.mark.parametrize("suffix", [".gz", ".GZ"])
def test_gzip_by_extension(door: Door, suffix: str) -> None:
    door.profiles, door.orders, door.out = (
        path.with_suffix(".jsonl" + suffix) for path in (door.profiles, door.orders, door.out)
    )
    assert door.run(gzip.compress(PROFILE.encode()), gzip.compress(ORDER.encode())) == 0
    first = door.out.read_bytes()
    assert json.loads(gzip.decompress(first))["full_count"] == 1
    assert door.start() == 0
    assert door.out.read_bytes() == first, "the same input gives the same bytes"


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(PROFILE.encode() * 100)[:-9], b"\x1f\x8b"])
def test_a_damaged_gzip_file_ends_the_run(door: Door, content: bytes) -> None:
    door.profiles = door.folder / "p.jsonl.gz"
    assert door.run(content) == 1
    assert f"quanwang match: {door.profiles}: cannot be read: " in door.stderr
    assert not door.out.exists()


def test_an_unreadable_file_is_one_sentence_and_leaves_an_earlier_output_alone(door: Door) -> None:
    assert door.run() == 0
    before = door.out.read_bytes()
    door.orders.unlink()
    assert door.start() == 1
    assert door.stderr == f"quanwang match: {door.orders}: cannot be read: No such file or directory\n"
    assert door.out.read_bytes() == before
    assert door.left() == {"m.jsonl"}


def test_an_output_that_cannot_be_written(door: Door) -> None:
    door.out = door.folder / "missing" / "m.jsonl"
    assert door.run() == 1
    assert "cannot be written: No such file or directory" in door.stderr
    door.out = door.folder
    assert door.start() == 1
    assert "is a folder; name a file" in door.stderr
    door.out = door.profiles
    assert door.start() == 1
    assert "is also read; name another file" in door.stderr
    assert door.profiles.read_text("utf-8") == PROFILE


def test_the_last_of_a_repeated_profile_wins_with_a_warning(door: Door) -> None:
    assert door.run(PROFILE + PROFILE.replace("电工", "焊接") + '{"id": 1, "rating": 200}\n', ORDER) == 3
    assert f"{door.profiles}:2: warning: profile 1 replaces that of line 1\n" in door.stderr
    assert door.answers()[0]["full_count"] == 0
    assert door.run(PROFILE + PROFILE) == 0


def test_a_repeated_order_is_asked_again(door: Door) -> None:
    assert door.run(PROFILE, ORDER + ORDER) == 0
    assert [answer["order"] for answer in door.answers()] == [7, 7]


def test_texts(door: Door) -> None:
    profiles = PROFILE + '{"id": 2, "text": "持证电工, 深圳"}\n{"id": 3, "text": "厨师"}\n'
    assert door.run(profiles, '{"id": 7, "text": "深圳招电工"}\n') == 0
    answer = door.answers()[0]
    assert [row[0] for row in answer["full"]] == [1]
    assert [row[0] for row in answer["partial"]] == [2], "a profile's text adds keywords only"
    assert [(key["kind"], key["value"], key["start"], key["end"]) for key in answer["extracted"]] == [
        ("region", "440300", 0, 2), ("keyword", "电工", 3, 5),
    ]  # fmt: skip


def test_other_trees_and_synonyms(door: Door) -> None:
    (door.folder / "r.csv").write_text("code,parent,name\nN,,North\nN1,N,Ice\n", "utf-8")
    (door.folder / "i.csv").write_text("code,name,parent\nX,Farming,\n", "utf-8")
    (door.folder / "s.csv").write_text("电工,electrician\n", "utf-8")
    profile = '{"id": 1, "keywords": ["Electrician"], "regions": ["N"], "industries": ["X"]}\n'
    order = '{"id": 7, "keywords": ["电工"], "regions": ["N1"], "industries": ["X"]}\n'
    trees = (
        "--regions",
        door.folder / "r.csv",
        "--industries",
        door.folder / "i.csv",
        "--synonyms",
        door.folder / "s.csv",
    )
    assert door.run(profile, order, *trees) == 0
    assert door.answers()[0]["full"] == [[1, 9500, 120]]
    assert door.run(PROFILE, order, *trees) == 3
    assert "regions[0]: '440300' is not a code of the region tree" in door.stderr


def test_a_bad_tree_ends_the_run(door: Door) -> None:
    (door.folder / "r.csv").write_text("code,parent,name\nN,Q,North\n", "utf-8")
    assert door.run(PROFILE, ORDER, "--regions", door.folder / "r.csv") == 1
    assert f"{door.folder / 'r.csv'}:2: 'Q' is named as the parent of N" in door.stderr
    assert not door.out.exists()


def test_many_orders_keep_their_order_over_batches(door: Door) -> None:
    orders = "".join(f'{{"id": {number}, "keywords": ["电工"]}}\n' for number in range(600, 0, -1))
    assert door.run(PROFILE, orders, "--shards", 3) == 0
    assert [answer["order"] for answer in door.answers()] == list(range(600, 0, -1))


def test_a_device_is_written_directly(door: Door) -> None:
    door.out = Path("/dev/null")
    assert door.run() == 0
    assert door.out.is_char_device()


@pytest.mark.parametrize("shards", ["0", "65", "x"])
def test_a_senseless_number_of_shards_is_a_usage_error(door: Door, shards: str) -> None:
    assert door.run(PROFILE, ORDER, "--shards", shards) == 2
