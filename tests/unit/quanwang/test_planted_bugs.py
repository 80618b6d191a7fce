"""Planted bugs find their places in the code, are taken out again, and nobody can plant one without noticing."""

import sys
from importlib import import_module
from typing import Any

import pytest

import api.once
import engine.coordinator  # noqa: F401  # bugs are planted in packages that a process uses
from kit.config import load_settings
from kit.errors import InvalidInput
from quanwang.planted_bugs import PLANTED_BUGS, Patch, UnknownPlantedBug, plant_wanted, planted


def standing(patch: Patch) -> Any:
    """What stands now where the patch goes."""
    found: Any = import_module(patch.module)
    for part in patch.name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", PLANTED_BUGS)
def test_a_bug_replaces_what_it_names_and_goes_again(name: str) -> None:
    patches = PLANTED_BUGS[name].patches
    sound = [standing(patch) for patch in patches]
    with planted(name):
        assert all(standing(patch) is not before for patch, before in zip(patches, sound, strict=True))
        assert all(standing(patch) != before for patch, before in zip(patches, sound, strict=True))
    assert [standing(patch) for patch in patches] == sound


def test_each_says_what_it_breaks() -> None:
    assert len(PLANTED_BUGS) >= 10
    guarantees = [bug.guarantee for bug in PLANTED_BUGS.values()]
    assert len(set(guarantees)) == len(guarantees)
    assert all(bug.sabotage and bug.patches for bug in PLANTED_BUGS.values())


def test_no_bug_plants_nothing() -> None:
    before = api.once.ChangeRequest.once
    with planted(None):
        assert api.once.ChangeRequest.once is before


def test_an_unknown_bug_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(UnknownPlantedBug, match=r"'coffee' is no planted bug; leave it unset, or use .*fencing_off"):
        plant_wanted(load_settings(planted_bug="coffee"))
    assert issubclass(UnknownPlantedBug, InvalidInput)


def test_an_installation_without_a_bug_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plant_wanted(load_settings())
    plant_wanted(load_settings(planted_bug=""))
    assert capsys.readouterr() == ("", "")


def test_a_planted_process_says_so_aloud(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    repository = sys.modules["marketplace.dispatch.wave_repository"]
    monkeypatch.setattr(repository, "told_users", repository.told_users)  # put back after the test
    plant_wanted(load_settings(planted_bug="told_users_forgotten"))
    assert repository.told_users(None, [1]) == {}
    assert "SABOTAGED ON PURPOSE" in capsys.readouterr().err


def test_without_a_name_in_the_environment_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANWANG_PLANTED_BUG", "fencing_off")
    assert load_settings().planted_bug == "fencing_off"
    monkeypatch.delenv("QUANWANG_PLANTED_BUG")
    assert load_settings().planted_bug is None
