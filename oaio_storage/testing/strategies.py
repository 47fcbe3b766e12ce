"""Hypothesis strategies: paths, entries, and trees that stem from one another."""

from hashlib import sha256

from hypothesis import strategies as st

from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.names import collisions, why_refused

_contents = st.sampled_from([b"", b"a", b"b", b"ab", b"c" * 100])
_extras = st.sampled_from(["", "", "", ",mode=755", ",a=,b=x=y"])
_parts = st.one_of(
    st.sampled_from(["a", "b", "c", "é", "d 1", "? x", "-", "0", "digest", "1 x", ".h", "\u2028", "😀", "ﬀ"]),
    st.text(min_size=1, max_size=5),
)

paths = st.lists(_parts, min_size=1, max_size=4).map("/".join).filter(lambda path: not why_refused(path))
"""Paths that every host can hold."""

entries = st.builds(
    lambda content, executable, mtime, extra: FileEntry(
        len(content), sha256(content).hexdigest(), executable, mtime, extra
    ),
    _contents,
    st.sampled_from([True, False, None]),
    st.integers(-(2**70), 2**70),
    _extras,
)
"""Entries of few contents, so that equal ones meet."""


def _without_clashes(tree: dict[str, FileEntry]) -> Manifest:
    clashing = {path for group in collisions(tree) for path in group}
    return Manifest({path: tree[path] for path in tree.keys() - clashing})


trees = st.dictionaries(paths, entries, max_size=10).map(_without_clashes)
"""Manifests of up to ten files."""


@st.composite
def related_trees(draw: st.DrawFn, count: int = 2) -> tuple[Manifest, ...]:
    """Manifests that stem from one: files removed, changed, renamed and added."""
    made = [draw(trees)]
    for _ in range(count - 1):
        tree = dict(made[-1])
        for path in draw(st.lists(st.sampled_from(sorted(tree)), unique=True)) if tree else []:
            match draw(st.sampled_from(["remove", "change", "touch", "rename"])):
                case "remove":
                    del tree[path]
                case "change":
                    tree[path] = draw(entries)
                case "touch":
                    entry = tree[path]
                    tree[path] = FileEntry(entry.size, entry.checksum, entry.executable, 7, entry.extra)
                case _:
                    tree[draw(paths)] = tree.pop(path)
        tree |= draw(st.dictionaries(paths, entries, max_size=3))
        made.append(_without_clashes(tree))
    return tuple(made)
