"""The demo as people see it: where it works, a line for each step, and an end that leaves nothing behind."""

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from oaio_storage.cli.demo.folders import checked_source
from oaio_storage.cli.demo.script import lines
from oaio_storage.cli.demo.step import Step
from oaio_storage.cli.demo.story import tell_story
from oaio_storage.cli.output import answer, say
from oaio_storage.cli.progressing import progress
from oaio_storage.errors import AlreadyExists, InvalidArgument
from oaio_storage.places import Places
from oaio_storage.scan import check_apart


def run_demo(folder: Path | None, keep: Path | None, csh_id: str = "", *, as_json: bool) -> None:
    """Tell the story on a copy of ``folder``; in ``keep``, which stays, or in a folder that is removed.

    The files of objects are on the host ``csh_id`` of this machine, if one is named, until the end.

    Raises:
        OaioError: the folders can't be used, or a step failed. What was made is removed unless ``keep``.
    """
    source = checked_source(folder)
    started, steps = time.monotonic(), list[Step]()
    with _ended_by_sigterm(), _work_folder(source, keep) as work:

        def tell(step: Step) -> None:
            steps.append(step)
            if not as_json:
                number = f"{len(steps)}."
                say(f"{number:<3} {step.title:<13} {step.text}  ({step.seconds:.1f} s)")

        tell_story(source, work, tell, progress, csh_id)
    seconds = time.monotonic() - started
    held = f"All {len(steps)} steps held, checked by SHA-256, in {seconds:.1f} s; {source} is unchanged."
    kept = [f"Server and devices are kept in {keep}."] if keep else []
    told = {
        "held": True,
        "source": source,
        "kept": keep,
        "seconds": seconds,
        "steps": steps,
        "script": lines(),
    }
    answer(told, "", held, *kept, "", "The lines that did it:", "", *lines(), as_json=as_json)


@contextlib.contextmanager
def _work_folder(source: Path, keep: Path | None) -> Iterator[Path]:
    """An empty folder for everything the demo makes, apart from ``source``, with a working directory in it.

    All devices are on this machine, where a path placeholder means the same place to each of them. Below
    none, no device looks for its files in the folder of another.
    """
    with contextlib.ExitStack() as cleaning:
        temporary = Path(tempfile.gettempdir()).resolve()
        work = temporary / "oaio-demo" if keep is None else keep.absolute()
        check_apart(source, work)
        if keep is None:
            made = tempfile.TemporaryDirectory(prefix="oaio-demo-", dir=temporary)
            work = Path(cleaning.enter_context(made))
        else:
            _make_empty(work)
        (work / "here").mkdir()
        cleaning.enter_context(contextlib.chdir(work / "here"))
        places = Places.of_system("demo")
        if places.is_below_placeholder(places.shorten(work)):
            why = "a place for settings or documents, which all devices on this machine share"
            raise InvalidArgument(f"the demo can't work in {work}: it is {why}", "Name another folder.")
        yield work


def _make_empty(work: Path) -> None:
    try:
        work.mkdir(parents=True, exist_ok=True)
    except FileExistsError as err:
        raise AlreadyExists(f"{work} is a file", "Give --keep the name of a new folder.") from err
    if any(work.iterdir()):
        raise AlreadyExists(f"{work} is not empty", "Give --keep the name of a new folder.")


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that the server and the folders go."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
