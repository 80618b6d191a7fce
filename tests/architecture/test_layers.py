"""The arrows between packages, by import-linter's own file; and that it would notice a wrong one."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports({arguments}))"


def lint(folder: Path, configuration: Path) -> subprocess.CompletedProcess[str]:
    arguments = f"config_filename={str(configuration)!r}, no_cache=True, is_debug_mode=False, show_timings=False"
    script = LINT.format(arguments=arguments)
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)


def test_the_arrows_go_down() -> None:
    result = lint(ROOT, ROOT / ".importlinter")
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_an_arrow_that_goes_up_is_noticed(tmp_path: Path) -> None:
    """A copy of the house with one wrong import in it is refused under the same contracts."""
    for package in ("quanwang", "api", "engine", "marketplace", "settlement", "matching", "kit", "benchmarks"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for module in ("dispatch", "orders", "inbox", "profiles", "users", "access", "settings"):
        (tmp_path / "marketplace" / f"{module}.py").touch()
    (tmp_path / "marketplace" / "access.py").write_text("import engine\n")
    text = (ROOT / ".importlinter").read_text(encoding="utf-8")
    only_layers = text[: text.index("# Inside the marketplace")]
    (tmp_path / ".importlinter").write_text(only_layers, encoding="utf-8")
    result = lint(tmp_path, tmp_path / ".importlinter")
    assert result.returncode == 1
    assert "marketplace.access -> engine" in result.stdout
