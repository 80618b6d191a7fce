"""After the faults: waits until everything is quiet, asks once more about what is unknown, reads the end, judges."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kit.clock import now_ms
from kit.db import Database, Session
from kit.errors import Unavailable
from kit.redis import connect
from marketplace import dispatch
from marketplace.inbox import InboxStore, find_inbox_faults
from marketplace.profiles import read_all
from matching.profiles import Profile
from quanwang.drills.chaos import end_state_repository as tables
from quanwang.drills.chaos.check_tiers import check_only_users, check_tiers
from quanwang.drills.chaos.checks import check_answers, check_notices, check_orders, check_rest
from quanwang.drills.chaos.checks_of_answers import check_answers_of_people
from quanwang.drills.chaos.client import Client
from quanwang.drills.chaos.end_state import EndState, ToldChunk
from quanwang.drills.chaos.faults import Struck
from quanwang.drills.chaos.findings import Code, Finding
from quanwang.drills.chaos.history import History
from quanwang.drills.chaos.load import READ_PAGE, Load, kept_inbox
from quanwang.drills.chaos.oracle import Oracle
from quanwang.drills.chaos.people import People
from quanwang.drills.chaos.report import Report, report_of
from quanwang.drills.chaos.scenes import POLICIES, POLICY
from quanwang.drills.chaos.site import Site
from quanwang.processes.storage import taxonomy_of

if TYPE_CHECKING:
    from quanwang.drills.chaos.run import Wishes

QUIET_S: Final = 180.0
"""Every timer of the run's policy is over by then, and everything delivered."""
REBUILT_S: Final = 20.0
LATE_MS: Final = 15_000
LOOK_S: Final = 0.5
TELL_EVERY_S: Final = 10.0
ASKED_AGAIN_SHARE: Final = 0.6
"""How many of the requests whose outcome is unknown are sent again; the others must be there once or not at all."""
INBOXES_READ: Final = 150
INBOXES_COMPARED: Final = 1_000
TIERS_COMPARED: Final = 3_000
PAGE: Final = 50_000


