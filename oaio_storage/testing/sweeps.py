"""A fault at each operation of a scenario, one after the other: complete, not sampled."""

from collections import Counter
from collections.abc import Callable, Iterable

import attrs

from oaio_storage.errors import OaioError
from oaio_storage.hosts import CshApi
from oaio_storage.testing.misbehaving import Crash, Fault, FaultHost, Faults

MAX_OPERATIONS = 10_000


@attrs.frozen
class Disturbed:
    """How a scenario ended.

    Attributes:
        number: the operation that the fault was planned for, from 1.
        fault: the fault that struck; None if the scenario was over before it could.
        error: what the scenario raised: None, an error of ours, or a Crash.
        faults: the record.
    """

    number: int
    fault: Fault | None
    error: OaioError | Crash | None
    faults: Faults

    @property
    def is_done(self) -> bool:
        """Whether the scenario reported success, so that all of its promises hold."""
        return self.error is None


@attrs.frozen
class Swept:
    """What a sweep covered.

    Attributes:
        operations: how many there are in an undisturbed scenario.
        struck: how often each fault struck.
        outcomes: how often the disturbed scenarios ended as ``"done"``, or as which error.
    """

    operations: int
    struck: Counter[Fault]
    outcomes: Counter[str]


def sweep(
    world: Callable[[], CshApi],
    act: Callable[[CshApi], object],
    check: Callable[[CshApi, Disturbed], object],
    faults: Iterable[Fault] = Fault,
    *,
    lasting: bool = False,
) -> Swept:
    """Run a scenario with each fault at each of its operations, and judge what is left each time.

    For each fault, the scenario runs with it at operation 1, 2, 3 and so on, until it comes to its end
    untouched: then all operations were covered.

    Args:
        world: makes a host as the scenario finds it, anew for each run.
        act: the scenario. It may raise errors of ours and Crash; all else is a defect and passes.
        check: judges. It is given the host without faults, on which all that was late has taken effect by
            now, so it may recover first; and how the scenario ended.
        faults: those to be tried.
        lasting: whether each fault stays from its operation on.

    Raises:
        AssertionError: the scenario does not even succeed untouched, or never ends.
    """
    operations, struck, outcomes = 0, Counter[Fault](), Counter[str]()
    for fault in faults:
        for number in range(1, MAX_OPERATIONS):
            script = Faults(from_on=(number, fault)) if lasting else Faults({number: fault})
            host = world()
            ended = _run(host, act, number, script)
            script.settle()
            if script.count < number:
                assert ended.is_done, f"undisturbed, it ended with {ended.error!r}"
                operations = max(operations, script.count)
            elif not script.struck:
                continue  # the fault makes no difference to this operation
            else:
                struck[fault] += 1
                outcomes[type(ended.error).__name__ if ended.error else "done"] += 1
            check(host, ended)
            if script.count < number:
                break
        else:
            raise AssertionError(f"still not at its end after {MAX_OPERATIONS} operations")
    return Swept(operations, struck, outcomes)


def _run(host: CshApi, act: Callable[[CshApi], object], number: int, script: Faults) -> Disturbed:
    error: OaioError | Crash | None = None
    try:
        act(FaultHost(host, script))
    except (OaioError, Crash) as err:
        error = err
    return Disturbed(number, script.struck[0][1] if script.struck else None, error, script)
