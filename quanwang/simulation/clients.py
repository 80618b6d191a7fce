"""Clients of the platform: they call the real routes as the web processes do, and repeat what was not answered."""

from collections.abc import Callable
from typing import Any, Final, cast

import orjson

from api import Services
from api.once import ChangeRequest, changed
from api.v1 import acceptances, dispatches
from kit.errors import QuanwangError, Unavailable
from kit.ids import IdAllocator
from marketplace import dispatch
from marketplace.access import Caller, KeyRing
from marketplace.inbox import list_inbox
from marketplace.profiles import put_profile
from quanwang.simulation.knowledge import Knowledge, Submission, Violation
from quanwang.simulation.platform import Platform
from quanwang.simulation.scheduler import Actor, Died
from quanwang.simulation.world import USERS

CALLER: Final = Caller(1, "shop", frozenset({"admin"}))
MOST_TRIES: Final = 6
Route = Callable[[ChangeRequest], Any]


class Client:
    """One client, with a connection to a web process of its own."""

    def __init__(self, platform: Platform, actor: Actor) -> None:
        self._platform, self._actor = platform, actor
        self._draws = platform.world.draws
        self._knowledge: Knowledge = platform.knowledge
        self._first_asked_ms = 0
        self._services = self._new_process()
        self._acts: list[tuple[Callable[[], None], int]] = [
            (self._submit, 9),
            (self._accept, 26),
            (self._select, 12),
            (self._confirm, 5),
            (self._fail, 3),
            (self._withdraw, 6),
            (self._decline, 3),
            (self._cancel, 3),
            (self._revise, 3),
            (self._change_profile, 7),
            (self._read_inbox, 16),
        ]

    def run(self) -> None:
        """Do one thing after the other until the clients of this run have asked enough."""
        acts, weights = zip(*self._acts, strict=True)
        self._submit()
        while not self._platform.faults.calm:
            self._platform.sleep(self._actor, self._draws.randrange(20, 600))
            if not self._platform.faults.calm:
                self._draws.choices(acts, weights)[0]()

    # --- what a client does -------------------------------------------------------------------------------------------

    def _submit(self) -> None:
        number = len(self._knowledge.submissions)
        document = self._platform.world.order(number, self._platform.wall_ms(self._actor))
        submission = Submission(document["title"], document, self._platform.step)
        self._knowledge.submissions[document["title"]] = submission
        answer = self._post("submit", document, dispatches.submit, "POST /v1/dispatches")
        if answer is None:
            return
        dispatch_id = answer["answers"][0]["dispatch_id"]
        if dispatch_id is None:
            raise Violation("every created order has a dispatch", f"{document['title']} was answered without one")
        submission.dispatch_ids.add(dispatch_id)
        self._knowledge.known[dispatch_id] = submission

    def _accept(self) -> None:
        pair = self._some_pair()
        if pair is None:
            return
        dispatch_id, user_id = pair
        self._platform.accepting[self._actor.name] = pair
        answer = self._post(
            f"accept {dispatch_id} {user_id}",
            {"user_id": user_id},
            lambda change: acceptances.accept(dispatch_id, change),
            f"POST /v1/dispatches/{dispatch_id}/acceptances",
        )
        del self._platform.accepting[self._actor.name]
        if answer is None:
            return
        line = answer["answers"][0]
        told = self._knowledge.told.get(pair)
        if told is None:
            raise Violation("only told users accept", f"user {user_id} accepted dispatch {dispatch_id} untold")
        late_ms = self._first_asked_ms - told.expires_at_ms
        if line["status"] == "accepted" and late_ms >= 0:
            raise Violation(
                "no offer is accepted after its expiry",
                f"user {user_id} accepted dispatch {dispatch_id} {late_ms} ms late",
            )
        self._knowledge.accepted[pair] = self._platform.step

    def _select(self) -> None:
        pair = self._some_acceptance()
        if pair is None:
            return
        dispatch_id, user_id = pair
        answer = self._post(
            f"select {dispatch_id} {user_id}",
            {"user_id": user_id},
            lambda change: acceptances.select(dispatch_id, change),
            f"POST /v1/dispatches/{dispatch_id}/selection",
        )
        if answer is not None:
            other = self._knowledge.tokens[dispatch_id].setdefault(answer["token"], user_id)
            if other != user_id:
                raise Violation(
                    "a hold's token is given once",
                    f"dispatch {dispatch_id}: token {answer['token']} to users {other} and {user_id}",
                )

    def _confirm(self) -> None:
        chosen = self._some_token()
        if chosen is None:
            return
        dispatch_id, token = chosen
        answer = self._post(
            f"confirm {dispatch_id} token {token}",
            {"token": token},
            lambda change: acceptances.confirm(dispatch_id, change),
            f"POST /v1/dispatches/{dispatch_id}/confirmation",
        )
        if answer is not None:
            self._knowledge.confirmed.add((dispatch_id, token))

    def _fail(self) -> None:
        chosen = self._some_token()
        if chosen is None:
            return
        dispatch_id, token = chosen
        self._post(
            f"fail {dispatch_id} token {token}",
            {"token": token, "reason": "simulated"},
            lambda change: acceptances.fail(dispatch_id, change),
            f"POST /v1/dispatches/{dispatch_id}/failure",
        )

    def _withdraw(self) -> None:
        pair = self._some_acceptance()
        if pair is None:
            return
        dispatch_id, user_id = pair
        name = self._name_of(user_id)
        # It may take effect though nobody hears of it.
        self._knowledge.withdrawn.add(pair)
        self._repeat(
            f"withdraw {dispatch_id} {user_id}",
            lambda: acceptances.withdraw(dispatch_id, name, CALLER, self._services, None),
        )

    def _decline(self) -> None:
        pair = self._some_pair()
        if pair is None:
            return
        dispatch_id, user_id = pair
        self._post(
            f"decline {dispatch_id} {user_id}",
            {"user_id": user_id},
            lambda change: acceptances.decline(dispatch_id, change),
            f"POST /v1/dispatches/{dispatch_id}/declines",
        )

    def _cancel(self) -> None:
        dispatch_id = self._some_dispatch()
        if dispatch_id is None:
            return
        answer = self._post(
            f"cancel {dispatch_id}",
            {},
            lambda change: dispatches.cancel(dispatch_id, change),
            f"POST /v1/dispatches/{dispatch_id}/cancellation",
        )
        if answer is not None:
            self._knowledge.cancelled.add(dispatch_id)

    def _revise(self) -> None:
        dispatch_id = self._some_dispatch()
        if dispatch_id is None:
            return
        submission = self._knowledge.known[dispatch_id]
        submission.revised = True
        document = {"title": submission.title, "keywords": [self._draws.choice(self._platform.words)]}

        def revise() -> int:
            services = self._services
            return changed(
                services,
                lambda session: dispatch.revise_order(
                    session,
                    services.ids,
                    dispatch_id=dispatch_id,
                    document=document,
                    taxonomy=services.taxonomy,
                    now_ms=services.clock(),
                ),
            )

        # A revision that was kept and not heard of may be made once more: that is one more version, and harmless.
        self._repeat(f"revise {dispatch_id}", revise)

    def _change_profile(self) -> None:
        self.put_profile(f"u{self._draws.randrange(USERS + 4)}")

    def put_profile(self, name: str) -> None:
        """Put a drawn profile of the user, new or known."""
        document = self._platform.world.profile()
        change: list[int | None] = [self._platform.step, None]
        self._knowledge.touched[name].append(change)

        def put() -> int:
            services = self._services
            return changed(
                services,
                lambda session: put_profile(
                    session,
                    services.ids,
                    caller=CALLER,
                    external_id=name,
                    document=document,
                    taxonomy=services.taxonomy,
                    now_ms=services.clock(),
                ),
            ).user_id

        user_id = self._repeat(f"put profile {name}", put)
        if user_id is not None:
            self._knowledge.users[name] = user_id
            change[1] = self._platform.step

    def _read_inbox(self) -> None:
        told = self._knowledge.told
        if not told:
            return
        _, user_id = self._draws.choice(list(told))
        delivered = self._knowledge.delivered
        expected = {pair[0] for pair, each in told.items() if pair[1] == user_id and each.event_id in delivered}

        def read() -> Any:
            services = self._services
            with services.database.read() as session:
                store = services.inbox_store
                return list_inbox(session, store, dispatch, user_id=user_id, limit=100, now_ms=services.clock())

        page = self._repeat(f"read inbox {user_id}", read)
        if page is not None:
            self._check_inbox(user_id, page, expected)

    def _check_inbox(self, user_id: int, page: Any, expected: set[int]) -> None:
        shown = [entry.dispatch_id for entry in page.entries]
        if len(shown) != len(set(shown)):
            raise Violation("nobody is told twice", f"user {user_id} reads {sorted(shown)} (from {page.source})")
        if not expected.issubset(shown):
            lost = sorted(expected.difference(shown))
            raise Violation(
                "what was delivered can be read", f"user {user_id} does not find dispatches {lost} (from {page.source})"
            )
        untold = [each for each in shown if (each, user_id) not in self._knowledge.told]
        if untold:
            raise Violation("only committed waves are shown", f"user {user_id} reads {untold}")

    # --- how a client asks --------------------------------------------------------------------------------------------

    def _post(self, what: str, document: dict[str, Any], route: Route, scope: str) -> dict[str, Any] | None:
        """Send a request under one Idempotency-Key until it is answered; None when it was refused or given up."""
        self._knowledge.requests += 1
        key = f"{self._actor.name}-{self._knowledge.requests}"
        body = orjson.dumps(document)
        unheard: list[bytes] = []
        # A repeated request is answered as it was the first time: the earliest clock counts.
        self._first_asked_ms = 0

        def send() -> bytes:
            text: bytes = route(ChangeRequest(self._services, CALLER, scope, key, body)).body
            if unheard and unheard[0] != text:
                raise Violation(
                    "a request has one effect and one answer", f"{what}: {unheard[0]!r} first, {text!r} later"
                )
            if self._platform.faults.answer_lost():
                unheard.append(text)
                raise Died("answer lost")
            return text

        text = self._repeat(what, send)
        return None if text is None else cast(dict[str, Any], orjson.loads(text))

    def _repeat(self, what: str, send: Callable[[], Any]) -> Any:
        """Try until there is an answer or a refusal; None for a refusal and when the client gives up."""
        for attempt in range(MOST_TRIES):
            try:
                answer = send()
            except Died:
                if self._actor.dead and self._platform.closing:
                    raise
                if self._actor.dead:
                    self._actor.dead = False
                    self._services = self._new_process()
                self._platform.tell(self._actor, f"{what}: no answer")
            except Unavailable as error:
                self._platform.tell(self._actor, f"{what}: {type(error).__name__}")
            except QuanwangError as error:
                self._platform.tell(self._actor, f"{what}: {type(error).__name__}")
                self._knowledge.refusals += 1
                return None
            else:
                self._platform.tell(self._actor, f"{what}: done")
                return answer
            self._platform.sleep(self._actor, self._draws.randrange(50, 400 << min(attempt, 3)))
        self._knowledge.unknown += 1
        return None

    def _new_process(self) -> Services:
        """Start another web process: nothing that the last one remembered is left."""
        platform, actor = self._platform, self._actor

        def clock() -> int:
            now_ms = platform.wall_ms(actor)
            self._first_asked_ms = min(self._first_asked_ms or now_ms, now_ms)
            return now_ms

        return Services(
            database=platform.database,
            ids=IdAllocator(platform.database),
            taxonomy=platform.taxonomy,
            key_ring=KeyRing(platform.database),
            match_service=cast(Any, None),
            inbox_store=platform.new_inbox_store(),
            inbox_events=cast(Any, None),
            clock=clock,
            reached=platform.scheduler.pause_at,
        )

    # --- what a client chooses ----------------------------------------------------------------------------------------

    def _some_dispatch(self) -> int | None:
        known = list(self._knowledge.known)
        # Mostly what is young is still open.
        return None if not known else self._draws.choice(known[-6:] if self._draws.random() < 0.8 else known)

    def _some_pair(self) -> tuple[int, int] | None:
        told_of = self._knowledge.told_of
        offered = [dispatch_id for dispatch_id in self._knowledge.known if told_of.get(dispatch_id)]
        if offered and self._draws.random() < 0.95:
            dispatch_id = self._draws.choice(offered[-5:])
            return dispatch_id, self._draws.choice(told_of[dispatch_id])
        somewhere = self._some_dispatch()
        if somewhere is None:
            return None
        return somewhere, self._draws.choice(list(self._knowledge.users.values()))

    def _some_acceptance(self) -> tuple[int, int] | None:
        waiting = list(self._knowledge.accepted)
        return None if not waiting else self._draws.choice(waiting[-8:])

    def _some_token(self) -> tuple[int, int] | None:
        given = [(dispatch_id, token) for dispatch_id, tokens in self._knowledge.tokens.items() for token in tokens]
        return None if not given else self._draws.choice(given[-4:])

    def _name_of(self, user_id: int) -> str:
        return next(name for name, known in self._knowledge.users.items() if known == user_id)