class Ending:
    """Judges a run whose load and faults are over."""

    def __init__(
        self,
        site: Site,
        database: Database,
        people: People,
        client: Client,
        history: History,
        say: Callable[[str], None],
    ) -> None:
        self._site, self._database, self._people = site, database, people
        self._client, self._history, self._say = client, history, say

    def judge(self, load: Load, struck: Sequence[Struck], wishes: "Wishes", *, whole_again_s: float) -> Report:
        """Return everything that was found; waits are bounded."""
        found: list[Finding] = []
        self._say("no more faults; waiting until everything answers")
        if not self._site.wait_whole(whole_again_s):
            found.append(Finding(Code.FORGOTTEN, f"not every process answers {whole_again_s:.0f} s after the faults"))
        self._ask_again(load, wishes.seed)
        self._say("waiting until every timer is over and everything is delivered")
        quiet_s = self._wait_quiet()
        if quiet_s is None:
            found.append(Finding(Code.FORGOTTEN, f"not everything came to its end within {QUIET_S:.0f} s"))
        self._say("reading the end and comparing it with what the clients saw")
        end = self._read(wishes.seed)
        operations = self._history.operations
        found += check_orders(operations, end)
        found += check_notices(operations, end)
        found += check_answers_of_people(operations, end)
        found += check_rest(end, late_ms=LATE_MS)
        found += check_answers(operations)
        found += [Finding(Code.INVARIANT, sentence) for sentence in end.broken]
        found += self._check_tiers(end, wishes.seed)
        return report_of(wishes, operations, end, struck, found, quiet_s=quiet_s)

    def _ask_again(self, load: Load, seed: int) -> None:
        randomness = random.Random(f"{seed} ask again")
        for submission in load.submissions:
            if submission.operation.outcome == "unknown" and randomness.random() < ASKED_AGAIN_SHARE:
                load.send_again(submission)

    def _wait_quiet(self) -> float | None:
        """Wait until every dispatch is at rest and no work is left; return how long, None when it takes too long."""
        started_s = told_s = time.monotonic()
        while (passed_s := time.monotonic() - started_s) < QUIET_S:
            self._site.supervisor.heed()
            if time.monotonic() - told_s > TELL_EVERY_S:
                told_s = time.monotonic()
                self._say(f"still under way: {self._left()}")
            with self._database.read() as session:
                work = tables.read_work(session, now_ms())
                if all(state == "dead" for _, _, state, _ in work):
                    # Nothing moves any more, whether everything came to its end or something was forgotten.
                    at_rest = not work and all(each.at_rest for each in tables.read_dispatches(session))
                    return passed_s if at_rest else None
            time.sleep(LOOK_S)
        return None

    def _left(self) -> str:
        with self._database.read() as session:
            kinds = Counter(kind for kind, _, _, _ in tables.read_work(session, now_ms()))
        return ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()) or "nothing"

    def _read(self, seed: int) -> EndState:
        with self._database.read() as session:
            chunks = tables.read_chunks(session)
            chosen = self._readers(chunks, seed)
            broken = [
                f"{name}: {sentence}"
                for name, sentences in dispatch.broken_invariants(session).items()
                for sentence in sentences
            ]
            broken += self._inbox_faults(session, set(chosen[:INBOXES_COMPARED]))
            return EndState(
                dispatches=tables.read_dispatches(session),
                acceptances=tables.read_acceptances(session),
                assignments=tables.read_assignments(session),
                chunks=chunks,
                work=tables.read_work(session, now_ms()),
                broken=broken,
                suppressed=tables.read_suppressed(session),
                inboxes=self._inboxes(chosen[:INBOXES_READ]),
            )

    def _inbox_faults(self, session: Session, user_ids: set[int]) -> list[str]:
        """Compare inboxes as Redis holds them with the waves; a rebuild that does not end is a fault, too."""
        client = connect(self._site.settings.resolved_redis_url)
        end_s = time.monotonic() + REBUILT_S
        try:
            while True:
                try:
                    return find_inbox_faults(session, InboxStore(client), dispatch, user_ids=user_ids)
                except Unavailable as error:
                    if time.monotonic() > end_s:
                        return [
                            f"the inboxes in Redis cannot be read {REBUILT_S:.0f} s after the run: {error.sentence}"
                        ]
                time.sleep(LOOK_S)
        finally:
            client.close()

    def _readers(self, chunks: Sequence[ToldChunk], seed: int) -> list[int]:
        """Return the users whose inboxes are looked at: drawn from those who were told, and a few who were not."""
        randomness = random.Random(f"{seed} readers")
        told = sorted({user_id for chunk in chunks for user_id in chunk.user_ids})
        chosen = randomness.sample(told, min(len(told), INBOXES_COMPARED))
        return [*chosen[: INBOXES_READ - 10], *randomness.sample(range(1, self._people.count + 1), 10), *chosen]

    def _inboxes(self, user_ids: Sequence[int]) -> Mapping[int, Sequence[int]]:
        """Read inboxes through REST, those of the run's own people."""
        inboxes: dict[int, Sequence[int]] = {}
        for user_id in user_ids:
            if user_id <= self._people.count:
                read = self._history.begin("inbox", user_id=user_id, wanted={"at": "the end"})
                path = f"/v1/users/{user_id}/inbox?limit={READ_PAGE}"
                self._client.change(read, "GET", path, key=None, kept=kept_inbox)
                if read.outcome == "ok":
                    inboxes[user_id] = read.answer["dispatch_ids"]
        return inboxes

    def _check_tiers(self, end: EndState, seed: int) -> list[Finding]:
        """Understand and match a part of the orders again, in this process, and compare who was told."""
        only_users = {
            title: operation.wanted["only_user"]
            for operation in self._history.operations
            if operation.kind == "submit" and operation.wanted["only_user"] is not None
            for title in operation.wanted["titles"]
        }
        plain = [each for each in end.dispatches if each.title not in only_users]
        chosen = random.Random(f"{seed} tiers").sample(plain, min(len(plain), TIERS_COMPARED))
        with self._database.read() as session:
            documents = tables.read_documents(session)
            oracle = Oracle(self._everybody(session), taxonomy_of(self._site.settings), POLICY)
        asked = {each.dispatch_id: documents[each.order_id] for each in chosen}
        return [
            *check_tiers(end, oracle.tiers(asked, self._people.stays), POLICIES, self._people.stays),
            *oracle.check_itself(asked, seed=seed),
            *check_only_users(end, only_users),
        ]

    @staticmethod
    def _everybody(session: Session) -> list[Profile]:
        found: list[Profile] = []
        while page := read_all(session, found[-1].id if found else 0, PAGE):
            found += page
        return found
