"""What the loops of background work ask before each batch: whether somebody paused it by a kill switch."""

from kit.db import Session
from kit.errors import Unavailable
from marketplace.settings import read_switches


class DispatchPaused(Unavailable):
    """Somebody switched dispatch off."""


class DeliveriesPaused(Unavailable):
    """Somebody switched deliveries off."""


def require_dispatch(session: Session) -> None:
    """Raise DispatchPaused while dispatch is switched off: no wave is computed then."""
    if read_switches(session).dispatch_paused:
        raise DispatchPaused("dispatch is switched off; it goes on when somebody switches it on")


def require_deliveries(session: Session) -> None:
    """Raise DeliveriesPaused while deliveries are switched off: nobody is told anything then."""
    if read_switches(session).deliveries_paused:
        raise DeliveriesPaused("deliveries are switched off; they go on when somebody switches them on")
