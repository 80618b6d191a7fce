"""Plays the scenes: what publishers and receivers do with the orders of a run, one request at a time."""

import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kit.clock import now_ms
from quanwang.drills.chaos.agenda import Agenda
from quanwang.drills.chaos.client import Client, Kept
from quanwang.drills.chaos.history import History
from quanwang.drills.chaos.people import People
from quanwang.drills.chaos.scenes import Publisher, Receiver, Scene

LOOKS: Final = 10
FIRST_LOOK_S: Final = 0.6
LONGEST_LOOK_S: Final = 6.0
OFFERS_SEEN: Final = 40
BOTH_AT_ONCE_SHARE: Final = 0.25
"""How often a publisher with two tabs selects two receivers in the same moment."""
STRANGER_SHARE: Final = 0.05
TWICE_SHARE: Final = 0.1
MOST_CHOICES: Final = 3
LATER_S: Final = 9.0
LATE_ANSWERS: Final = 3
A_LITTLE_LATE_S: Final = 0.2
HOLD_OVER_S: Final = 7.0


@dataclass(slots=True)
class Story:
    """How far one order is.

    ``willing``: (user id, external id) of those who shall accept, in order. ``others``: who comes too late.
    """

    scene: Scene
    title: str
    dispatch_id: int
    randomness: random.Random
    looks: int = 0
    willing: list[tuple[int, str]] = field(default_factory=list)
    open_answers: int = 0
    others: list[tuple[int, str]] = field(default_factory=list)
    offers_until_ms: int | None = None
    queue: list[tuple[int, str]] = field(default_factory=list)
    choices: int = 0

    @property
    def path(self) -> str:
        """Where this order is found."""
        return f"/v1/dispatches/{self.dispatch_id}"


