"""Compares what receivers and publishers were told about acceptances and assignments with what is there. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from quanwang.drills.chaos.checks import acknowledged_orders
from quanwang.drills.chaos.end_state import EndedAcceptance, EndedAssignment, EndedDispatch, EndState
from quanwang.drills.chaos.findings import MOST_OF_A_KIND, Code, Finding
from quanwang.drills.chaos.history import Operation

ACCEPTANCES = ("accept", "accept unasked", "accept late")
KEPT_BY = {"confirm": ("confirmed", "failed"), "fail": ("failed",)}
"""What an assignment may be after something was acknowledged about it; after a selection it may be anything."""

Pair = tuple[int, int]
"""Dispatch id and user id."""


def check_answers_of_people(operations: Sequence[Operation], end: EndState) -> list[Finding]:
    """Acceptances are in the queue in order, selections and cancellations hold, one assignment an order."""
    return _Comparison(operations, end).findings()[:MOST_OF_A_KIND]


class _Comparison:
    """One run's acknowledged changes beside its end."""

    def __init__(self, operations: Sequence[Operation], end: EndState) -> None:
        self._operations = operations
        # Of an order that became two dispatches, what followed was done to the one that was acknowledged.
        by_id = {each.dispatch_id: each for each in end.dispatches}
        acknowledged = dict(acknowledged_orders(operations))
        self._dispatches: Mapping[str | None, EndedDispatch] = {
            each.title: by_id.get(acknowledged.get(each.title, each.dispatch_id), each) for each in end.dispatches
        }
        self._acceptances = {(each.dispatch_id, each.user_id): each for each in end.acceptances}
        self._assignments: defaultdict[int, list[EndedAssignment]] = defaultdict(list)
        for each in end.assignments:
            self._assignments[each.dispatch_id].append(each)

    def findings(self) -> list[Finding]:
        return [
            *self._acceptances_kept(),
            *self._none_after_the_end(),
            *self._queues_in_order(),
            *self._withdrawals_kept(),
            *self._selections_kept(),
            *self._one_assignment(),
            *self._cancellations_kept(),
        ]

    def _acknowledged(self, *kinds: str) -> Iterator[tuple[Operation, EndedDispatch]]:
        for operation in self._operations:
            if operation.kind in kinds and operation.outcome == "ok" and operation.order in self._dispatches:
                yield operation, self._dispatches[operation.order]

    def _meant(self, kind: str) -> set[Pair]:
        """Return for whom something was asked and not refused."""
        return {
            (self._dispatches[each.order].dispatch_id, each.user_id)
            for each in self._operations
            if each.kind == kind and each.outcome != "fail" and each.order in self._dispatches and each.user_id
        }

    def _acceptances_kept(self) -> Iterator[Finding]:
        withdrawn = self._meant("withdraw")
        for operation, dispatch in self._acknowledged(*ACCEPTANCES):
            pair = (dispatch.dispatch_id, operation.user_id or 0)
            there = self._acceptances.get(pair)
            who = (
                f"the acceptance of user {operation.user_id} for {operation.order!r} (dispatch {dispatch.dispatch_id})"
            )
            if there is None:
                yield Finding(Code.UNDONE, f"{who} was acknowledged and is gone")
            elif there.state == "withdrawn" and pair not in withdrawn:
                yield Finding(Code.UNDONE, f"{who} is withdrawn, and nobody withdrew it")

    def _none_after_the_end(self) -> Iterator[Finding]:
        """Nobody accepts an order after the end of the offer, or after its cancellation was acknowledged."""
        cancelled_ms = {
            operation.order: operation.ended_ms for operation, _ in reversed(list(self._acknowledged("cancel")))
        }
        for operation, dispatch in self._acknowledged(*ACCEPTANCES):
            who = f"user {operation.user_id} accepted dispatch {dispatch.dispatch_id}"
            until_ms = min(dispatch.expires_at_ms, operation.wanted.get("offered_until_ms") or dispatch.expires_at_ms)
            if operation.begun_ms > until_ms:
                late_ms = operation.begun_ms - until_ms
                yield Finding(Code.PHANTOM, f"{who} {late_ms} ms after the offer was over")
            if operation.begun_ms > cancelled_ms.get(operation.order, operation.begun_ms):
                yield Finding(Code.PHANTOM, f"{who} after its cancellation was acknowledged")

    def _queues_in_order(self) -> Iterator[Finding]:
        """Whoever was acknowledged before another one began stands before him."""
        accepted: defaultdict[int, list[tuple[Operation, EndedAcceptance]]] = defaultdict(list)
        for operation, dispatch in self._acknowledged("accept"):
            there = self._acceptances.get((dispatch.dispatch_id, operation.user_id or 0))
            if there is not None and operation.answer.get("status") == "accepted":
                accepted[dispatch.dispatch_id].append((operation, there))
        for dispatch_id, answers in accepted.items():
            arrivals = [each.arrival for each in self._acceptances.values() if each.dispatch_id == dispatch_id]
            for operation, there in answers:
                place = operation.answer.get("position") or 0
                if place > sum(arrival <= there.arrival for arrival in arrivals):
                    yield Finding(
                        Code.ASSIGNMENTS,
                        f"user {operation.user_id} was told place {place} of dispatch {dispatch_id} and stands before"
                        " fewer",
                    )
                for later, after in answers:
                    if operation.ended_ms < later.begun_ms and there.arrival > after.arrival:
                        yield Finding(
                            Code.ASSIGNMENTS,
                            f"user {operation.user_id} accepted dispatch {dispatch_id} before user {later.user_id}"
                            " and stands behind him",
                        )

    def _withdrawals_kept(self) -> Iterator[Finding]:
        for operation, dispatch in self._acknowledged("withdraw"):
            there = self._acceptances.get((dispatch.dispatch_id, operation.user_id or 0))
            if there is not None and there.state in ("accepted", "selected"):
                yield Finding(
                    Code.UNDONE,
                    f"user {operation.user_id} withdrew from dispatch {dispatch.dispatch_id} and is {there.state}",
                )

    def _selections_kept(self) -> Iterator[Finding]:
        for operation, dispatch in self._acknowledged("select", "confirm", "fail"):
            token, user_id = operation.answer["token"], operation.answer["user_id"]
            there = [each for each in self._assignments[dispatch.dispatch_id] if each.token == token]
            what = f"{operation.kind} of user {user_id} for dispatch {dispatch.dispatch_id} (token {token})"
            if not there or there[0].user_id != user_id:
                yield Finding(Code.UNDONE, f"{what} was acknowledged and is not there")
            elif there[0].state not in KEPT_BY.get(operation.kind, (there[0].state,)):
                yield Finding(Code.UNDONE, f"{what} was acknowledged and the assignment is {there[0].state}")

    def _one_assignment(self) -> Iterator[Finding]:
        named = {each.dispatch_id: each.assigned_user_id for each in self._dispatches.values()}
        for dispatch_id, there in self._assignments.items():
            active = [each for each in there if each.active]
            if len(active) > 1:
                users = ", ".join(str(each.user_id) for each in active)
                yield Finding(Code.ASSIGNMENTS, f"dispatch {dispatch_id} is assigned to several users: {users}")
            if active and named.get(dispatch_id) not in {each.user_id for each in active}:
                yield Finding(Code.ASSIGNMENTS, f"dispatch {dispatch_id} does not name the user whom it is assigned to")
            for each in there[:-1]:
                if not each.active and each.ended_at_ms is None:
                    yield Finding(Code.ASSIGNMENTS, f"assignment {each.token} of dispatch {dispatch_id} never ended")

    def _cancellations_kept(self) -> Iterator[Finding]:
        for operation, dispatch in self._acknowledged("cancel"):
            if dispatch.stage != "cancelled":
                yield Finding(
                    Code.UNDONE, f"order {operation.order!r} was cancelled and is {dispatch.stage} all the same"
                )
