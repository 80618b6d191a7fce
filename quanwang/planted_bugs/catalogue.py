"""The planted bugs by name: which guarantee each breaks, and by what."""

from typing import Final

from quanwang.planted_bugs import answers, inboxes, requests, waves, work
from quanwang.planted_bugs.planting import Patch, PlantedBug

_DISPATCH: Final = "marketplace.dispatch"

_ALL: Final = (
    PlantedBug(
        "told_users_forgotten",
        "nobody is told twice of one order",
        "the wave's question does not leave out whom earlier waves told; shows with the second wave",
        (Patch(f"{_DISPATCH}.wave_repository", "told_users", waves.nobody_was_told),),
    ),
    PlantedBug(
        "incomplete_answers_recorded",
        "nobody of the full tier is missed: a wave is cut from a complete answer or not at all",
        "answers are taken as they come, and a shard that is lost is left out; shows when a shard dies under a query",
        (
            Patch(f"{_DISPATCH}.plan_waves", "matched_event", waves.counted_as_it_came),
            Patch(f"{_DISPATCH}.run_due_dispatches", "matched_event", waves.counted_as_it_came),
            Patch("engine.coordinator", "Coordinator._collect", waves.without_lost_shards),
        ),
    ),
    PlantedBug(
        "profiles_not_awaited",
        "an order reaches everybody whose profile was acknowledged before the order was",
        "matching does not wait for profile changes that are committed; shows with a profile put just before an order",
        (Patch("marketplace.profiles.read_log", "DatabaseProfileLog.last_seq", waves.nothing_to_await),),
    ),
    PlantedBug(
        "deliveries_after_commit",
        "every committed wave reaches its inboxes",
        "deliveries are written after the wave's commit, in a transaction of their own; shows when a dispatcher dies",
        (
            Patch(f"{_DISPATCH}.run_due_dispatches", "enqueue", waves.kept_for_later),
            Patch(_DISPATCH, "run_due_dispatches", waves.delivering_afterwards),
        ),
    ),
    PlantedBug(
        "fencing_off",
        "a worker that froze and wakes up late changes nothing",
        "neither attempt numbers nor the version of the dispatch are looked at; shows when a dispatcher freezes for"
        " longer than its lease and waves follow each other at once",
        (
            Patch("kit.work.queue", "_lock_ours", work.everything_is_ours),
            Patch("kit.work.queue", "_ours", work.by_id_alone),
            Patch("kit.work.queue", "_all_met", work.whatever_was_met),
            Patch(f"{_DISPATCH}.plan_waves", "Plan", work.of_any_version),
        ),
    ),
    PlantedBug(
        "leases_ignored",
        "two workers never have the same work at the same time",
        "claiming takes rows that others hold; shows with two workers of a kind: work counts as lost until it is dead",
        (Patch("kit.work.queue", "_due", work.held_or_not),),
    ),
    PlantedBug(
        "timers_not_set",
        "no deadline is forgotten",
        "a choice, a withdrawal, a cancellation or an edit sets no timer; shows when a hold should lapse",
        (Patch(f"{_DISPATCH}.locked_dispatch", "enqueue", work.never_written),),
    ),
    PlantedBug(
        "inbox_entries_by_delivery",
        "nobody has two inbox entries of one order, however often its wave is delivered",
        "an entry is named after the delivery instead of the wave; shows when a worker dies before it notes a delivery",
        (Patch(f"{_DISPATCH}.history_repository", "read_chunks", inboxes.numbered_by_delivery),),
    ),
    PlantedBug(
        "wiped_redis_trusted",
        "losing all of Redis loses nothing",
        "no script and no keeper looks for hot:generation; shows after FLUSHALL or a restart of Redis",
        (
            Patch("marketplace.inbox.redis_scripts", "DELIVER", inboxes.without_looking),
            Patch("marketplace.inbox.redis_scripts", "BROADCAST", inboxes.without_looking),
            Patch("marketplace.inbox.redis_scripts", "SET_STATE", inboxes.without_looking),
            Patch("marketplace.inbox.redis_scripts", "READ", inboxes.without_looking),
            Patch("marketplace.inbox.redis_rebuild", "InboxKeeper._complete", inboxes.always_complete),
        ),
    ),
    PlantedBug(
        "acceptance_without_lock",
        "nobody accepts an order that is taken, cancelled or over",
        "an acceptance is checked against the dispatch as it was when first looked at; shows when it closed since",
        (Patch(f"{_DISPATCH}.dispatch_repository", "share_dispatches", answers.remembered),),
    ),
    PlantedBug(
        "expiry_not_enforced",
        "no offer and no order is accepted after its expiry",
        "an acceptance is not compared with the clock; shows with a yes that comes late",
        (Patch(f"{_DISPATCH}.accept_offers", "_refusal", answers.at_any_time),),
    ),
    PlantedBug(
        "arrivals_by_clock",
        "acceptances queue in the order of their commits",
        "an arrival is the time of the web process instead of the dispatch's counter; shows with two yeses",
        (
            Patch(f"{_DISPATCH}.accept_offers", "_queue", answers.minding_the_time),
            Patch(f"{_DISPATCH}.acceptance_repository", "take_arrivals", answers.by_the_clock),
        ),
    ),
    PlantedBug(
        "two_active_assignments",
        "at most one assignment of an order is active",
        "the unique mark is not written and selecting does not see who is selected; shows with two selections",
        (
            Patch(f"{_DISPATCH}.acceptance_repository", "insert_many", answers.unmarked),
            Patch(f"{_DISPATCH}.select_acceptor", "lock_dispatch", answers.as_if_free),
        ),
    ),
    PlantedBug(
        "idempotency_keys_not_kept",
        "a request that is sent again under the same Idempotency-Key has one effect",
        "keys are not written with the effect; shows when an answer is lost and the client asks again",
        (
            Patch("kit.idempotency", "begin", requests.always_fresh),
            Patch("kit.idempotency", "store", requests.not_stored),
        ),
    ),
    PlantedBug(
        "answered_before_commit",
        "what was acknowledged is never lost",
        "the answer leaves before the commit; shows when the web process or the database dies in between",
        (Patch("api.once", "ChangeRequest.once", requests.answered_in_haste),),
        simulated=False,
    ),
)

PLANTED_BUGS: Final[dict[str, PlantedBug]] = {bug.name: bug for bug in _ALL}