class Stories:
    """Acts for everybody; every step plans the next one. A story's steps follow each other, except where they race."""

    def __init__(self, client: Client, history: History, agenda: Agenda, people: People, *, seed: int) -> None:
        self._client, self._history, self._agenda = client, history, agenda
        self._people, self._seed = people, seed
        self._counting = threading.Lock()

    def begin(self, scene: Scene, title: str, dispatch_id: int) -> None:
        """Follow an order that was acknowledged."""
        story = Story(scene, title, dispatch_id, random.Random(f"{self._seed} story {scene.number}"))
        if scene.cancelled_at_once:
            self._agenda.plan(story.randomness.uniform(0, 0.3), lambda: self._cancel(story))
        elif scene.acceptors:
            self._agenda.plan(FIRST_LOOK_S, lambda: self._look(story))

    def _look(self, story: Story) -> None:
        """See who was offered the order, as receivers see it in their inboxes; come back while nobody was."""
        story.looks += 1
        reply = self._client.attempt(
            "GET", f"{story.path}/offers?limit={OFFERS_SEEN}", turn=story.scene.number + story.looks
        )
        offers = reply.document["items"] if reply.status == 200 else []
        if not offers:
            if story.looks < LOOKS:
                wait_s = min(LONGEST_LOOK_S, FIRST_LOOK_S * 2**story.looks)
                self._agenda.plan(wait_s, lambda: self._look(story))
            return
        names = [(offer["user_id"], offer["external_id"]) for offer in offers]
        story.willing = story.randomness.sample(names, min(story.scene.acceptors, len(names)))
        story.open_answers = len(story.willing)
        for user_id, name in story.willing:
            at_s = story.randomness.choice((0.0, 0.0, 0.4, 1.0))
            self._agenda.plan(at_s, lambda user=(user_id, name): self._accept(story, user))  # type: ignore[misc]
        story.others = [user for user in names if user not in story.willing][:LATE_ANSWERS]
        story.offers_until_ms = max(offer["expires_at_ms"] for offer in offers)
        if story.scene.own_expiry_s is not None or story.scene.publisher is Publisher.SILENT:
            late_s = (story.offers_until_ms - now_ms()) / 1_000 + A_LITTLE_LATE_S
            self._agenda.plan(max(0.0, late_s), lambda: self._accept_late(story))
        if story.randomness.random() < STRANGER_SHARE:
            stranger = story.randomness.randint(1, self._people.count)
            self._agenda.plan(0.2, lambda: self._accept_unasked(story, stranger))

    def _accept(self, story: Story, user: tuple[int, str]) -> None:
        answer = self._do("accept", story, "acceptances", {"user_id": user[0]}, user_id=user[0], kept=_kept_place)
        if answer is not None:
            story.queue.append(user)
            if story.randomness.random() < TWICE_SHARE:
                self._do("accept", story, "acceptances", {"user_id": user[0]}, user_id=user[0], kept=_kept_place)
        with self._counting:
            story.open_answers -= 1
            last = story.open_answers == 0
        if last and story.queue:
            self._agenda.plan(story.randomness.uniform(0.1, 1.5), lambda: self._withdraw_some(story))

    def _accept_unasked(self, story: Story, user_id: int) -> None:
        self._do("accept unasked", story, "acceptances", {"user_id": user_id}, user_id=user_id, kept=_kept_place)

    def _withdraw_some(self, story: Story) -> None:
        for user in list(story.queue[: story.scene.withdrawers]):
            self._withdraw(story, user)
        self._agenda.plan(story.randomness.uniform(0.1, 1.5), lambda: self._choose(story))

    def _withdraw(self, story: Story, user: tuple[int, str]) -> None:
        story.queue.remove(user)
        operation = self._history.begin("withdraw", order=story.title, user_id=user[0], wanted={})
        path = f"{story.path}/acceptances/{user[1]}"
        self._client.change(operation, "DELETE", path, key=None, kept=_kept_nothing)

    def _choose(self, story: Story) -> None:
        """What the publisher does now that somebody waits."""
        if story.scene.publisher is Publisher.CANCELS and story.choices == 0:
            self._cancel(story)
        elif story.scene.publisher is Publisher.SELECTS and story.queue and story.choices < MOST_CHOICES:
            story.choices += 1
            if len(story.queue) > 1 and story.randomness.random() < BOTH_AT_ONCE_SHARE:
                rival = story.queue[1]
                self._agenda.plan(0, lambda: self._select_beside(story, rival[0]))
            self._select(story, story.queue[0])

    def _select(self, story: Story, user: tuple[int, str]) -> None:
        answer = self._do("select", story, "selection", {"user_id": user[0]}, user_id=user[0], kept=_kept_assignment)
        if answer is None:
            return
        story.queue.remove(user)
        token = answer["token"]
        match story.scene.receiver:
            case Receiver.CONFIRMS:
                self._agenda.plan(story.randomness.uniform(0, 2), lambda: self._confirm(story, user[0], token))
            case Receiver.FAILS_LATER:
                self._agenda.plan(story.randomness.uniform(0, 1), lambda: self._confirm(story, user[0], token))
                self._agenda.plan(LATER_S, lambda: self._fail(story, user[0], token))
            case Receiver.FAILS:
                self._agenda.plan(story.randomness.uniform(0, 2), lambda: self._fail(story, user[0], token))
            case Receiver.WITHDRAWS:
                story.queue.append(user)
                self._agenda.plan(story.randomness.uniform(0, 2), lambda: self._leave(story, user))
            case Receiver.SILENT:
                self._agenda.plan(HOLD_OVER_S, lambda: self._choose(story))

    def _select_beside(self, story: Story, user_id: int) -> None:
        self._do("select", story, "selection", {"user_id": user_id}, user_id=user_id, kept=_kept_assignment)

    def _confirm(self, story: Story, user_id: int, token: int) -> None:
        self._do("confirm", story, "confirmation", {"token": token}, user_id=user_id, kept=_kept_assignment)

    def _fail(self, story: Story, user_id: int, token: int) -> None:
        body = {"token": token, "reason": "the engagement failed"}
        self._do("fail", story, "failure", body, user_id=user_id, kept=_kept_assignment)
        self._agenda.plan(story.randomness.uniform(0.1, 1), lambda: self._choose(story))

    def _leave(self, story: Story, user: tuple[int, str]) -> None:
        self._withdraw(story, user)
        self._agenda.plan(story.randomness.uniform(0.1, 1), lambda: self._choose(story))

    def _cancel(self, story: Story) -> None:
        if self._do("cancel", story, "cancellation", {}, user_id=None, kept=_kept_nothing) is not None:
            self._agenda.plan(0, lambda: self._accept_late(story))

    def _accept_late(self, story: Story) -> None:
        """Let some accept after the order or their offers are over: nobody of them may succeed."""
        for user_id, _ in story.others:
            self._do(
                "accept late",
                story,
                "acceptances",
                {"user_id": user_id},
                user_id=user_id,
                kept=_kept_place,
                noted={"offered_until_ms": story.offers_until_ms},
            )

    def _do(
        self,
        kind: str,
        story: Story,
        action: str,
        body: Mapping[str, Any],
        *,
        user_id: int | None,
        kept: Kept,
        noted: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any] | None:
        """Send one change under a key of its own; return what was acknowledged, None when nothing was.

        ``noted`` goes into the history beside the body.
        """
        wanted = {**body, **(noted or {})}
        operation = self._history.begin(kind, order=story.title, user_id=user_id, wanted=wanted)
        self._client.change(operation, "POST", f"{story.path}/{action}", body, key=uuid.uuid4().hex, kept=kept)
        return operation.answer if operation.outcome == "ok" else None


def _kept_place(document: Any) -> Mapping[str, Any]:
    return {"position": document["answers"][0]["position"], "status": document["answers"][0]["status"]}


def _kept_assignment(document: Any) -> Mapping[str, Any]:
    return {"user_id": document["user_id"], "token": document["token"], "state": document["state"]}


def _kept_nothing(_document: Any) -> Mapping[str, Any]:
    return {}
