"""Every expected error of the product has a status, and what is rounded singles out nobody."""

import importlib
import pkgutil
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

import kit
import marketplace
from api.previews import rounded
from api.problems import STATUSES, code_of, status_of
from kit.errors import QuanwangError, Unavailable

KINDS_WITHOUT_STATUS = {
    "QuanwangError",
    # Never leave the import that they end: their sentence is a line of its answer.
    "ClientSilent",
    # A fault of our own code: 500 with an incident number.
    "RowRefused",
    # Of files that the command line reads.
    "UnreadableFile",
}


OUT_OF_REACH = ("benchmarks.", "engine.", "matching.index.", "quanwang.", "tests.")


def every_error() -> set[type[QuanwangError]]:
    for package in (kit, marketplace):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    found: set[type[QuanwangError]] = set()
    pending = [QuanwangError]
    while pending:
        kind = pending.pop()
        # Other tests of this process may have imported what the api process never reaches.
        if not kind.__module__.startswith(OUT_OF_REACH):
            found.add(kind)
        pending += kind.__subclasses__()
    return found


def test_every_expected_error_has_a_status() -> None:
    for kind in every_error():
        mapped = any(base in STATUSES for base in kind.__mro__)
        assert mapped or kind.__name__ in KINDS_WITHOUT_STATUS, f"{kind} has no status in api/problems.py"


def test_codes_are_kebab_case_and_statuses_are_those_of_the_kind() -> None:
    error = Unavailable("gone for now", 1)
    assert code_of(error) == "unavailable"
    assert status_of(error) == 503


@given(st.integers(0, 10**9))
def test_a_rounded_count_tells_two_digits_at_most(count: int) -> None:
    found = rounded(count)
    if count < 10:
        assert (found.about, found.below) == (None, 10)
    else:
        assert found.below is None
        assert found.about is not None
        assert len(str(found.about).rstrip("0")) <= 2
        assert abs(found.about - count) <= max(9, count * 0.1)


@given(st.integers(0, 10**6))
def test_one_person_more_is_seldom_seen(count: int) -> None:
    """At most one of ten neighbours changes what is shown, so that two previews do not single out a person."""
    shown = [rounded(count + more) for more in range(10)]
    assert sum(one != other for one, other in pairwise(shown)) <= 1
