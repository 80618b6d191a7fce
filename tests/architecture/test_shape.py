"""Sizes of files and functions: a long one is a question, and the answer stands here."""

import ast

from tests.architecture.sources import of_tests, product

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

LONG_FILES: dict[str, str] = {}
"""Path: why it is one file."""

LONG_FUNCTIONS: dict[str, str] = {
    "matching/index/match_batch.py:match_batch": "the one entry of all kernels: arrays of the answer, then one loop",
}
"""``path:function``: why it is one function."""


def test_most_files_are_short() -> None:
    long = {
        source.name: lines
        for source in product()
        if not source.name.startswith("quanwang/migrations/versions/")
        and (lines := source.text.count("\n")) > MAX_FILE_LINES
    }
    unanswered = {name: lines for name, lines in long.items() if name not in LONG_FILES}
    assert not unanswered
    assert set(LONG_FILES) <= set(long), "an answer without a question"


def test_most_functions_are_short() -> None:
    long = {
        f"{source.name}:{node.name}": length
        for source in product()
        if not source.name.startswith("quanwang/migrations/versions/")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    unanswered = {name: length for name, length in long.items() if name not in LONG_FUNCTIONS}
    assert not unanswered
    assert set(LONG_FUNCTIONS) <= set(long), "an answer without a question"


def test_no_test_stands_where_it_is_not_collected() -> None:
    stray = [
        source.name
        for source in of_tests()
        if any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in source.tree.body)
        and not source.path.name.startswith("test_")
    ]
    assert not stray
