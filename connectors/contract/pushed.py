"""Rules about webhooks: genuine ones open, forged ones do not, a replay is recognised, the answer is what they want."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, get_args

from flask import Flask, Response, request
from werkzeug.serving import make_server

from connectors.base import EventSource, Opened, Outcome, PlatformEvent, RawRequest, Reply
from connectors.contract.bench import Bench
from connectors.contract.scenario import scenario, skip
from connectors.errors import BadPush, BadSignature, Gone

GARBAGE = (
    b"", b"{}", b"[]", b"null", b"<xml/>", b"\xff\xfe", b"a=b&c=d",
    b'{"encrypt":"AAAA"}', b"<xml><Encrypt>AAAA</Encrypt></xml>",
)  # fmt: skip


class Receiver:
    """A small receiver on loopback that does what the hub does: open, read the events, answer."""

    def __init__(self, connector: EventSource) -> None:
        self.connector = connector
        self.raw: list[RawRequest] = []
        self.opened: list[Opened] = []
        self.events: list[PlatformEvent] = []
        self.errors: list[Exception] = []
        app = Flask("receiver")
        app.add_url_rule("/hook", view_func=self._hook, methods=["GET", "POST", "PUT"])
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _hook(self) -> Response:
        raw = RawRequest(request.method, request.args.to_dict(), dict(request.headers), request.get_data())
        self.raw.append(raw)
        try:
            opened = self.connector.open(raw)
            if opened.answer is not None:
                return Response(opened.answer, status=200)
            events = self.connector.events(opened)
        except (BadSignature, BadPush) as error:
            self.errors.append(error)
            return _response(self.connector.reply("bad_signature" if isinstance(error, BadSignature) else "bad_push"))
        except Exception as error:
            self.errors.append(error)
            return _response(self.connector.reply("busy"))
        self.opened.append(opened)
        self.events += events
        return _response(opened.ack or self.connector.reply("stored"))


def _response(reply: Reply) -> Response:
    return Response(reply.body, status=reply.status, content_type=reply.content_type)


def pushable(bench: Bench) -> list[tuple[str, str]]:
    """The streams about which the platform pushes, each with the key of a record."""
    found = []
    for name in bench.manifest.streams:
        key = bench.populate(name, 1)[0]
        with Receiver(bench.listener()) as receiver:
            try:
                bench.sim.push(receiver.url, name, key)
            except (TypeError, ValueError, LookupError):
                continue
            if receiver.raw:
                found.append((name, key))
    if not found and any(kind.changed_by == "push" for kind in bench.manifest.credentials.values()):
        skip("this platform pushes credentials only")
    assert found, "role events is declared, but the simulator pushes about no stream"
    return found


def pushed(bench: Bench, name: str, key: str) -> Receiver:
    """A receiver (already closed again) that has got one genuine push about the record."""
    with Receiver(bench.listener()) as receiver:
        bench.sim.push(receiver.url, name, key)
        assert not receiver.errors, f"a genuine push was refused: {receiver.errors[0]!r}"
        assert receiver.opened, "a genuine push was not opened"
    return receiver


@scenario(role="events")
def a_genuine_push_opens_and_names_a_record(bench: Bench) -> None:
    """A push about a record gives an event with the record's stream and key (or with the stream alone, which then has the
    record), and is answered with success."""
    for name, key in pushable(bench):
        with Receiver(bench.listener()) as receiver:
            status = bench.sim.push(receiver.url, name, key)
            assert not receiver.errors, f"{name}: a genuine push was refused: {receiver.errors[0]!r}"
        assert status == 200, f"{name}: a stored push was answered {status}"
        found = [event for event in receiver.events if (event.stream, event.record_key) in ((name, key), (name, ""))]
        assert found, f"{name}: no event for {key} among {[(e.stream, e.record_key) for e in receiver.events]}"
        event = found[0]
        assert event.key and event.kind, "an event needs a key and a kind"
        assert event.time is None or event.time.tzinfo is not None, "an event's time is aware"
        if event.record_key:
            truth_of(bench, event)
        else:
            assert key in bench.pull(name).records, f"the push says that {name} has something new, but reading it finds nothing"


def truth_of(bench: Bench, event: PlatformEvent) -> None:
    """The record behind an event can be had, by asking or because it was pushed, and it maps."""
    record: Any = event.record
    if record is None:
        assert "source" in bench.manifest.roles, "the event carries no record, and there is no source to ask"
        try:
            record = bench.source().fetch_one(event.stream, event.record_key)
        except Gone:
            record = None
    assert record is not None, f"fetch_one finds nothing for the event's key {event.record_key!r}"
    assert bench.mapping(event.stream).apply(record).records


@scenario(role="events")
def a_forged_push_is_refused(bench: Bench) -> None:
    """A push signed with another secret raises BadSignature and is answered 401 or 403."""
    for name, key in pushable(bench):
        with Receiver(bench.listener()) as receiver:
            status = bench.sim.push(receiver.url, name, key, forged=True)
        assert [type(error) for error in receiver.errors] == [BadSignature], f"{name}: forged, got {receiver.errors!r}"
        assert status in (401, 403), f"{name}: a forged push was answered {status}"
        assert not receiver.events, f"{name}: a forged push gave events"


@scenario(role="events")
def a_replay_has_the_same_keys(bench: Bench) -> None:
    """The same push twice gives the same event keys and dedup key; two different changes give different ones."""
    for name, key in pushable(bench):
        receiver = pushed(bench, name, key)
        again = bench.listener().open(receiver.raw[0])
        first, second = receiver.opened[0], bench.listener().events(again)
        assert again.dedup_key == first.dedup_key and again.plaintext == first.plaintext
        assert [event.key for event in second] == [event.key for event in receiver.events], f"{name}: keys of a replay differ"
        if first.dedup_key is None:
            assert first.plaintext, "without dedup_key the plaintext is what tells pushes apart; it is empty"


@scenario(role="events")
def two_changes_have_different_keys(bench: Bench) -> None:
    """Pushes about two records, and about one record changed twice, are never taken for one."""
    for name, key in pushable(bench):
        other = bench.populate(name, 1)[0]
        first = pushed(bench, name, key)
        if any(event.record_key == "" for event in first.events):
            continue  # it says only that there is something new: twice in a second it says nothing new
        seen = [identity(first), identity(pushed(bench, name, other))]
        bench.sleep(2)
        if bench.stream(name).cursor.kind == "time":
            bench.steer("touch", name, key)
            seen.append(identity(pushed(bench, name, key)))
        assert len(set(seen)) == len(seen), f"{name}: two different changes have one identity"


def identity(receiver: Receiver) -> tuple[object, ...]:
    """What the inbox stores a push under."""
    opened = receiver.opened[0]
    return (opened.dedup_key or opened.plaintext, *(event.key for event in receiver.events))


@scenario(role="events")
def a_tampered_push_is_refused(bench: Bench) -> None:
    """A changed or cut body is refused, or it was in a part that changes nothing that is read."""
    for name, key in pushable(bench):
        raw = pushed(bench, name, key).raw[0]
        refused = 0
        for body in tampered(raw.body):
            refused += is_refused(bench, replace(raw, body=body), bench.listener().open(raw))
        if raw.body:
            assert refused, f"{name}: no change of the body was noticed"
        for bare in (replace(raw, query={}), replace(raw, headers={})):
            is_refused(bench, bare, bench.listener().open(raw))


def tampered(body: bytes) -> list[bytes]:
    """The body cut short, lengthened, and with single bytes changed."""
    spots = {len(body) * i // 8 for i in range(8)} if body else set()
    flipped = [body[:i] + bytes([body[i] ^ 1]) + body[i + 1 :] for i in sorted(spots)]
    return [body[:-1], body + b" x", *flipped]


def is_refused(bench: Bench, raw: RawRequest, genuine: Opened) -> bool:
    """Whether the request is refused; opening it to something else than the genuine content is a failure."""
    try:
        opened = bench.listener().open(raw)
    except (BadSignature, BadPush):
        return True
    except Exception as error:
        raise AssertionError(f"a tampered push: {type(error).__name__} instead of BadSignature") from error
    assert opened.plaintext == genuine.plaintext and opened.payload == genuine.payload, "a tampered push was opened"
    return False


@scenario(role="events")
def garbage_is_refused_by_name(bench: Bench) -> None:
    """Whatever a stranger sends: BadSignature or BadPush, never another error and never an answer."""
    name, key = pushable(bench)[0]
    genuine = pushed(bench, name, key).raw[0]
    for body in GARBAGE:
        for raw in (RawRequest("POST", {}, {}, body), RawRequest("GET", {}, {}, body), replace(genuine, body=body)):
            if raw == genuine:
                continue
            try:
                opened = bench.listener().open(raw)
            except (BadSignature, BadPush):
                continue
            except Exception as error:
                raise AssertionError(f"{raw.method} {body!r}: {type(error).__name__} instead of BadSignature") from error
            assert (opened.plaintext, opened.payload) == (b"", None) and opened.answer is None, f"{body!r} was opened"
            skip("this platform signs nothing of a push that is empty")


@scenario(role="events")
def each_outcome_has_its_answer(bench: Bench) -> None:
    """Stored is success, a bad signature 401 or 403, busy a failure so that the platform comes again."""
    connector = bench.listener()
    replies = {outcome: connector.reply(outcome) for outcome in get_args(Outcome)}
    assert replies["stored"].status == 200, "stored is answered 200"
    assert replies["bad_signature"].status in (401, 403), "a bad signature is answered 401 or 403"
    assert replies["busy"] != replies["stored"], "busy must not look like success, or the push is lost"
    assert replies["bad_push"] != replies["stored"], "an unusable push must not look like success"
    for reply in replies.values():
        assert isinstance(reply.body, bytes)
