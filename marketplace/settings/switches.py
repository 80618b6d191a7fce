"""Kill switches: dispatch, deliveries and payouts are paused apart."""

from dataclasses import dataclass
from enum import StrEnum

from kit.db import Session
from kit.errors import NotFound
from marketplace.settings import repository
from marketplace.settings.set_setting import append_version
from marketplace.settings.versions import SettingVersion


class Switch(StrEnum):
    """What can be paused."""

    DISPATCH = "dispatch"
    """No wave is computed; submitting still works."""
    DELIVERIES = "deliveries"
    """No committed wave is written into inboxes; waves are still computed."""
    PAYOUTS = "payouts"
    """No money leaves."""


@dataclass(frozen=True, slots=True)
class Switches:
    """The state of all kill switches; everything runs until somebody pauses it."""

    dispatch_paused: bool = False
    deliveries_paused: bool = False
    payouts_paused: bool = False

    def paused(self, switch: Switch) -> bool:
        """Tell whether one of them is paused."""
        return bool(getattr(self, f"{switch.value}_paused"))


class UnknownSwitch(NotFound):
    """There is no kill switch of this name."""


def read_switches(session: Session) -> Switches:
    """Return what is paused now: one indexed read, cheap enough before every batch."""
    newest = repository.newest_of(session, [_setting_name(switch) for switch in Switch])
    paused = {
        switch: bool(newest[_setting_name(switch)].value["paused"]) if _setting_name(switch) in newest else False
        for switch in Switch
    }
    return Switches(paused[Switch.DISPATCH], paused[Switch.DELIVERIES], paused[Switch.PAYOUTS])


@dataclass(frozen=True, slots=True)
class SwitchChange:
    """One time that somebody paused or resumed something."""

    switch: Switch
    paused: bool
    set_by: str
    reason: str
    set_at_ms: int


def switch_log(session: Session, *, limit: int = 50) -> list[SwitchChange]:
    """Return the newest changes (at most 200) of all switches, newest first."""
    most = max(1, min(limit, 200))
    changes = [change for switch in Switch for change in _changes_of(session, switch, most)]
    return sorted(changes, key=lambda change: change.set_at_ms, reverse=True)[:most]


def last_changes(session: Session) -> dict[Switch, SwitchChange]:
    """Return how each switch stands and since when; one that nobody ever turned is missing.

    Not of the log, which is cut: the others may have been turned a thousand times since.
    """
    return {switch: change for switch in Switch for change in _changes_of(session, switch, 1)}


def _changes_of(session: Session, switch: Switch, most: int) -> list[SwitchChange]:
    return [
        SwitchChange(switch, bool(version.value["paused"]), version.set_by, version.reason, version.set_at_ms)
        for version in repository.history_of(session, _setting_name(switch), most)
    ]


def set_switch(
    session: Session,
    *,
    switch: Switch | str,
    paused: bool,
    set_by: str,
    reason: str,
    now_ms: int,
) -> SettingVersion:
    """Pause or resume; keeps who did it, why and when.

    Raises UnknownSwitch, InvalidInput (nobody or no reason named) or SettingChangedMeanwhile.
    """
    try:
        known = Switch(switch)
    except ValueError:
        names = ", ".join(item.value for item in Switch)
        raise UnknownSwitch(f"there is no kill switch {switch!r}: use one of {names}") from None
    return append_version(
        session,
        name=_setting_name(known),
        value={"paused": paused},
        set_by=set_by,
        reason=reason,
        now_ms=now_ms,
    )


def _setting_name(switch: Switch) -> str:
    return f"switch.{switch.value}"
