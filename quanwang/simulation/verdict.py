"""What must hold: cheap checks after every commit, all of them when a run has healed and come to rest."""

from collections.abc import Iterable
from typing import Any, Final

from kit.db import Session
from kit.redis import RedisClient
from kit.work import list_dead, overdue_work
from marketplace import dispatch
from marketplace.dispatch.invariants import INVARIANTS
from marketplace.inbox import InboxStore, find_inbox_faults
from marketplace.profiles import read_profiles
from matching.profiles import Profile
from matching.query import Query
from matching.reference import satisfied_dimensions
from matching.taxonomy import Taxonomy
from quanwang.simulation.knowledge import Knowledge, Submission, Told, Violation

CHUNKS_AT_ONCE: Final = 200
END_OF_TIME_MS: Final = 1 << 52
FINAL_STATES: Final = frozenset({"exhausted", "expired", "cancelled", "publisher_silent", "unmatchable", "assigned"})


def look(session: Session, knowledge: Knowledge, *, waves: bool) -> None:
    """Look at what was just committed, and with ``waves`` read the new ones. Raises Violation."""
    _raise_first("at most one active assignment", INVARIANTS["at most one active assignment"](session))
    if waves:
        _read_waves(session, knowledge)


def _read_waves(session: Session, knowledge: Knowledge) -> None:
    for chunk in dispatch.iterate_wave_chunks(session, 0, knowledge.newest_event, CHUNKS_AT_ONCE):
        entry = chunk.entry
        knowledge.newest_event = entry.event_id
        knowledge.waves += 1
        for user_id in chunk.user_ids:
            pair = (entry.dispatch_id, user_id)
            before = knowledge.told.get(pair)
            if before is not None:
                raise Violation(
                    "nobody is told twice",
                    f"user {user_id} is in the waves {before.wave} and {entry.wave} of dispatch {entry.dispatch_id}",
                )
            knowledge.told[pair] = Told(entry.event_id, entry.wave, entry.tier, entry.expires_at_ms)
            knowledge.told_of[entry.dispatch_id].append(user_id)


def check_tables(session: Session) -> None:
    """Check everything that always holds in the tables. Raises Violation."""
    for name, sentences in dispatch.broken_invariants(session).items():
        _raise_first(name, sentences)


def check_rest(session: Session, knowledge: Knowledge, taxonomy: Taxonomy) -> None:
    """Check a run that came to rest: everything that was acknowledged ended well. Raises Violation."""
    check_tables(session)
    dead = list_dead(session)
    _raise_first("no work dies", [f"{each.kind} {each.subject_id}: {each.last_error}" for each in dead])
    left = overdue_work(session, END_OF_TIME_MS, 0)
    _raise_first("no work is left", [f"{kind} row {row_id}" for row_id, kind, _late in left])
    summaries = {each.dispatch_id: each for each in dispatch.list_dispatches(session, limit=1_000).items}
    for dispatch_id in knowledge.known:
        if dispatch_id not in summaries:
            raise Violation("no acknowledged order is lost", f"dispatch {dispatch_id} was answered and is not there")
    for summary in summaries.values():
        if summary.state not in FINAL_STATES:
            raise Violation("no deadline is forgotten", f"dispatch {summary.dispatch_id} rests {summary.state}")
    _check_one_dispatch_an_order(knowledge, summaries.values())
    for dispatch_id in knowledge.cancelled:
        if summaries[dispatch_id].stage != "cancelled":
            raise Violation("what was cancelled stays so", f"dispatch {dispatch_id} is {summaries[dispatch_id].stage}")
    profiles = read_profiles(session, list(knowledge.users.values()))
    for dispatch_id, submission in knowledge.known.items():
        _check_full_tier(session, knowledge, taxonomy, profiles, dispatch_id, submission)
        _check_answers(session, knowledge, dispatch_id)


