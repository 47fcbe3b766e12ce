"""``oaio publish``."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from oaio_storage.cli.hints import hints_filled
from oaio_storage.cli.options import JsonOption, common, named_path
from oaio_storage.cli.output import answer, count_text, size_text
from oaio_storage.cli.progressing import progress
from oaio_storage.cli.publishing import (
    HOST_HELP,
    SHOWN,
    NameArgument,
    YesOption,
    cache_folder,
    checked_folder,
    confirmed,
    hash_cache,
    publisher,
)
from oaio_storage.errors import InvalidArgument
from oaio_storage.trees.hints import PUBLISH

if TYPE_CHECKING:
    from oaio_storage.hash_cache import HashCache
    from oaio_storage.publish.published import PublishedTree
    from oaio_storage.publish.results import Published
    from oaio_storage.trees.switches import Switch


@attrs.frozen
class _Order:
    """What was asked for."""

    folder: Path
    dry_run: bool
    save_plan: Path | None
    plan: Path | None
    check: bool


@attrs.frozen
class _Keeping:
    """How the tree is to be kept."""

    layout: str
    allow_gap: bool
    exclusive: bool
    take_over: bool


FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", parser=named_path, help="Folder to publish; it is only read.")
]
ToOption = Annotated[str, typer.Option("--to", metavar="HOST|URL", help=HOST_HELP)]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
SavePlanOption = Annotated[
    Path | None,
    typer.Option("--save-plan", metavar="FILE", help="With --dry-run: write the plan, for --plan."),
]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="FILE", readable=False, help="Do exactly what a saved plan says, or nothing."
    ),
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Read all that is live, and send again what is damaged.")
]
LayoutOption = Annotated[
    str,
    typer.Option(
        "--layout", metavar="L", help="How the tree is kept: swapped or generations.", show_default=False
    ),
]
ExclusiveOption = Annotated[
    bool,
    typer.Option("--exclusive", help="This machine alone publishes the tree, on a host that can't decide."),
]
TakeOverOption = Annotated[
    bool, typer.Option("--take-over", help="With --exclusive: accept what somebody else published there.")
]
GapOption = Annotated[
    bool,
    typer.Option("--allow-gap", help="Let readers find nothing for a moment, if the disk can't do better."),
]


def publish(  # noqa: PLR0913 - one parameter for each option
    ctx: typer.Context,
    folder: FolderArgument,
    name: NameArgument,
    *,
    to: ToOption,
    dry_run: DryRunOption = False,
    save_plan: SavePlanOption = None,
    plan: PlanOption = None,
    check: CheckOption = False,
    yes: YesOption = False,
    layout: LayoutOption = "",
    allow_gap: GapOption = False,
    exclusive: ExclusiveOption = False,
    take_over: TakeOverOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a folder live on a host: all of it at once, or nothing.

    Only files that the host does not have are sent. Readers see the old tree or the new one, never a mix,
    and older ones are kept: oaio generations, oaio rollback. What .oaioignore in FOLDER names is left out.

    Prints the changes as git status --short does. Exits with 6 when somebody else published meanwhile.

    Example: oaio publish ./public site --to ./www
    """
    if save_plan and not dry_run:
        raise InvalidArgument("--save-plan was given without --dry-run", "Add --dry-run.")
    if plan and dry_run:
        raise InvalidArgument("both --plan and --dry-run were given", "The plan says what would change.")
    if take_over and not exclusive:
        raise InvalidArgument("--take-over was given without --exclusive", "Add --exclusive.")
    order = _Order(checked_folder(folder), dry_run, save_plan, plan, check)
    keeping = _Keeping(layout, allow_gap, exclusive, take_over)
    opts, begun = common(ctx, None, as_json=as_json), time.monotonic()
    with _tree(order, name, to, keeping) as tree, hash_cache() as cache:
        if dry_run:
            done = _planned(tree, order, cache, yes=yes)
        else:
            done = confirmed(lambda agreed: _published(tree, order, cache, yes=agreed), yes=yes)
    _tell(done, order, round(time.monotonic() - begun, 3), as_json=opts.as_json)


