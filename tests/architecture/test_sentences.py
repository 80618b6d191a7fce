"""Refusals are sentences: what pydantic, Python or an accident would write is noticed where it is raised."""

import ast

from tests.architecture.sources import Source, product


def refusals(source: Source) -> list[ast.Call]:
    """Every call that makes an InvalidInput with its three parts written out."""
    return [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("InvalidInput", "NoDimension", "UnknownCode", "BadTable", "ImportLineTooLong")
        and len(node.args) == 3
    ]


def test_a_missing_value_is_never_shown() -> None:
    """``external_id: None ...`` says nothing to anybody: what is missing is said of the field itself."""
    found = [(source.name, call) for source in product() for call in refusals(source)]
    assert len(found) > 60, "the search found next to nothing, so it would find nothing wrong"
    wrong = [
        f"{name}:{call.lineno}"
        for name, call in found
        if isinstance(call.args[1], ast.Constant)
        and call.args[1].value is None
        and not any(keyword.arg == "show_value" for keyword in call.keywords)
    ]
    assert not wrong


def test_a_rule_continues_a_sentence() -> None:
    """``field: value`` comes before it, so it begins with a small letter, and never with the field's name again."""
    wrong = []
    for source in product():
        for call in refusals(source):
            rule = call.args[2]
            first = rule.values[0] if isinstance(rule, ast.JoinedStr) else rule
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value[0].islower():
                wrong.append(f"{source.name}:{call.lineno}: {first.value}")
    assert not wrong
