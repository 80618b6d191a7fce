"""Runs actors one at a time, each in a thread of its own, and switches between them only where they say so.

Real threads, because the code under simulation keeps thread-local state; one runs at a time, so the order of their
steps is decided by whoever calls ``resume``, and by nothing else.
"""

import threading
from collections.abc import Callable
from typing import Final

JOIN_S: Final = 30.0


class Died(BaseException):
    """The process is gone; no handler of errors may catch it."""


class Actor:
    """One simulated process. ``body`` runs until it returns or dies.

    ``polls``: it looks for work, and has found none yet.
    ``point`` is where it stands, ``wakes_at_ms`` until when it sleeps or is frozen, ``clock_skew_ms`` how far its clock
    is from the others'. ``error`` is what ended it, when it was neither a return nor a death.
    """

    def __init__(self, name: str, role: str, body: Callable[["Actor"], None]) -> None:
        self.name, self.role = name, role
        self.point = "start"
        self.wakes_at_ms = 0
        self.frozen = False
        self.clock_skew_ms = 0
        self.waits_for_writer = False
        self.polls = False
        self.dead = False
        self.ended = False
        self.error: BaseException | None = None
        self.on_resume: Callable[[], None] | None = None
        self.go = threading.Lock()
        self.go.acquire()
        self.dying = False
        self._body = body
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.scheduler: Scheduler | None = None

    def _run(self) -> None:
        self.go.acquire()
        try:
            if not self.dying:
                self._body(self)
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001  # told as a failure of the seed
            self.error = error
        self.ended = True
        assert self.scheduler is not None  # noqa: S101  # set before the thread starts
        self.scheduler.back.release()


class Scheduler:
    """Hands the one baton to an actor and takes it back at the actor's next pause."""

    def __init__(self) -> None:
        self.current: Actor | None = None
        self.writer: Actor | None = None
        self.back = threading.Lock()
        self.back.acquire()

    def start(self, actor: Actor) -> None:
        """Make the actor's thread; it runs when it is resumed for the first time."""
        actor.scheduler = self
        actor.thread.start()

    def resume(self, actor: Actor, *, die: bool = False) -> None:
        """Let the actor run until its next pause or its end; with ``die`` it dies where it stands."""
        actor.dying = die
        self.current = actor
        actor.go.release()
        self.back.acquire()
        self.current = None

    def pause_at(self, point: str) -> None:
        """Called by the code of an actor: wait until it is resumed. Raises Died.

        Nobody's code (the checks between two steps) passes through.
        """
        actor = self.current
        if actor is None:
            return
        if actor.dead:
            raise Died(point)
        actor.point = point
        self.back.release()
        actor.go.acquire()
        if actor.dying:
            actor.dead = True
            raise Died(point)
        if actor.on_resume is not None:
            actor.on_resume()

    def take_writer(self) -> None:
        """Wait until no other actor has a writing transaction open, then have it."""
        actor = self.current
        if actor is None:
            return
        actor.waits_for_writer = True
        try:
            self.pause_at("transaction.begins")
            while self.writer is not None:
                self.pause_at("transaction.waits")
        finally:
            actor.waits_for_writer = False
        self.writer = actor

    def give_writer(self) -> None:
        """End what ``take_writer`` began; the actor may be dead."""
        if self.writer is self.current:
            self.writer = None

    def bury(self, actor: Actor) -> None:
        """Wait for the end of a thread whose actor ended."""
        actor.thread.join(JOIN_S)
