"""The sources as the architecture tests read them."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("quanwang", "api", "engine", "marketplace", "settlement", "matching", "kit", "benchmarks")


@dataclass(frozen=True)
class Source:
    """One Python file; ``name`` is its path from the root."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every imported module's dotted name with its line, wherever the import stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield node.module, node.lineno

    def dotted_uses(self) -> Iterator[tuple[str, int]]:
        """Every name or attribute chain that is used, such as ``os.environ`` or ``datetime.now``, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute | ast.Name):
                dotted = _dotted(node)
                if dotted:
                    yield dotted, node.lineno


@cache
def product() -> list[Source]:
    """The Python files of the product's packages."""
    return [Source(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def of_tests() -> list[Source]:
    """The Python files of the tests."""
    return [Source(path) for path in sorted((ROOT / "tests").rglob("*.py"))]


def tracked() -> list[Path]:
    """Every file that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        # A chain on a call or a subscript ends in its last words.
        return f"{before}.{node.attr}" if before else f".{node.attr}"
    return ""
