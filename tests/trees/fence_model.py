"""The fence of collections as a model: every interleaving of few actors, each of which may stop anywhere.

A state is a value; an actor's step makes the next states of it. Nothing of the library is used, so that the
rules stand here once more, in another way.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from attrs import evolve, frozen

Pack = str


class Generation(NamedTuple):
    """A record, which says what it needs."""

    name: str
    packs: frozenset[Pack]


Name = Pack | Generation


@frozen(cache_hash=True)
class Head:
    version: int
    live: Generation
    kept: frozenset[Generation]
    epoch: int = 0
    plans: tuple[str, ...] = ()


@frozen(cache_hash=True)
class Actor:
    """One actor: what it does next, and what it knows."""

    kind: str
    name: str
    at: str = "read"
    tries: int = 0
    head: Head | None = None
    base: Generation | None = None
    epoch: int = 0
    own: frozenset[Name] = frozenset()
    drawn: int = 0
    plan: str = ""
    doomed: frozenset[Name] = frozenset()


@frozen(cache_hash=True)
class State:
    head: Head
    names: frozenset[Name]
    actors: tuple[Actor, ...]
    plans: frozenset[tuple[str, frozenset[Name]]] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether everything is there that the live generation and all that are kept need."""
        return all(
            generation in self.names and generation.packs <= self.names
            for generation in {self.head.live, *self.head.kept}
        )


@frozen
class Rules:
    """What is done, and what is left out to see that it is needed.

    Attributes:
        fence: the head says what is going to be removed, before it is.
        fresh: no name is given twice.
        checked: what a plan lists is not used any more.
        tries: how often a writer that came too late begins again.
        collector_tries: how often a collector does, and goes on after it finished for another.
    """

    fence: bool = True
    fresh: bool = True
    checked: bool = True
    tries: int = 1
    collector_tries: int = 0


OLD = Generation("old", frozenset({"old pack"}))
LIVE = Generation("live", frozenset({"live pack"}))


def world(*actors: tuple[str, str]) -> State:
    """Two generations, of which one is live; and actors: their kinds and names."""
    head = Head(0, LIVE, frozenset({OLD, LIVE}))
    names: frozenset[Name] = frozenset({OLD, LIVE}) | OLD.packs | LIVE.packs
    return State(head, names, tuple(Actor(kind, name) for kind, name in actors))


def lost(start: State, rules: Rules) -> tuple[int, State | None]:
    """How many states there are, and one in which something is lost; None if there is none."""
    seen, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        if not state.is_whole:
            return len(seen), state
        for following in _following(state, rules):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return len(seen), None


def _following(state: State, rules: Rules) -> Iterator[State]:
    for number, actor in enumerate(state.actors):
        if actor.at != "end":
            step: Callable[[State, Actor, Rules], tuple[State, Actor]] = _STEPS[actor.kind, actor.at]
            after, changed = step(state, actor, rules)
            yield _with(after, number, changed)
            yield _with(state, number, evolve(actor, at="end"))  # it dies before


def _with(state: State, number: int, actor: Actor) -> State:
    """The state with another actor; of one that ended, nothing matters any more."""
    kept = Actor(actor.kind, actor.name, at="end") if actor.at == "end" else actor
    return evolve(state, actors=(*state.actors[:number], kept, *state.actors[number + 1 :]))


def _again(actor: Actor, rules: Rules) -> Actor:
    most = rules.collector_tries if actor.kind == "collector" else rules.tries
    return evolve(actor, at="read" if actor.tries < most else "end", tries=actor.tries + 1)


def _draw(actor: Actor, what: str, rules: Rules) -> str:
    return f"{what} of {actor.name} {actor.drawn if rules.fresh else ''}"


def _planned(state: State, head: Head) -> frozenset[Name] | None:
    """What the plans of a head list; None if one is not there any more."""
    there = dict(state.plans)
    if not set(head.plans) <= there.keys():
        return None
    return frozenset().union(*(there[plan] for plan in head.plans))


# ---- a writer: sends a pack, and makes a generation of it and of the live one's


