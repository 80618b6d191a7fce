"""What a failure tells a reader in his own language; the product's own sentences are English."""

from collections.abc import Callable, Mapping
from typing import Final

from api.match_slots import MatchingBusy
from api.pages.explanation_views import AskedNobody, NotAskedYet, UnknownUser
from api.pages.words import mark
from api.preview_budget import PreviewBudgetSpent
from kit.errors import QuanwangError
from marketplace.access import MissingScope
from marketplace.dispatch import errors as dispatch_errors
from marketplace.dispatch.record_repository import TooMuchToReplay
from marketplace.dispatch.replay_dispatch import PassedOverNotReplayed
from marketplace.operations import LetterGone
from marketplace.settings import SettingChangedMeanwhile, UnknownSwitch

SENTENCES: Final[Mapping[type[QuanwangError], str]] = {
    UnknownUser: mark("There is no such user; enter the id under which the profile was put."),
    NotAskedYet: mark("The query is frozen with the first wave; try again in a moment."),
    AskedNobody: mark("The dispatch ended before its first wave, so nobody was ever looked for."),
    MissingScope: mark("This API key is valid, but it lacks the scope that this page needs."),
    dispatch_errors.DispatchNotFound: mark("There is no such dispatch, or it belongs to another owner."),
    TooMuchToReplay: mark("The dispatch has more waves, acceptances or events than can be replayed in one go."),
    PassedOverNotReplayed: mark(
        "This dispatch passed users over to spare their attention, so it cannot be replayed. Its own page says how many"
        " were passed over, and why."
    ),
    dispatch_errors.UnknownPolicy: mark("There is no such policy; choose one of the list."),
    dispatch_errors.UnknownPolicyVersion: mark("There is no such policy; choose one of the list."),
    dispatch_errors.OrderAlreadyAssigned: mark("The order is already assigned; it opens again only if that fails."),
    dispatch_errors.DispatchClosed: mark("The dispatch is over."),
    dispatch_errors.NeverOffered: mark("This order was not offered to you; only those who were told can answer it."),
    dispatch_errors.OwnOrder: mark("You published this order and cannot accept it yourself."),
    dispatch_errors.OfferExpired: mark("The offer has expired and can no longer be accepted."),
    dispatch_errors.AlreadyAccepted: mark("You have accepted already; withdraw that first."),
    dispatch_errors.AcceptanceClosed: mark("Your acceptance of this order is over and cannot be given again."),
    dispatch_errors.NotInQueue: mark("There is no waiting acceptance of yours for this order."),
    dispatch_errors.StaleHold: mark("The time to confirm is over, or the order has gone on to somebody else."),
    LetterGone: mark("This dead letter is gone: somebody decided about it meanwhile, or it was asked for again."),
    PreviewBudgetSpent: mark(
        "The previews of this minute are used up; they are bounded so that nobody can be singled out by many small"
        " variations. Wait a minute and ask again."
    ),
    MatchingBusy: mark("Too many previews and explanations are under way; ask again in a second."),
    SettingChangedMeanwhile: mark("Somebody else changed this at the same moment; look at the current state."),
    UnknownSwitch: mark("There is no such kill switch."),
    dispatch_errors.NotAssigned: mark("Nobody is selected for this order."),
}
"""By the error's own class. Anything else is told by its kind alone, in every language but English."""


def sentence_of(error: Exception, translate: Callable[[str], str], language: str) -> str | None:
    """Return what exactly went wrong in the reader's language; None when only its kind can be said."""
    message = SENTENCES.get(type(error)) if isinstance(error, QuanwangError) else None
    if message is not None:
        return translate(message)
    return error.sentence if isinstance(error, QuanwangError) and language == "en" else None
