"""The load: a bounded number of clients who submit orders, act for publishers and receivers, and change profiles."""

import itertools
import random
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kit.clock import elapsed_s, now_ms
from quanwang.demonstration.profiles import ProfileDraw
from quanwang.drills.chaos.agenda import Agenda
from quanwang.drills.chaos.client import Client
from quanwang.drills.chaos.history import History, Operation
from quanwang.drills.chaos.people import People
from quanwang.drills.chaos.scenes import Scene, draw_scene, title_of
from quanwang.drills.chaos.stories import Stories

CLIENTS: Final = 12
MOST_ORDERS_A_REQUEST: Final = 4
PROFILES_A_S: Final = 1.0
INBOXES_A_S: Final = 2.0
READ_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Submission:
    """A request as it was sent, to be sent again under the same key when nobody knows what became of it."""

    operation: Operation
    body: Mapping[str, Any]
    key: str


class Load:
    """Runs until its time is over; ``documents`` yields orders without titles and policies of their own."""

    def __init__(
        self,
        client: Client,
        history: History,
        people: People,
        documents: Iterator[dict[str, object]],
        *,
        seed: int,
        orders_per_s: float,
    ) -> None:
        self._client, self._history, self._people, self._documents = client, history, people, documents
        self._seed, self._orders_per_s = seed, orders_per_s
        self._drawn = ProfileDraw(seed)
        self._agenda = Agenda()
        self._stories = Stories(client, history, self._agenda, people, seed=seed)
        self._numbers = itertools.count(1)
        self._drawing = threading.Lock()
        self._randomness = random.Random(f"{seed} load")
        self._submitting_until_s = 0.0
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._act, name=f"client-{number}") for number in range(CLIENTS)]
        self.submissions: list[Submission] = []

    def start(self, *, submits_for_s: float) -> None:
        """Begin; new orders come for so long, what was begun with them goes on until :meth:`stop`."""
        self._submitting_until_s = elapsed_s() + submits_for_s
        self._agenda.plan(0, self._submit)
        self._agenda.plan(0, self._change_profile)
        self._agenda.plan(0, self._read_inbox)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End every client after its present request; raises what a client died of."""
        self._agenda.close()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def send_again(self, submission: Submission) -> Operation:
        """Ask once more, under the same key, for what nobody knows whether it was done."""
        first = submission.operation
        again = self._history.begin("submit again", wanted=first.wanted)
        return self._client.change(
            again, "POST", "/v1/dispatches", submission.body, key=submission.key, kept=_kept_lines
        )

    def _act(self) -> None:
        while (action := self._agenda.next()) is not None:
            try:
                action()
            except BaseException as error:  # noqa: BLE001  # told by stop; a silent client would prove nothing
                self._failed.append(error)
                self._agenda.close()

    def _submit(self) -> None:
        if elapsed_s() > self._submitting_until_s:
            return
        with self._drawing:
            size = self._randomness.randint(1, MOST_ORDERS_A_REQUEST)
            scenes = [draw_scene(self._seed, next(self._numbers)) for _ in range(size)]
            plain = [scene for scene in scenes if not scene.fresh]
            documents = [self._document(scene, next(self._documents)) for scene in plain]
        # First the time of the next request, so that a slow answer does not thin the load out.
        self._agenda.plan(size / self._orders_per_s, self._submit)
        for scene in scenes:
            if scene.fresh:
                self._agenda.plan(0, lambda scene=scene: self._submit_fresh(scene))  # type: ignore[misc]
        if plain:
            self._send(plain, documents, None)

    def _submit_fresh(self, scene: Scene) -> None:
        """Put a profile with a crowd of its own, then an order for this crowd: it must reach that one user."""
        crowd = f"fresh-{self._seed}-{scene.number}"
        put = self._history.begin("profile", wanted={"external_id": crowd})
        self._client.change(put, "PUT", f"/v1/profiles/{crowd}", {"crowds": [crowd]}, key=None, kept=_kept_user)
        if put.outcome == "ok":
            self._send([scene], [self._document(scene, {"crowds": [crowd]})], put.answer["user_id"])

    def _document(self, scene: Scene, drawn: dict[str, object]) -> dict[str, object]:
        document = {**drawn, "title": title_of(self._seed, scene.number), "policy": scene.policy}
        document.pop("id", None)
        if scene.external_id:
            document["id"] = f"chaos-{self._seed}-{scene.number}"
        if scene.own_expiry_s is not None:
            document["expires_at_ms"] = now_ms() + scene.own_expiry_s * 1_000
        return document

    def _send(self, scenes: list[Scene], documents: list[dict[str, object]], only_user: int | None) -> None:
        titles = [str(document["title"]) for document in documents]
        body, key = {"orders": documents}, uuid.uuid4().hex
        operation = self._history.begin("submit", wanted={"titles": titles, "only_user": only_user, "key": key})
        submission = Submission(operation, body, key)
        self.submissions.append(submission)
        if any(scene.sent_twice for scene in scenes):
            self._agenda.plan(0, lambda: self._send_beside(submission))
        self._client.change(operation, "POST", "/v1/dispatches", body, key=key, kept=_kept_lines)
        if operation.outcome != "ok":
            return
        for scene, line in zip(scenes, operation.answer["lines"], strict=True):
            if line["dispatch_id"] is not None:
                self._stories.begin(scene, title_of(self._seed, scene.number), line["dispatch_id"])

    def _send_beside(self, submission: Submission) -> None:
        """The same request while the first is under way: a double click."""
        self.send_again(submission)

    def _change_profile(self) -> None:
        self._agenda.plan(1 / PROFILES_A_S, self._change_profile)
        with self._drawing:
            name, document = self._people.draw_moved(self._randomness, self._drawn)
        put = self._history.begin("profile", wanted={"external_id": name})
        self._client.change(put, "PUT", f"/v1/profiles/{name}", document, key=None, kept=_kept_user)

    def _read_inbox(self) -> None:
        self._agenda.plan(1 / INBOXES_A_S, self._read_inbox)
        with self._drawing:
            user_id = self._randomness.randint(1, self._people.count)
        read = self._history.begin("inbox", user_id=user_id, wanted={})
        path = f"/v1/users/{user_id}/inbox?limit={READ_PAGE}"
        self._client.change(read, "GET", path, key=None, kept=kept_inbox)


def kept_inbox(document: Any) -> Mapping[str, Any]:
    """Keep which dispatches an inbox shows, and who answered."""
    return {"dispatch_ids": [item["dispatch_id"] for item in document["items"]], "source": document["source"]}


def _kept_lines(document: Any) -> Mapping[str, Any]:
    lines = [
        {name: line[name] for name in ("status", "dispatch_id", "external_id", "sentence")}
        for line in document["answers"]
    ]
    return {"lines": lines}


def _kept_user(document: Any) -> Mapping[str, Any]:
    return {"user_id": document["user_id"], "version": document["version"]}
