"""Rules about credentials that change while an account is in use: none is lost, and what cannot be saved is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectors.base import EventSource, Request
from connectors.contract.bench import Bench, evenly
from connectors.contract.pushed import GARBAGE, Receiver, is_refused, tampered
from connectors.contract.scenario import scenario
from connectors.errors import BadPush, BadSignature, ConnectorError, InDoubt, ReauthNeeded
from connectors.tokens import MemoryTokens

MOST_CALLS = 6
LOST = "error.credential_lost"


class Killed(BaseException):
    """The process dies here."""


class Dying(MemoryTokens):
    """A store whose process dies when the answer is there and not yet stored."""

    def _fetched(self, fetch: Callable[[], Any]) -> Any:
        def to_death() -> None:
            fetch()
            raise Killed

        return super()._fetched(to_death)


def gets_in(bench: Bench, tokens: MemoryTokens | None = None) -> Any:
    """Another process of the account, with what is kept and no token, is let in."""
    connector = bench.connector(tokens=tokens or bench.restarted())
    connector.http.renew()
    findings = connector.check()
    assert findings and all(finding.ok for finding in findings), f"not let in: {[f.what_en for f in findings if not f.ok]}"
    return connector


@scenario(each="spent")
def a_changed_credential_is_handed_back(bench: Bench, name: str) -> None:
    """After each renewal another process, with what was handed back and without the token, gets in."""
    values = []
    for _ in range(3):
        try:
            gets_in(bench)
        except ConnectorError as error:
            raise AssertionError(f"not let in with what was handed back: {error}") from error
        assert name in bench.kept and bench.kept[name].value, f"{name} was not handed back"
        values.append(bench.kept[name].value)
        bench.steer("kill_tokens")
    assert len(set(values)) == len(values), f"{name} changes with each use, and the same one is kept"
    assert not bench.spending, f"still announced after all went well: {sorted(bench.spending)}"


def cut(bench: Bench, number: int, fault: str) -> None:
    """One renewal whose given call is cut: before or after the platform has done its work, or answered 502."""
    seen = iter(range(10_000))

    def arm(_: int, request: Request) -> None:
        if next(seen) == number:
            bench.sim.faults.error.update({"": [502]}) if fault == "error" else getattr(bench.sim.faults, fault).update({"": 1})

    bench.arm = arm
    try:
        bench.connector(tokens=bench.restarted()).http.renew()
    except InDoubt as error:
        raise AssertionError("InDoubt of a renewal reached whoever only wanted a token") from error
    except ConnectorError:
        pass
    bench.arm = lambda _, request: None
    bench.sim.faults.clear()


def recovers_or_is_told(bench: Bench) -> None:
    """The next process gets in again, or says that the credential was lost; and says the same when it is asked again."""
    for _ in range(2):
        try:
            gets_in(bench)
        except ReauthNeeded as error:
            assert error.key == LOST, f"the renewal was cut off, and people are told {error.key!r} instead of {LOST!r}"
        except ConnectorError as error:
            raise AssertionError(f"neither let in nor told to authorise again, but {type(error).__name__}: {error}") from error


@scenario(each="spent")
def a_renewal_that_breaks_off_recovers_or_is_told(bench: Bench, name: str) -> None:
    """A renewal cut at any call, or killed before its answer is stored: the next gets in, or ReauthNeeded says what is lost."""
    gets_in(bench)
    before = len(bench.calls)
    bench.connector(tokens=bench.restarted()).http.renew()
    count = len(bench.calls) - before
    for number in evenly(count, MOST_CALLS):
        for fault in ("cut_before", "cut_after", "error"):
            with Bench(bench.entry) as fresh:
                gets_in(fresh)
                cut(fresh, number, fault)
                recovers_or_is_told(fresh)
    with Bench(bench.entry) as fresh:
        gets_in(fresh)
        try:
            fresh.connector(tokens=Dying(fresh.sim.now, kept=fresh.kept, spending=fresh.spending)).http.renew()
        except Killed:
            recovers_or_is_told(fresh)


def issued(bench: Bench, name: str, *, forged: bool = False) -> tuple[int, Receiver]:
    """The answer to a push of a fresh credential, and what was received."""
    listener: EventSource = bench.listener()
    with Receiver(listener) as receiver:
        status: int = bench.steer("issue", receiver.url, name, forged=forged)
    return status, receiver


@scenario(each="sent", role="events")
def a_pushed_credential_is_kept_and_used(bench: Bench, name: str) -> None:
    """A pushed credential comes as ``keep``, with the platform's time, with no event; the account works with it afterwards."""
    kept = []
    for _ in range(2):
        status, receiver = issued(bench, name)
        assert status == 200 and receiver.opened, f"a genuine push was answered {status}: {receiver.errors!r}"
        assert not receiver.events, "a push of a credential gives events: it is about nothing else"
        assert name in receiver.opened[0].keep, f"the push brings {name}, and it is not in keep"
        kept.append(receiver.opened[0].keep)
        bench.sleep(60)
    first, second = kept[0][name], kept[1][name]
    assert first.value != second.value and first.at < second.at, "the newer one is not told by its time"
    tokens = bench.restarted()
    for fresh in reversed(kept):
        tokens.keep(fresh)
    assert bench.kept[name].value == second.value, "an older one replaced the newer"
    gets_in(bench, tokens)


@scenario(each="sent", role="events")
def a_forged_credential_is_refused(bench: Bench, name: str) -> None:
    """A credential pushed with another secret, changed on its way, or no push at all: refused by name, never kept."""
    status, receiver = issued(bench, name, forged=True)
    assert status in (400, 401, 403) and not receiver.opened, f"a forged credential was answered {status}"
    raw = issued(bench, name)[1].raw[0]
    genuine = bench.listener().open(raw)
    refused = sum(is_refused(bench, replace(raw, body=body), genuine) for body in tampered(raw.body))
    assert refused, "no change of the body was noticed"
    for body in GARBAGE:
        try:
            opened = bench.listener().open(replace(raw, body=body))
        except (BadSignature, BadPush):
            continue
        assert not opened.keep, f"{body!r} was kept"
