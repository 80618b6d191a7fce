"""The handler of work kind "webhook": sends deliveries from a few threads and notes what became of each.

The handler itself only sorts its claims: into the line of their webhook, or back into the queue when that line is long
or closed. So one call is short, whatever receivers do; each thread ends the claim that it sent by itself, under the
fencing number, long before its lease is over. A crash anywhere sends the delivery again: at least once, with the id of
its event.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from kit.clock import Clock
from kit.db import Database, Session
from kit.encryption import SecretBox
from kit.errors import QuanwangError
from kit.logging import logger_of
from kit.work import Backoff, Claimed, HandlerOptions, complete, fail, hold, release
from marketplace.webhooks import delivery_repository, repository
from marketplace.webhooks.delivery_repository import Target
from marketplace.webhooks.repository import SealedSecrets
from marketplace.webhooks.rotate_secret import secrets_in_force
from marketplace.webhooks.sending_slots import SendingSlots
from marketplace.webhooks.signing import signed_headers
from marketplace.webhooks.webhook_client import Answer, WebhookClient

log = logger_of(__name__)

THREADS: Final = 16
WAITING_IN_ALL: Final = 512
BUSY_PAUSE_MS: Final = 500
MAX_ATTEMPTS: Final = 16
BACKOFF: Final = Backoff(first_ms=5_000, longest_ms=6 * 3_600_000)
"""5 s, 10 s, ... 6 h, each times 0.5..1: sixteen attempts take about seventeen hours."""
OPTIONS: Final = HandlerOptions(limit=64, lease_ms=120_000, max_attempts=MAX_ATTEMPTS)
"""The lease covers waiting in a line and one attempt; nothing is sent in its last LEASE_MARGIN_MS."""
LEASE_MARGIN_MS: Final = 20_000
GIVE_UP_AFTER_MS: Final = 5 * 86_400_000
"""A webhook that took nothing for so long is switched off."""

GONE: Final = "the receiver answered 410 Gone; turn it on again when it wants events"
IS_OFF: Final = "the webhook is off: turn it on, then send this again"


@dataclass(frozen=True, slots=True)
class _Work:
    claimed: Claimed
    target: Target
    secrets: SealedSecrets


class WebhookSender:
    """Sends from ``threads`` threads. ``take`` is the handler; ``close`` ends the threads after what they send."""

    def __init__(
        self,
        database: Database,
        client: WebhookClient,
        box: SecretBox,
        clock: Clock,
        *,
        threads: int = THREADS,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._database = database
        self._client = client
        self._box = box
        self._clock = clock
        self._backoff = backoff
        self._slots: SendingSlots[_Work] = SendingSlots()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook")

    def take(self, claims: Sequence[Claimed]) -> None:
        """Sort the claims into lines; give back what finds no place, end what has nothing to be sent for."""
        with self._database.read() as session:
            targets = delivery_repository.targets_of(session, [claimed.subject_id for claimed in claims])
            sealed = repository.sealed_secrets(session, sorted({target.webhook_id for target in targets.values()}))
        self._end([claimed for claimed in claims if claimed.subject_id not in targets])
        self._refuse([c for c in claims if c.subject_id in targets and not targets[c.subject_id].active])
        now_ms, later = self._clock(), []
        for claimed in claims:
            target = targets.get(claimed.subject_id)
            if target is None or not target.active:
                continue
            pause_ms = self._place(_Work(claimed, target, sealed[target.webhook_id]), now_ms)
            if pause_ms is not None:
                later.append((claimed, pause_ms))
        self._give_back(later, now_ms)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is being sent here."""
        return self._slots.waiting == 0

    def close(self) -> None:
        """End the threads; what waits in a line is taken up by others when its lease is over."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _place(self, work: _Work, now_ms: int) -> int | None:
        if self._slots.waiting >= WAITING_IN_ALL:
            return BUSY_PAUSE_MS
        pause_ms = self._slots.join(work.target.webhook_id, work, now_ms)
        if pause_ms is None:
            # One turn a delivery, and turns of all webhooks in one line: each gets its share of the threads.
            self._threads.submit(self._turn, work.target.webhook_id)
        return pause_ms

    def _turn(self, webhook_id: int) -> None:
        work = self._slots.take(webhook_id)
        if work is None:
            return
        failed = True
        try:
            failed = not self._send(work)
        except QuanwangError as error:
            # The lease brings the delivery back.
            log.warning("a webhook delivery was not noted", delivery_id=work.target.delivery_id, reason=error.sentence)
        except Exception as error:  # noqa: BLE001  # a fault of ours must not cost a thread its slot
            log.error("a webhook delivery broke", exception=error, delivery_id=work.target.delivery_id)
        finally:
            now_ms = self._clock()
            left = self._slots.leave(webhook_id, now_ms, failed=failed)
            pause_ms = self._slots.pause_ms(webhook_id, now_ms)
            self._give_back_quietly([(each.claimed, pause_ms) for each in left], now_ms)
            if not left:
                # Turns that found all slots taken are made up for.
                self._next_turn(webhook_id)

    def _next_turn(self, webhook_id: int) -> None:
        try:
            self._threads.submit(self._turn, webhook_id)
        except RuntimeError:
            # Closed meanwhile: the leases of what waits run out.
            log.info("webhook deliveries wait for another worker", webhook_id=webhook_id)

    def _send(self, work: _Work) -> bool:
        """Send one delivery and note the outcome; return whether it was taken."""
        target, now_ms = work.target, self._clock()
        if now_ms > work.claimed.lease_until_ms - LEASE_MARGIN_MS:
            self._give_back([(work.claimed, BUSY_PAUSE_MS)], now_ms)
            return True
        signing = secrets_in_force(self._box, target.webhook_id, work.secrets, now_ms)
        answer = self._client.post(
            target.url, target.body, signed_headers(signing, target.event_id, target.body, now_ms)
        )
        at_ms = self._clock()
        self._database.run(lambda session: self._note(session, work, answer, at_ms))
        return answer.taken

    def _note(self, session: Session, work: _Work, answer: Answer, now_ms: int) -> None:
        mine, webhook_id = hold(session, [work.claimed]), work.target.webhook_id
        if not mine:
            return
        delivery_repository.note_attempt(
            session,
            work.target.delivery_id,
            status=answer.status,
            error=answer.error,
            delivered=answer.taken,
            now_ms=now_ms,
        )
        if answer.taken:
            complete(session, mine)
            repository.note_failing(session, webhook_id, None)
            return
        most = 1 if answer.gone else MAX_ATTEMPTS
        fail(session, mine, answer.error or "", now_ms, most, backoff=self._backoff)
        self._judge_webhook(session, webhook_id, answer, now_ms)

    def _judge_webhook(self, session: Session, webhook_id: int, answer: Answer, now_ms: int) -> None:
        """Switch off who wants nothing more, or has taken nothing for days."""
        repository.note_failing(session, webhook_id, now_ms)
        view = repository.find_webhook(session, webhook_id)
        since_ms = None if view is None else view.failing_since_ms
        if answer.gone:
            repository.turn_off(session, webhook_id, GONE, now_ms)
        elif since_ms is not None and now_ms - since_ms >= GIVE_UP_AFTER_MS:
            days = GIVE_UP_AFTER_MS // 86_400_000
            reason = f"it took no delivery for {days} days; the last failure: {answer.error}"
            repository.turn_off(session, webhook_id, reason[:500], now_ms)

    def _end(self, claims: Sequence[Claimed]) -> None:
        if claims:
            self._database.run(lambda session: complete(session, hold(session, claims)))

    def _refuse(self, claims: Sequence[Claimed]) -> None:
        if not claims:
            return
        now_ms = self._clock()

        def note(session: Session) -> None:
            mine = hold(session, claims)
            delivery_repository.note_refusal(session, [claimed.subject_id for claimed in mine], IS_OFF)
            fail(session, mine, IS_OFF, now_ms, 1)

        self._database.run(note)

    def _give_back(self, later: Sequence[tuple[Claimed, int]], now_ms: int) -> None:
        if not later:
            return
        by_pause: dict[int, list[Claimed]] = {}
        for claimed, pause_ms in later:
            by_pause.setdefault(pause_ms, []).append(claimed)

        def write(session: Session) -> None:
            for pause_ms, claims in by_pause.items():
                release(session, claims, now_ms + pause_ms)

        self._database.run(write)

    def _give_back_quietly(self, later: Sequence[tuple[Claimed, int]], now_ms: int) -> None:
        try:
            self._give_back(later, now_ms)
        except QuanwangError as error:
            log.warning("webhook deliveries wait for their leases", count=len(later), reason=error.sentence)