@contextmanager
def _tree(order: _Order, name: str, to: str, keeping: _Keeping) -> Iterator["PublishedTree"]:
    """The tree to publish; its root gets a marker if it has none, unless nothing is to be changed."""
    from oaio_storage.config import host_of  # noqa: PLC0415 - not needed for --help
    from oaio_storage.hosts.roots import check_alone, local_folder  # noqa: PLC0415 - same
    from oaio_storage.publish.layouts import published_tree  # noqa: PLC0415 - same
    from oaio_storage.scan import check_apart  # noqa: PLC0415 - same

    with host_of(to) as host, hints_filled(FOLDER=order.folder, NAME=name, HOST=to):
        if order.save_plan:
            _check_outside(order.save_plan, order.folder, "the folder that is published")
        if root := local_folder(host):
            check_apart(order.folder, root)
            check_alone(root, PUBLISH, is_root=True)
            if order.save_plan:
                _check_outside(order.save_plan, root, "the host's root")
        tree = published_tree(
            host,
            name,
            layout=keeping.layout,
            by=publisher(),
            cache=cache_folder(),
            exclusive=keeping.exclusive,
            takes_over=keeping.take_over,
            allow_gap=keeping.allow_gap,
        )
        if not (keeping.layout or root or tree.is_known()):
            _ask(tree, to)
        if not order.dry_run or order.save_plan:
            tree.prepare()
        yield tree


def _ask(tree: "PublishedTree", to: str) -> None:
    """Have a person agree to the layout of a tree that may be read otherwise than expected.

    Raises:
        InvalidArgument: there is nobody, or nobody agrees.
    """
    from oaio_storage.publish.layouts import LAYOUTS  # noqa: PLC0415 - not needed for --help

    told = f"{tree.name!r} was never published at {to}; in the layout {tree.layout} its readers see "
    told += LAYOUTS[tree.layout]
    if not (sys.stdin.isatty() and typer.confirm(f"{told}. Go on?", err=True)):
        raise InvalidArgument(told, f"If that is meant: {PUBLISH} --layout {tree.layout}")


def _check_outside(file: Path, folder: Path, what: str) -> None:
    if folder.resolve() in file.absolute().parent.resolve().joinpath(file.name).parents:
        raise InvalidArgument(f"the plan {file} would lie in {what}", "Name a file outside of it.")


def _planned(tree: "PublishedTree", order: _Order, cache: "HashCache | None", *, yes: bool) -> "Published":
    from oaio_storage.publish.saved import save_plan  # noqa: PLC0415 - not needed for --help

    with progress() as shown:
        done = tree.planned(order.folder, yes=yes, check=order.check, cache=cache, report=shown)
    if order.save_plan:
        save_plan(done.plan, order.save_plan)
    return done


def _published(tree: "PublishedTree", order: _Order, cache: "HashCache | None", *, yes: bool) -> "Published":
    from oaio_storage.publish.saved import read_plan  # noqa: PLC0415 - not needed for --help

    plan = read_plan(order.plan, tree, yes=yes) if order.plan else None
    with progress() as shown:
        return tree.publish(order.folder, plan, yes=yes, check=order.check, cache=cache, report=shown)


def _tell(done: "Published", order: _Order, seconds: float, *, as_json: bool) -> None:
    plan, changes = done.plan, done.plan.changes
    status = list(plan.status())
    repairs = [f"!  {fault.path or plan.tree} ({fault.what})" for fault in done.repairs or ()]
    told = {
        "tree": plan.tree,
        "generation": done.generation or None,
        "base": plan.base or None,
        "dry_run": order.dry_run,
        "plan": order.save_plan,
        "needs_yes": bool(plan.needs_yes) and not done.is_idle,
        "status": status,
        "repairs": done.repairs,
        "new": len(changes.new),
        "updated": len(changes.update),
        "kept": len(changes.keep),
        "removed": len(changes.remove),
        "files": len(plan.manifest),
        "bytes": plan.manifest.size,
        "sent": done.sent,
        "bytes_sent": done.bytes_sent,
        "switch": done.switch,
        "seconds": seconds,
    }
    live = f"{plan.tree}: {_live(done.switch)}" if done.switch else ""
    answer(told, *status, *repairs, _summary(done, order, seconds), as_json=as_json, done=live)


def _summary(done: "Published", order: _Order, seconds: float) -> str:
    plan, changes = done.plan, done.plan.changes
    saved = f"; the plan is in {order.save_plan}" if order.save_plan else ""
    if done.is_idle:
        return f"{plan.tree}: nothing changed; generation {plan.base[:SHOWN]} is live{saved}"
    counts = (
        f"{len(changes.new)} new, {len(changes.update)} changed, "
        f"{len(changes.remove)} removed, {len(changes.keep)} kept"
        f"{f', {len(done.repairs)} to repair' if done.repairs else ''}"
    )
    if done.switch is None:
        needed = f"; publishing it needs --yes: {plan.needs_yes}" if plan.needs_yes else ""
        return f"{plan.tree}: {counts}; nothing was published{saved}{needed}"
    sent = f"{count_text(done.sent, 'file')} sent ({size_text(done.bytes_sent)})"
    return f"{plan.tree}: {counts}; {sent}; {_live(done.switch)}; {seconds:.1f} s"


def _live(switch: "Switch") -> str:
    return f"generation {switch.generation[:SHOWN]} (#{switch.sequence}) is live"
