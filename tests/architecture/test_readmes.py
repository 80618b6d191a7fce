"""The two READMEs say the same, each in its own characters."""

import re

from matching.normalisation import to_simplified
from tests.architecture.sources import ROOT

NAME = "全網"
"""The product's name keeps its characters."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[list[str]]:
    """The lines of every example, without the remarks in brackets."""
    found = re.findall(r"```(?:console|sh)\n(.*?)```", text, re.DOTALL)
    return [[line for line in block.splitlines() if not line.startswith(("(", "（"))] for block in found]


def test_both_show_the_same_examples_headings_and_tables() -> None:
    english, chinese = text_of("README.md"), text_of("README.zh-CN.md")
    assert len(blocks(english)) == 4
    assert blocks(english) == blocks(chinese)
    for shape in (r"^#+ ", r"^\|", r"^- "):
        assert len(re.findall(shape, english, re.MULTILINE)) == len(re.findall(shape, chinese, re.MULTILINE)), shape


def test_simplified_text_is_in_simplified_characters() -> None:
    for name in ("README.zh-CN.md", "docs/glossary.md"):
        text = text_of(name)
        assert text.count(NAME) <= 1
        text = text.replace(NAME, "")
        assert text == to_simplified(text), name


def test_every_term_of_the_glossary_has_a_chinese_name_of_its_own() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]*) \| ", text_of("docs/glossary.md"), re.MULTILINE)[2:]
    assert len(rows) > 40
    assert [term for term, chinese in rows if not chinese.strip()] == []
    names = [chinese for _, chinese in rows]
    assert len(set(names)) == len(names)
