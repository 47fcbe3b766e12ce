"""A plan that was written to a file, read again: for this tree, on this host, of what is live now."""

from pathlib import Path

from oaio_storage import durable
from oaio_storage.errors import Corrupt, InvalidArgument, NotFound, Superseded
from oaio_storage.manifest import Manifest
from oaio_storage.publish.places import is_id
from oaio_storage.publish.plan import MAX_PLAN_BYTES, Plan, plan_base
from oaio_storage.publish.published import PublishedTree
from oaio_storage.trees.hints import MAKE_ANEW

_PUBLIC = 0o644


def save_plan(plan: Plan, file: Path) -> None:
    """Write ``plan`` to ``file``, all or nothing.

    Raises:
        InvalidArgument: there is no such folder, or it can't be written.
    """
    try:
        if not file.absolute().parent.is_dir():
            raise InvalidArgument(
                f"there is no folder for the plan {file}", "Name a file in one that exists."
            )
        durable.write_file(file.absolute(), plan.text().encode(), _PUBLIC)
    except OSError as err:
        raise InvalidArgument(
            f"the plan can't be written to {file}: {err.strerror}", "Name a file in a folder of yours."
        ) from err


def read_plan(file: Path, tree: PublishedTree, *, yes: bool = False) -> Plan:
    """The plan in ``file``, which is for ``tree``.

    With ``yes`` also one that was made although the record of what is live was lost.

    Raises:
        NotFound: there is no such file.
        InvalidArgument: it holds no plan, was edited or cut, or is for another tree, host or layout.
        Superseded: something else is live than the plan was made of, and not by this plan.
    """
    text = _text(file)
    told = plan_base(text)
    for what in ("base", "transaction"):
        if not is_id(told[what]) and (told[what] or what == "transaction"):
            raise InvalidArgument(f"the plan was edited: its {what} is no id", MAKE_ANEW)
    here = {"tree": tree.name, "root": tree.host.root_id(), "layout": tree.layout}
    for what, value in here.items():
        if told[what] != value:
            noun = {"root": "host"}.get(what, what)
            raise InvalidArgument(
                f"the plan is for another {noun}: {told[what][:80]!r}, not {value!r}", MAKE_ANEW
            )
    try:
        base = tree.manifest(told["base"]) if told["base"] else Manifest()
    except Corrupt:
        base = tree.live_manifest(yes=yes)
    except NotFound as err:
        raise Superseded(
            f"the plan for {tree.name!r} was made of a generation that is not kept", MAKE_ANEW
        ) from err
    plan = Plan.parse(text, base)
    live = tree.live()
    if plan.base != (live.generation if live else "") and not _was_applied(plan, tree):
        raise Superseded(
            f"the plan for {tree.name!r} was made of something else than what is live now", MAKE_ANEW
        )
    return plan


def _was_applied(plan: Plan, tree: PublishedTree) -> bool:
    return any(switch.transaction == plan.transaction for switch in tree.history())


def _text(file: Path) -> str:
    try:
        with file.open("rb") as source:
            content = source.read(MAX_PLAN_BYTES + 1)
    except FileNotFoundError as err:
        raise NotFound(f"there is no file {file}", MAKE_ANEW) from err
    except OSError as err:
        raise InvalidArgument(f"the plan {file} can't be read: {err.strerror}", MAKE_ANEW) from err
    if len(content) > MAX_PLAN_BYTES:
        raise InvalidArgument(f"{file} is longer than any plan", MAKE_ANEW)
    try:
        return content.decode()
    except UnicodeDecodeError as err:
        raise InvalidArgument(f"{file} holds no plan: it is not UTF-8", MAKE_ANEW) from err
