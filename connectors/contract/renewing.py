"""Rules about a platform that refuses every token, the one it has just given too: a few renewals, then later; nothing is lost,
and nobody is asked for what no person can do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from connectors.base import Finding, Request
from connectors.checks import words
from connectors.contract.bench import Bench, Pulled, evenly
from connectors.contract.delivering import agrees, held, on_write, sample_document, settle, writes_of_a_send
from connectors.contract.reading import pages, told
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, InDoubt, ReauthNeeded, Unavailable
from connectors.http import RENEWALS

MOST_WRITES = 4
WAITING = ("重新授权", "重新连接", "authorise again", "connect again", "connects the account again")
"""What a person reads who has to do something; where it is tried again by itself that would be false."""


def refuse(bench: Bench) -> None:
    """From this call on every token is dead when it arrives, however fresh."""

    def kill(_: int, request: Request) -> None:
        if request.auth:
            bench.steer("kill_tokens")

    bench.steer("kill_tokens")
    bench.arm = kill


def accept(bench: Bench) -> None:
    """The platform is healthy again."""
    bench.arm = lambda number, request: None


def needs_tokens(bench: Bench) -> None:
    """Skip where no token could die, whichever way the account signs in, and where none is given for a dead one: there a person
    is rightly asked."""
    bench.with_sessions()
    if bench.tokenless:
        skip("this connector fetches no tokens, and its simulator has none to kill")
    with Bench(bench.entry) as probe:
        probe.with_sessions()
        connector = probe.connector()
        with contextlib.suppress(ReauthNeeded):
            for _ in range(2):
                connector.http.renew()
                probe.steer("kill_tokens")
        if len({token.value for token in probe.tokens}) < 2:
            skip("no other token is given for a dead one")


def left_for_later(bench: Bench, ask: Callable[[], object], *, refused: bool = True) -> None:
    """Ask, with every token refused from now on (refused) or from wherever ask says: it ends as a fault that passes, in words
    that are true, after so many renewals."""
    before = len(bench.tokens)
    if refused:
        refuse(bench)
    try:
        ask()
    except Unavailable as error:
        assert error.final, "refused tokens were renewed a few times, and the call is to be repeated all the same"
        what, fix = words(error, bench.manifest)
        says_nothing_false(*what, *fix)
    except InDoubt:
        assert not refused, "nothing was written, and the outcome is said to be in doubt"
    except ConnectorError as error:
        raise AssertionError(f"expected Unavailable, got {type(error).__name__}: {error}") from error
    else:
        raise AssertionError("it ended as if nothing were wrong, with every token refused")
    finally:
        accept(bench)
    renewed = len(bench.tokens) - before
    assert renewed <= 1 + len(RENEWALS), f"{renewed} tokens were fetched before it gave up"


def says_nothing_false(*texts: str) -> None:
    """No word that sends somebody to authorise again."""
    found = [word for text in texts for word in WAITING if word in text]
    assert not found, f"tried again by itself, and people read {found} in {texts}"


@scenario(each="stream", role="source")
def reading_with_refused_tokens_is_left_for_later(bench: Bench, name: str) -> None:
    """Every token is refused, from the first call on or after the first page: Unavailable; afterwards the walk goes on where it
    stood, and every record arrives."""
    needs_tokens(bench)
    keys, asked, got = bench.populate(name, pages(bench, name, 2.5)), list[int](), Pulled()
    source, window = bench.source(), bench.window(name)

    def read_on() -> None:
        for page in source.pages(name, window, got.resume):
            got.add(page, bench.stream(name).key)
            refuse(bench)

    bench.walk(source, name, window, between=lambda _: asked.append(len(bench.calls)))
    left_for_later(bench, lambda: bench.walk(source, name, window))
    if len(set(asked)) > 1:  # not all came in one call
        left_for_later(bench, read_on, refused=False)
    for page in source.pages(name, window, got.resume):
        got.add(page, bench.stream(name).key)
    assert set(got.keys) == set(keys), told(keys, got.keys)


@scenario(each="document", role="sink")
def writing_with_refused_tokens_is_left_for_later(bench: Bench, kind: str) -> None:
    """Every token is refused, from the look-up, the first writing call or a later one on: never absent, never a person's; the
    first writes nothing, and afterwards there is one document."""
    needs_tokens(bench)
    count = writes_of_a_send(bench, kind)
    for number in evenly(count, MOST_WRITES):
        document, sink = sample_document(bench, kind, number + 1), bench.sink()
        sink.find(document)
        left_for_later(bench, lambda: sink.find(document))  # noqa: B023 - asked at once
        on_write(bench, number, lambda: refuse(bench))
        left_for_later(bench, lambda: sink.send(document), refused=False)  # noqa: B023 - asked at once
        assert number or held(bench, document) == 0, "refused, and written all the same"
        agrees(settle(bench, kind, document, sink), document)
        assert held(bench, document) == 1, f"refused from writing call {number + 1} on: {held(bench, document)} documents"


@scenario()
def a_check_with_refused_tokens_asks_for_nothing_false(bench: Bench) -> None:
    """A check of the connection, with every token refused, says so in both languages (or raises Unavailable) and asks nobody to
    authorise again; with a healthy platform all is well again."""
    needs_tokens(bench)
    connector = bench.connector()
    assert wrong(bench, connector) == []
    refuse(bench)
    failed = wrong(bench, connector)
    accept(bench)
    assert failed, "every token was refused, and the check found nothing"
    for finding in failed:
        says_nothing_false(finding.what_zh, finding.what_en, finding.fix_zh, finding.fix_en)
        assert finding.fix_en and finding.fix_zh != finding.fix_en, f"no words for people: {finding}"
    assert wrong(bench, connector) == []


def wrong(bench: Bench, connector: Any) -> list[Finding]:
    """What a check finds that is not in order, or the error that it raises as a line."""
    try:
        return [finding for finding in connector.check() if not finding.ok]
    except Unavailable as error:
        what, fix = words(error, bench.manifest)
        return [Finding(*what, False, *fix)]
