"""Actors that take turns, each up to its next storage operation; a seed decides who goes on."""

import random
import threading
from collections.abc import Callable

import attrs
from publish.tripping import Ended, Wire


@attrs.define(eq=False)
class Actor:
    """A thread that runs only while it has the turn.

    Attributes:
        name: for messages.
        work: what it does.
        ends: whether it is to end at its next operation, as by ``kill -9``.
    """

    name: str
    work: Callable[["Actor"], None]
    ends: bool = False
    error: BaseException | None = None
    done: bool = False
    _turn: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))
    _back: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def step(self) -> None:
        """Give it the turn until it reaches its next operation, or its end."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        self._turn.release()
        self._back.acquire()

    def pause(self) -> None:
        """Called in its own thread, at each operation and whenever it waits."""
        self._back.release()
        self._turn.acquire()
        if self.ends:
            raise Ended

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self.work(self)
        except Ended:
            pass
        except BaseException as err:  # noqa: BLE001 - told to whoever steps
            self.error = err
        self.done = True
        self._back.release()


@attrs.define
class TurnWire(Wire):
    """A wire that gives the turn back at each operation, before and after it."""

    actor: Actor = attrs.field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        self.passing = self.actor.pause


def run(actors: list[Actor], dice: random.Random, between: Callable[[], None]) -> None:
    """Step the actors in an order that ``dice`` decide, until all are done; ``between`` runs after each step.

    Raises:
        Whatever an actor or ``between`` raised.
    """
    waiting = list(actors)
    while waiting:
        actor = dice.choice(waiting)
        for _ in range(dice.choice([1, 1, 1, 3, 20])):
            actor.step()
            between()
            if actor.done:
                break
        if actor.error is not None:
            actor.error.add_note(f"in {actor.name}")
            raise actor.error
        waiting = [one for one in waiting if not one.done]
