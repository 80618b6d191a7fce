"""Operations in words: every kind of work and every switch is named, and what was read is shown as it is."""

import pytest

from api.operations import shard_health
from api.pages.operations_reading import letters_path, read_shards
from api.pages.operations_words import CONSEQUENCES, DECISIONS, SUBJECTS, SWITCHES, WORK_KINDS
from kit.errors import Unavailable
from marketplace import dispatch, webhooks
from marketplace.channels import work_kind_of
from marketplace.profiles.store_profiles import PROFILE_TEXT_WORK
from marketplace.settings import Switch
from marketplace.webhooks.announce import EVENT_WORK

KINDS = {
    dispatch.DISPATCH_WORK,
    dispatch.DELIVERY_WORK,
    dispatch.ELIGIBILITY_WORK,
    dispatch.LABEL_WORK,
    dispatch.USER_NOTICE_WORK,
    dispatch.WAVE_NOTICE_WORK,
    webhooks.DELIVERY_WORK,
    EVENT_WORK,
    PROFILE_TEXT_WORK,
    work_kind_of("log"),
    work_kind_of("smtp"),
}


def test_every_kind_of_work_and_every_switch_has_a_word() -> None:
    assert set(WORK_KINDS) == KINDS
    assert set(SUBJECTS) <= KINDS
    assert set(SWITCHES) == set(CONSEQUENCES) == {switch.value for switch in Switch}
    assert set(DECISIONS) == {"retry", "dismiss"}


class Shards:
    """Two shards, of which the second is behind."""

    def health(self) -> dict[str, object]:
        shard = {
            "shard_id": 0, "barrier": 120, "population": 7, "available": 6, "segments": 2, "delta_users": 3,
            "tombstones": 1, "bytes": 12_345_678, "merges": 4, "failed_merges": 1, "kernels_compiled": 0,
        }  # fmt: skip
        return {"ready": True, "barrier": 100, "population": 14, "shards": [shard, shard | {"barrier": 100}]}


class Away:
    """Nobody answers."""

    def health(self) -> dict[str, object]:
        raise Unavailable("The dispatcher is away.")


def test_shards_are_told_with_how_far_the_last_is_behind() -> None:
    view = read_shards(Shards())
    assert (view.ready, view.why, view.behind, view.population) == (True, None, 20, 14)
    row = view.rows[0]
    assert (row.users, row.available, row.delta, row.tombstones, row.megabytes) == (7, 6, 3, 1, 12.3)
    assert (row.merges, row.failed_merges) == (4, 1)


def test_shards_that_are_away_have_a_reason_and_no_rows() -> None:
    view = read_shards(Away())
    assert (view.ready, view.why, view.rows, view.behind) == (False, "The dispatcher is away.", [], 0)
    assert shard_health(Away())["population"] == 0


@pytest.mark.parametrize(("kind", "shown"), [("webhook", "webhook"), ("a&b=c", "a%26b%3Dc")])
def test_the_way_back_to_a_page_of_letters_is_a_safe_address(kind: str, shown: str) -> None:
    path = letters_path(kind, 7, done="retry")
    assert path == f"/admin/operations/dead-letters?kind={shown}&after=7&done=retry"
