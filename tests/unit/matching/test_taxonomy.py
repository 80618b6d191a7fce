"""The trees: what is built in, what a file may say, and every way a file can be wrong."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import QuanwangError
from matching.errors import BadTable, UnknownCode, UnreadableFile
from matching.tables import province_populations
from matching.taxonomy import Node, Tree, TreeKind, builtin_taxonomy, load_taxonomy, load_tree
from tests.strategies import STEADY


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "tree.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_builtin_regions() -> None:
    regions = builtin_taxonomy().regions
    assert len(regions) == 3_215
    assert regions.roots() == (0,)
    assert regions.codes[0] == "100000"
    nanshan = regions.index("440305")
    assert [regions.codes[node] for node in regions.ancestors(nanshan)] == ["440300", "440000", "100000"]
    assert (regions.name(nanshan), regions.levels[nanshan]) == ("南山区", "district")
    assert regions.locations[nanshan] == (22.53632, 113.92555)
    assert len(regions.children(0)) == 34


def test_builtin_industries() -> None:
    industries = builtin_taxonomy().industries
    named = [node for node in range(len(industries)) if industries.names_zh[node]]
    assert len(industries.roots()) == 20
    assert len(named) == 117
    assert all(industries.names_en[node] for node in named)
    node = industries.index("3311")
    assert [industries.codes[above] for above in industries.ancestors(node)] == ["331", "33", "C"]
    assert [industries.levels[industries.index(code)] for code in ("C", "33", "331", "3311")] == [
        "section", "division", "group", "class",
    ]  # fmt: skip
    assert industries.name(node) == "3311"


@pytest.mark.parametrize("code", ["330", "3301", "980", "98", "33111", "", "c", "U", "331A", " 33", "３３"])
def test_codes_that_the_standard_cannot_have_are_unknown(code: str) -> None:
    with pytest.raises(UnknownCode, match="is not a code of the industry tree"):
        builtin_taxonomy().industries.index(code)


def test_province_populations_cover_the_census() -> None:
    assert len(province_populations()) == 31
    assert sum(province_populations().values()) == 1_409_778_724
    assert all(code in builtin_taxonomy().regions for code in province_populations())


BAD_FILES: list[tuple[str | bytes, str]] = [
    ("", "tree.csv:1: '' must be a header with the columns code, parent"),
    ("code,name\n1,a\n", "tree.csv:1: 'code,name' lacks the column parent"),
    ("code,parent\n1,\n", "lacks the column name"),
    ("code,code,parent,name\n", "is the name of two columns"),
    ("code,parent,name\n", "has a header but no row"),
    ("code,parent,name\n1,,a\n1,,b\n", "tree.csv:3: '1' is given twice; the first is"),
    ("code,parent,name\n1,,a\n\n2,9,b\n", "tree.csv:4: '9' is named as the parent of 2 but is no code of the file"),
    ("code,parent,name\n1,2,a\n2,1,b\n3,,c\n", "tree.csv:2: '1' has no root: its parents form a circle"),
    ("code,parent,name\n1,1,a\n", "tree.csv:2: '1' has no root: its parents form a circle"),
    ("code,parent,name\n,,a\n", "tree.csv:2: '' must be a code"),
    ("code,parent,name\n12345678901234567,,a\n", "must be a code of 1 to 16"),
    ("code,parent,name\n1,,a,b\n", "tree.csv:2: 4 values are more than the 3 columns of the header"),
    ('code,parent,name\n1,,"a\n', "is no well-formed CSV"),
    ("code,parent,name,lat,lon\n1,,a,91,0\n", "must be a latitude and a longitude"),
    ("code,parent,name,lat,lon\n1,,a,x,0\n", "must be a latitude and a longitude"),
    ("code,parent,name,lat,lon\n1,,a,nan,0\n", "must be a latitude and a longitude"),
    (b"code,parent,name\n1,,\xff\n", "is not UTF-8 at byte 20"),
    (
        "code,parent,name\n" + "".join(f"{i},{i - 1 if i else ''},n\n" for i in range(17)),
        "lies deeper than the 16 levels",
    ),
]


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES, ids=[str(i) for i in range(len(BAD_FILES))])
@pytest.mark.parametrize("kind", ["region", "industry"])
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, sentence: str, kind: TreeKind
) -> None:
    with pytest.raises(QuanwangError) as caught:
        load_tree(written(tmp_path, content), kind)
    assert sentence in caught.value.sentence


def test_the_country_cannot_lie_in_a_region(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="cannot be the parent of 100000"):
        load_tree(written(tmp_path, "code,parent,name\n1,,a\n100000,1,China\n"), "region")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UnreadableFile, match=r"/nowhere/x\.csv: cannot be read: No such file"):
        load_tree("/nowhere/x.csv", "region")


def test_a_file_may_have_any_order_quotes_and_a_mark(tmp_path: Path) -> None:
    content = '\ufeffname,parent,code\r\n"leaf, small",10,101\r\n\r\ntop,,10\r\nother,,09\r\n'
    tree = load_tree(written(tmp_path, content), "industry")
    assert tree.codes == ("09", "10", "101")
    assert tree.names_zh == ("other", "top", "leaf, small")
    assert tree.levels == ("section", "section", "division")


def test_only_listed_codes_of_a_file_are_known(tmp_path: Path) -> None:
    path = written(tmp_path, "code,parent,name\nC,,制造业\n33,C,金属制品业\n")
    taxonomy = load_taxonomy(industries=path)
    assert "33" in taxonomy.industries
    assert "331" not in taxonomy.industries
    assert taxonomy.regions is builtin_taxonomy().regions


def test_roots_of_a_region_file_lie_in_the_country(tmp_path: Path) -> None:
    tree = load_tree(written(tmp_path, "code,parent,name\nA,,North\nB,,South\nA1,A,x\n"), "region")
    assert tree.codes == ("100000", "A", "A1", "B")
    assert tree.roots() == (0,)
    same = load_tree(written(tmp_path, "code,parent,name\n100000,,Land\nA,100000,North\nB,,South\nA1,A,x\n"), "region")
    assert (same.codes, same.name(0)) == (tree.codes, "Land")


@given(st.lists(st.integers(-1, 30), min_size=1, max_size=16), st.randoms(use_true_random=False))
@settings(STEADY, max_examples=200)
def test_intervals_say_what_parents_say(parents: list[int], shuffle: Random) -> None:
    nodes = [Node(str(100 + i), "" if not i or p < 0 else str(100 + p % i)) for i, p in enumerate(parents)]
    by_code = {node.code: node for node in nodes}
    shuffle.shuffle(nodes)
    tree = Tree("industry", nodes)

    def above(code: str) -> list[str]:
        parent = by_code[code].parent
        return [parent, *above(parent)] if parent else []

    assert sorted(tree.codes) == sorted(by_code)
    for node, code in enumerate(tree.codes):
        assert [tree.codes[a] for a in tree.ancestors(node)] == above(code)
        inside = {other for other in by_code if code == other or code in above(other)}
        assert {tree.codes[i] for i in range(node, tree.end[node])} == inside
        assert [tree.codes[c] for c in tree.children(node)] == sorted(o for o in by_code if by_code[o].parent == code)
        for other, other_code in enumerate(tree.codes):
            on_one_path = code == other_code or code in above(other_code) or other_code in above(code)
            assert tree.related(node, other) == on_one_path


def test_the_full_industry_table_loads(shared_data: Path) -> None:
    tree = load_tree(shared_data / "industries.csv", "industry")
    builtin = builtin_taxonomy().industries
    assert len(tree) == 1_971
    assert all(code in builtin for code in tree.codes)
    for code in tree.codes:
        assert [tree.codes[a] for a in tree.ancestors(tree.index(code))] == [
            builtin.codes[a] for a in builtin.ancestors(builtin.index(code))
        ]