def check_inboxes(session: Session, client: RedisClient) -> None:
    """Check that inboxes and labels in Redis are what the tables say. Raises Violation."""
    store = InboxStore(client)
    _raise_first("everybody has exactly what the waves say", find_inbox_faults(session, store, dispatch))
    waved = sorted({chunk.entry.dispatch_id for chunk in dispatch.iterate_wave_chunks(session, 0, 0, 1_000)})
    shown = store.labels(waved)
    for dispatch_id, label in dispatch.labels_of(session, waved).items():
        if dispatch_id in shown and shown[dispatch_id][1] != label.state:
            raise Violation(
                "receivers see the present state of an order",
                f"dispatch {dispatch_id} is {label.state} and shown as {shown[dispatch_id][1]}",
            )


def _check_one_dispatch_an_order(knowledge: Knowledge, summaries: Iterable[Any]) -> None:
    by_title: dict[str, set[int]] = {}
    for summary in summaries:
        by_title.setdefault(summary.title, set()).add(summary.dispatch_id)
    for title, dispatch_ids in by_title.items():
        if len(dispatch_ids) > 1:
            raise Violation("a request has one effect", f"{title} became dispatches {sorted(dispatch_ids)}")
        heard = knowledge.submissions[title].dispatch_ids
        if heard and heard != dispatch_ids:
            raise Violation("a request has one answer", f"{title} is {dispatch_ids} and was answered as {heard}")


def _check_full_tier(
    session: Session,
    knowledge: Knowledge,
    taxonomy: Taxonomy,
    profiles: dict[int, Profile],
    dispatch_id: int,
    submission: Submission,
) -> None:
    """Whoever was full all the time was told: before anybody of the partial tier, and before the offering's end."""
    view = dispatch.get_dispatch(session, dispatch_id=dispatch_id)
    if submission.revised or view.query_json is None or "confirmed_reach" in submission.document:
        return
    told = {user_id: knowledge.told[dispatch_id, user_id] for user_id in knowledge.told_of.get(dispatch_id, [])}
    partial = [each.wave for each in told.values() if each.tier == "partial"]
    if not partial and view.summary.stage != "exhausted":
        return
    query = Query.from_json(view.query_json)
    named = set(query.dimensions())
    for name, user_id in knowledge.users.items():
        profile = profiles.get(user_id)
        steady = knowledge.steady_since(name, submission.begun_at)
        if profile is None or not profile.available or not steady or user_id == view.publisher_user_id:
            continue
        if set(satisfied_dimensions(profile, query, taxonomy)) != named:
            continue
        if dispatch.suppressions_of(session, dispatch_id, user_id):
            # Passed over for his own sake, with a reason that is kept.
            continue
        if user_id not in told:
            raise Violation(
                "nobody of the full tier is missed", f"user {user_id} ({name}) was not told of dispatch {dispatch_id}"
            )
        if partial and told[user_id].wave > min(partial):
            raise Violation(
                "the full tier comes first",
                f"user {user_id} ({name}) was told of dispatch {dispatch_id} in wave {told[user_id].wave}, partial ones"
                f" in {min(partial)}",
            )


def _check_answers(session: Session, knowledge: Knowledge, dispatch_id: int) -> None:
    view = dispatch.get_dispatch(session, dispatch_id=dispatch_id)
    standing = [each.user_id for each in view.acceptances]
    for told_id, user_id in knowledge.accepted:
        if told_id == dispatch_id and user_id not in standing:
            raise Violation("no acknowledged yes is lost", f"user {user_id} accepted dispatch {dispatch_id}")
    steady = [user for user in standing if (dispatch_id, user) not in knowledge.withdrawn]
    kept = [user for user in dict.fromkeys(knowledge.arrivals.get(dispatch_id, [])) if user in steady]
    if steady != kept:
        raise Violation(
            "the queue is in the order of arrival", f"dispatch {dispatch_id} queues {steady}, they were kept as {kept}"
        )


def _raise_first(name: str, sentences: list[str]) -> None:
    if sentences:
        more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        raise Violation(name, sentences[0] + more)
