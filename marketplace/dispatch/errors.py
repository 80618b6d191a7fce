"""What can go wrong between an approved order and its receiver; every text is one sentence for a person."""

from kit.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge


class DispatchNotFound(NotFound):
    """No such dispatch, or it belongs to somebody else."""

    def __init__(self, dispatch_id: int) -> None:
        super().__init__(f"Dispatch {dispatch_id} does not exist or belongs to another owner; check the id.")


class OrderAlreadyAssigned(Conflict):
    """Somebody has been selected; nobody else can accept, be selected, or cancel now."""

    def __init__(self, dispatch_id: int) -> None:
        super().__init__(f"The order of dispatch {dispatch_id} is already assigned; it opens again only if that fails.")


class DispatchClosed(Conflict):
    """The dispatch ended without an assignment."""

    def __init__(self, dispatch_id: int, state: str) -> None:
        super().__init__(f"Dispatch {dispatch_id} is closed ({state}); submit the order again to offer it anew.")


class NeverOffered(Forbidden):
    """Only a notified user may answer an offer."""

    def __init__(self, dispatch_id: int, user_id: int) -> None:
        super().__init__(f"User {user_id} was never offered dispatch {dispatch_id}; only notified users can answer it.")


class OwnOrder(Forbidden):
    """A publisher cannot take his own order."""

    def __init__(self, dispatch_id: int, user_id: int) -> None:
        super().__init__(f"User {user_id} published the order of dispatch {dispatch_id} and cannot accept it.")


class OfferExpired(Conflict):
    """The offer's time is over."""

    def __init__(self, dispatch_id: int, user_id: int) -> None:
        super().__init__(f"The offer of dispatch {dispatch_id} to user {user_id} has expired and cannot be accepted.")


class AlreadyAccepted(Conflict):
    """The user stands in the queue already, so he must withdraw before he can decline."""

    def __init__(self, dispatch_id: int, user_id: int) -> None:
        super().__init__(f"User {user_id} has already accepted dispatch {dispatch_id}; withdraw the acceptance first.")


class AcceptanceClosed(Conflict):
    """The acceptance ended for good (failed, lapsed, released) and cannot be given again."""

    def __init__(self, dispatch_id: int, user_id: int, state: str) -> None:
        super().__init__(f"The acceptance of user {user_id} for dispatch {dispatch_id} is over ({state}).")


class NotInQueue(Conflict):
    """The user has no waiting acceptance to withdraw or to select."""

    def __init__(self, dispatch_id: int, user_id: int) -> None:
        super().__init__(f"User {user_id} has no waiting acceptance for dispatch {dispatch_id}; choose one who has.")


class StaleHold(Conflict):
    """A late answer: the hold with this token is over and the queue has moved on."""

    def __init__(self, dispatch_id: int, token: int) -> None:
        super().__init__(f"Hold {token} of dispatch {dispatch_id} is over; the queue has moved on.")


class NotAssigned(Conflict):
    """There is no active assignment to confirm or to fail."""

    def __init__(self, dispatch_id: int) -> None:
        super().__init__(f"Dispatch {dispatch_id} has no active assignment; select an acceptor first.")


class WrongToken(Conflict):
    """There is an active assignment, and the token is that of none."""

    def __init__(self, dispatch_id: int, token: int) -> None:
        super().__init__(
            f"Dispatch {dispatch_id} has an active assignment, but {token} is not its token; send the one that"
            " selecting answered."
        )


class UnknownPolicy(InvalidInput):
    """The policy's name is not known."""

    def __init__(self, name: object, known: list[str]) -> None:
        super().__init__("policy", name, f"is not a known policy; choose one of {', '.join(sorted(known))}.")


class UnknownPolicyVersion(UnknownPolicy):
    """The policy is known, this version of it is not."""

    def __init__(self, reference: object, newest: int) -> None:
        rule = f"names no version of that policy; there are the versions 1 to {newest}, and without one the newest."
        InvalidInput.__init__(self, "policy", reference, rule)


class TooManyAnswers(TooLarge):
    """A batch of acceptances above the bound."""

    def __init__(self, given: int, most: int) -> None:
        super().__init__(f"{given} acceptances in one request are too many; send at most {most} at a time.")