def _writer_reads(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    head = state.head
    if actor.base not in (None, head.live):
        return state, evolve(actor, at="end")
    at = "send" if not actor.own else "check" if head.epoch != actor.epoch else "record"
    return state, evolve(actor, at=at, head=head, base=head.live)


def _writer_checks(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    planned = _planned(state, actor.head) if rules.checked else frozenset()
    if planned is None:
        return state, _again(actor, rules)
    return state, evolve(actor, at="list", doomed=planned)


def _writer_lists(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    own = (actor.own & state.names) - actor.doomed
    at = "record" if own else "send"
    return state, evolve(actor, at=at, own=own, epoch=actor.head.epoch, doomed=frozenset())


def _writer_sends(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    pack = _draw(actor, "pack", rules)
    sent = evolve(actor, at="record", own=frozenset({pack}), drawn=actor.drawn + 1, epoch=actor.head.epoch)
    return evolve(state, names=state.names | {pack}), sent


def _writer_records(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.base is not None
    packs = actor.base.packs | {one for one in actor.own if isinstance(one, str)}
    made = Generation(_draw(actor, "generation", rules), packs)
    after = evolve(state, names=state.names | {made})
    return after, evolve(actor, at="swap", drawn=actor.drawn + 1, doomed=frozenset({made}))


def _swaps(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    """Of a writer and of a rollback."""
    assert actor.head is not None
    (made,) = actor.doomed
    assert isinstance(made, Generation)
    if state.head.version != actor.head.version:
        return state, evolve(_again(actor, rules), doomed=frozenset())
    head = evolve(state.head, version=state.head.version + 1, live=made, kept=state.head.kept | {made})
    return evolve(state, head=head), evolve(actor, at="end")


# ---- a rollback: makes a generation of the packs of the old one


def _rollback_reads(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    is_there = OLD in state.head.kept and actor.base in (None, state.head.live)
    return state, evolve(actor, at="check" if is_there else "end", head=state.head, base=state.head.live)


def _rollback_checks(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    planned = _planned(state, actor.head) if rules.checked else frozenset()
    if planned is None:
        return state, _again(actor, rules)
    return state, evolve(actor, at="end" if OLD in planned else "record")


def _rollback_records(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    if OLD not in state.names:
        return state, evolve(actor, at="end")
    made = Generation(_draw(actor, "generation", rules), OLD.packs)
    after = evolve(state, names=state.names | {made})
    return after, evolve(actor, at="swap", drawn=actor.drawn + 1, doomed=frozenset({made}))


# ---- a collector: keeps the live generation alone


def _collector_reads(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    at, plan = ("finish", state.head.plans[0]) if state.head.plans else ("list", "")
    return state, evolve(actor, at=at, head=state.head, plan=plan)


def _collector_lists(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    doomed = state.names - {actor.head.live} - actor.head.live.packs
    if not doomed:
        return state, evolve(actor, at="end")
    return state, evolve(actor, at="plan" if rules.fence else "delete", doomed=doomed)


def _collector_plans(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    plan = f"plan of {actor.name} {actor.drawn}"
    after = evolve(state, plans=state.plans | {(plan, actor.doomed)})
    return after, evolve(actor, at="fence", plan=plan, drawn=actor.drawn + 1)


def _collector_fences(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    if state.head.version != actor.head.version:
        return state, evolve(_again(actor, rules), doomed=frozenset(), plan="")
    head = evolve(
        state.head,
        version=state.head.version + 1,
        epoch=state.head.epoch + 1,
        plans=(*state.head.plans, actor.plan),
        kept=frozenset({state.head.live}),
    )
    return evolve(state, head=head), evolve(actor, at="delete", head=None)


def _collector_finishes(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    doomed = dict(state.plans).get(actor.plan, frozenset())
    return state, evolve(actor, at="delete", doomed=doomed, head=None)


def _collector_deletes(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    if not actor.doomed:
        return state, evolve(actor, at="look" if rules.fence else "end")
    first = min(actor.doomed, key=str)
    after = evolve(state, names=state.names - {first})
    if not rules.fence:  # what a reader may still ask for is what the live generation needs
        after = evolve(after, head=evolve(after.head, kept=frozenset({after.head.live})))
    return after, evolve(actor, doomed=actor.doomed - {first})


def _collector_looks(state: State, actor: Actor, _: Rules) -> tuple[State, Actor]:
    return state, evolve(actor, at="unplan", head=state.head)


def _collector_unplans(state: State, actor: Actor, rules: Rules) -> tuple[State, Actor]:
    assert actor.head is not None
    if state.head.version != actor.head.version:
        return state, evolve(actor, at="look", head=None)
    if actor.plan not in state.head.plans:
        return state, _again(actor, rules)
    plans = tuple(plan for plan in state.head.plans if plan != actor.plan)
    head = evolve(state.head, version=state.head.version + 1, plans=plans)
    blobs = frozenset(pair for pair in state.plans if pair[0] != actor.plan)
    return evolve(state, head=head, plans=blobs), evolve(_again(actor, rules), plan="", head=None)


_STEPS = {
    ("writer", "read"): _writer_reads,
    ("writer", "check"): _writer_checks,
    ("writer", "list"): _writer_lists,
    ("writer", "send"): _writer_sends,
    ("writer", "record"): _writer_records,
    ("writer", "swap"): _swaps,
    ("rollback", "read"): _rollback_reads,
    ("rollback", "check"): _rollback_checks,
    ("rollback", "record"): _rollback_records,
    ("rollback", "swap"): _swaps,
    ("collector", "read"): _collector_reads,
    ("collector", "list"): _collector_lists,
    ("collector", "plan"): _collector_plans,
    ("collector", "fence"): _collector_fences,
    ("collector", "finish"): _collector_finishes,
    ("collector", "delete"): _collector_deletes,
    ("collector", "look"): _collector_looks,
    ("collector", "unplan"): _collector_unplans,
}
