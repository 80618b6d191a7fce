"""Our top-level import names are generic because they are prescribed; so it is guarded that they are ours."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PACKAGES, ROOT, tracked

FOLDERS_WITHOUT_PACKAGE = {"bin", "docs", "k8s", "requirements", "tests"}


def test_the_top_level_is_complete() -> None:
    """Every tracked top-level folder is a package of the house or a named other folder; every package is linted."""
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    visible = {folder for folder in folders if not folder.startswith(".")}
    assert visible <= set(PACKAGES) | FOLDERS_WITHOUT_PACKAGE
    assert all((ROOT / package / "__init__.py").is_file() for package in PACKAGES)
    linted = (ROOT / ".importlinter").read_text(encoding="utf-8").split("root_packages =")[1].split("\ninclude")[0]
    assert set(linted.split()) == set(PACKAGES)


def test_each_package_is_our_tree_from_another_working_directory(tmp_path: Path) -> None:
    script = (
        "import importlib.util as u, json, sys;"
        "print(json.dumps({n: u.find_spec(n).submodule_search_locations[0] for n in sys.argv[1:]}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, *PACKAGES], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(answer) == {package: str(ROOT / package) for package in PACKAGES}


def test_no_installed_distribution_provides_one_of_our_names() -> None:
    """An installed top-level ``engine`` or ``kit`` of somebody else would be imported instead, or shadowed by ours."""
    providers = importlib.metadata.packages_distributions()
    foreign = {name: set(providers.get(name, ())) - {"quanwang"} for name in (*PACKAGES, "tests")}
    assert {name: who for name, who in foreign.items() if who} == {}


def test_no_folder_is_named_like_a_standard_module() -> None:
    packages = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(folder) for folder in packages if folder.name in sys.stdlib_module_names] == []


def test_tracked_files_name_no_registry_and_no_machine() -> None:
    """Lock files and scripts take the registry that the machine is configured for; nothing knows a machine's paths."""
    words = [
        "files.python" + "hosted.org",
        "pypi." + "org/simple",
        "registry.npm" + "js.org",
        "registry." + "yarnpkg.com",
        "npm" + "mirror.com",
        "/wo" + "rk/main",
        "/wo" + "rk/shared",
        "/root" + "/",
        "/tmp/" + "contracts",
    ]
    pattern = re.compile("|".join(re.escape(word) for word in words).encode())
    found = {
        str(path.relative_to(ROOT)): match.group().decode()
        for path in tracked()
        if (match := pattern.search(path.read_bytes()))
    }
    assert found == {}


def test_nothing_of_others_is_committed() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    built = [name for name in names if "node_modules/" in name or "/dist/" in name or name.endswith((".whl", ".so"))]
    assert built == []
    assert [name for name in names if (ROOT / name).stat().st_size > 2_000_000] == []
