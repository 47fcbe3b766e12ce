"""The head of a tree: its text is canonical, strict, and never the same twice."""

import attrs
import pytest
from counts import COUNTS
from hypothesis import given
from hypothesis import strategies as st

from oaio_storage.errors import Corrupt
from oaio_storage.publish.head import LOG_KEPT, Head, Intent, Switch, log_text, parse_log
from oaio_storage.trees.sealed import sealed

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@st.composite
def logs(draw: st.DrawFn, max_size: int = 5) -> tuple[Switch, ...]:
    made: list[Switch] = []
    first = draw(st.integers(1, 3))
    parent = draw(IDS) if first > 1 else ""
    for number in range(draw(st.integers(0, max_size))):
        made.append(
            Switch(
                sequence=first + number,
                generation=draw(IDS),
                parent=made[-1].generation if made else parent,
                transaction=draw(IDS),
                kind=draw(st.sampled_from(["publish", "rollback"])),
                restored=draw(st.just("") | IDS),
                by=draw(TEXTS),
                at=draw(TEXTS),
                digest=draw(TEXTS),
                files=draw(st.integers(0, 2**63)),
                size=draw(st.integers(0, 2**63)),
            )
        )
    return tuple(made)


@st.composite
def heads(draw: st.DrawFn) -> Head:
    log = draw(logs())
    intent = None
    if draw(st.booleans()):
        switch = Switch(
            sequence=(log[-1].sequence if log else 0) + 1,
            generation=draw(IDS),
            parent=log[-1].generation if log else "",
            transaction=draw(IDS),
        )
        intent = Intent(switch=switch, staged=draw(TEXTS), live=draw(TEXTS))
    return Head(
        layout="swapped",
        nonce=draw(IDS),
        epoch=draw(st.integers(0, 9)),
        log=log,
        logs=tuple(draw(st.lists(TEXTS, max_size=2))),
        intent=intent,
        collecting=tuple(draw(st.lists(IDS, max_size=2))),
    )


@given(heads())
def test_it_comes_back_from_its_text(head: Head) -> None:
    assert Head.parse(head.text().encode()) == head
    assert parse_log(log_text(head.log).encode()) == head.log


@given(heads(), IDS)
def test_after_a_switch_the_intent_is_what_is_live(head: Head, nonce: str) -> None:
    if head.intent is None:
        return
    after = head.switched(nonce)
    assert after.live == head.intent.switch
    assert (after.sequence, after.generation) == (head.sequence + 1, head.intent.switch.generation)
    assert after.intent is None
    assert after.find(head.intent.switch.transaction) == head.intent.switch
    assert Head.parse(after.text().encode()) == after


@given(heads(), st.data())
def test_every_changed_byte_is_found(head: Head, data: st.DataObject) -> None:
    text = bytearray(head.text().encode())
    for _ in range(max(1, COUNTS.byte_changes // 1_000)):
        place = data.draw(st.integers(0, len(text) - 1))
        changed = bytearray(text)
        changed[place] = (changed[place] + data.draw(st.integers(1, 255))) % 256
        for damaged in (changed, text[:place], text + text[place:]):
            with pytest.raises(Corrupt):
                Head.parse(bytes(damaged))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        "[]\n",
        "null\n",
        "7\n",
        '{"format":1}\n',
        '{"format":true}\n',
        '{"format":1,"layout":"swapped"}\n',
        "[" * 100_000 + "\n",
    ],
)
def test_what_is_no_head_is_told(text: str) -> None:
    for content in (text.encode(), sealed(text).encode(), b"\xff"):
        with pytest.raises(Corrupt, match="damaged"):
            Head.parse(content)
        with pytest.raises(Corrupt, match="damaged"):
            parse_log(content)


def test_a_newer_format_is_told() -> None:
    with pytest.raises(Corrupt, match="format 2") as caught:
        Head.parse(sealed('{"format":2}\n').encode())
    assert "Upgrade" in caught.value.hint


@given(logs(max_size=5))
def test_a_log_with_a_gap_or_a_fork_is_refused(log: tuple[Switch, ...]) -> None:
    for broken in (
        [*log, *log[-1:]],
        [*log[:1], *log[2:]] if len(log) > 2 else None,
        [*log[:-1], attrs.evolve(log[-1], parent="f" * 32)] if len(log) > 1 else None,
    ):
        if broken is not None and len(broken) > 1:
            with pytest.raises(Corrupt):
                parse_log(log_text(broken).encode())


def test_a_long_log_is_split() -> None:
    log = [
        Switch(
            sequence=number + 1,
            generation=f"{number + 1:032x}",
            parent=f"{number:032x}" if number else "",
            transaction="0" * 32,
        )
        for number in range(2 * LOG_KEPT)
    ]
    short = Head(layout="swapped", nonce="0" * 32, log=tuple(log[:-1]))
    assert short.split() == ((), short.log)
    moved, kept = Head(layout="swapped", nonce="0" * 32, log=tuple(log)).split()
    assert [*moved, *kept] == log
    assert len(kept) == LOG_KEPT
