"""What must hold after a drill, when everything is quiet again."""

import time
from dataclasses import dataclass, field
from typing import Final

from kit.db import Database
from kit.redis import connect
from kit.work import count_work
from marketplace import dispatch
from marketplace.inbox import InboxStore, find_inbox_faults
from quanwang.drills.failover.load import History
from quanwang.drills.failover.site import DrillSite

QUIET_WAIT_S: Final = 180.0
DELIVERY_KINDS: Final = ("delivery", "dispatch_label")


@dataclass
class Verdict:
    """``lost`` and ``doubled`` hold a sentence each; ``other`` is what broke besides, such as an invariant."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.other)


def check(site: DrillSite, history: History) -> Verdict:
    """Wait until every acknowledged order came to its end, and compare what the clients saw with what is there."""
    verdict = Verdict(doubled=[f"order {name} was given two dispatches" for name in history.contradicted])
    verdict.other += [f"refused: {sentence}" for sentence in history.refused[:5]]
    if not history.acknowledged:
        verdict.other.append("nothing was acknowledged, so nothing is proven")
    wanted = sorted(history.acknowledged.values())
    if not _wait_quiet(site.database, wanted):
        verdict.other.append(f"after {QUIET_WAIT_S:g} s there is still work to do")
    with site.database.read() as session:
        labels = dispatch.labels_of(session, wanted)
        verdict.lost += [
            f"order {name}, dispatch {dispatch_id}, was acknowledged and is not there"
            for name, dispatch_id in history.acknowledged.items()
            if dispatch_id not in labels
        ]
        for name, dispatch_id in history.acknowledged.items():
            if dispatch_id in labels and labels[dispatch_id].state == "open":
                verdict.lost.append(f"order {name}, dispatch {dispatch_id}, never came to its end")
        for sentence, broken in dispatch.broken_invariants(session).items():
            verdict.other.append(f"{sentence}: {broken[0]}")
        store = InboxStore(connect(site.settings.resolved_redis_url))
        for fault in find_inbox_faults(session, store, dispatch):
            (verdict.lost if "lacks" in fault else verdict.doubled).append(fault)
    return verdict


def _wait_quiet(database: Database, dispatch_ids: list[int]) -> bool:
    """Wait until no dispatch of these is open and every delivery is made."""
    end_s = time.monotonic() + QUIET_WAIT_S
    while time.monotonic() < end_s:
        with database.read() as session:
            open_ones = any(label.state == "open" for label in dispatch.labels_of(session, dispatch_ids).values())
            deliveries = any(row.count for row in count_work(session) if row.kind in DELIVERY_KINDS)
        if not open_ones and not deliveries:
            return True
        time.sleep(0.25)
    return False
