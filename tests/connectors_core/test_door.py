"""The outbound door: what is repeated, what never is, and which error a person gets to see."""

from __future__ import annotations

import threading
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from connectors import errors
from connectors.base import Request, Token, Verdict
from connectors.http import INLINE_WAITS, RENEWALS, Response, at, interpret_status, utc_now
from connectors.tokens import MemoryTokens

READ = Request("GET", "things", auth=False)
WRITE = Request("POST", "bills", json={"a": 1}, auth=False, write=True)


def coded(code: Any, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "text": "wörds", **more}, "trace": "r-1"}


# ---------------------------------------------------------------- going out


def test_what_goes_out(platform: Any) -> None:
    connector, session = platform({"error": {"code": 0}, "x": 1})
    body = connector.http.get("things", page=2, name="名")
    assert body["x"] == 1
    (asked,) = session.asked
    assert asked["url"] == "http://platform.invalid/api/things"
    assert asked["params"] == {"page": "2", "name": "名"}
    assert asked["headers"] == {"Auth": "t1"}
    assert asked["allow_redirects"] is False
    assert asked["timeout"] == (5.0, 30.0)


def test_a_full_url_a_form_and_a_body_go_out_as_they_are(platform: Any) -> None:
    connector, session = platform({}, {})
    connector.http.call(Request("POST", "https://other.invalid/x?y=1", form={"a": "b"}, auth=False))
    connector.http.call(Request("POST", "/root", body=b"raw", auth=False))
    assert (session.asked[0]["url"], session.asked[0]["data"]) == ("https://other.invalid/x?y=1", {"a": "b"})
    assert (session.asked[1]["url"], session.asked[1]["data"]) == ("http://platform.invalid/root", b"raw")
    assert session.asked[0]["params"] is None


def test_a_call_without_auth_fetches_no_token(platform: Any) -> None:
    connector, session = platform({})
    connector.http.call(READ)
    assert connector.fetched == 0
    assert session.asked[0]["headers"] == {}


def test_a_stop_is_heard_before_each_call(platform: Any) -> None:
    connector, session = platform((502, b""), stopped=lambda: len(session.asked) > 0)
    with pytest.raises(errors.Stop):
        connector.http.call(READ)
    assert len(session.asked) == 1


def test_the_log_line_has_names_and_numbers_but_no_parameters(platform: Any) -> None:
    connector, _ = platform(coded(0))
    with capture_logs() as logged:
        connector.http.call(Request("GET", "things", query={"key": "s3cret"}, headers={"X": "s3cret"}, auth=False))
    assert [(line["name"], line["status"], line["action"], line["code"]) for line in logged] == [("things", 200, "ok", "0")]
    assert "s3cret" not in str(logged)


# ---------------------------------------------------------------- reading: repeated


@pytest.mark.parametrize(
    "bad",
    [
        (500, b""),
        (502, b"<html>"),
        (200, b"<html>bad gateway</html>"),
        coded(100),
        requests.ConnectionError("reset"),
        requests.ReadTimeout("slow"),
        requests.ConnectTimeout("slow"),
        requests.exceptions.ChunkedEncodingError("half"),
    ],
    ids=str,
)
def test_a_read_is_repeated(platform: Any, clock: Any, bad: Any) -> None:
    connector, session = platform(bad, bad, {"x": 1})
    assert connector.http.call(READ)["x"] == 1
    assert len(session.asked) == 3
    assert len(clock.slept) == 2


def test_a_read_is_given_up_after_the_attempts(platform: Any) -> None:
    connector, session = platform(*[(503, b"")] * 20)
    with pytest.raises(errors.Unavailable) as caught:
        connector.http.call(READ)
    assert len(session.asked) == connector.http.runtime.attempts == 4
    assert caught.value.code == "http 503"


def test_an_unknown_code_stops_at_once(platform: Any) -> None:
    connector, session = platform(coded(999, sub="isv.new"))
    with pytest.raises(errors.UnknownAnswer) as caught:
        connector.http.call(READ)
    assert len(session.asked) == 1
    assert (caught.value.code, caught.value.request_id, caught.value.params["message"]) == ("999/isv.new", "r-1", "wörds")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (coded(7, sub="isv.item-not-exist"), errors.Gone),
        (coded(7, sub="other"), errors.InvalidRecord),
        (coded("reauth"), errors.ReauthNeeded),
        (coded("rejected"), errors.Rejected),
        (coded("duplicate"), errors.Duplicate),
        (coded("in_doubt"), errors.InDoubt),
        (coded("config"), errors.ConfigError),
        (coded("scope"), errors.ScopeMissing),
        ((403, b""), errors.ScopeMissing),
        ((404, b""), errors.UnknownAnswer),
        ((401, b""), errors.ReauthNeeded),
    ],
)
def test_each_action_is_its_error(platform: Any, answer: Any, kind: type[Exception]) -> None:
    for request in (READ, Request("POST", "bills", auth=False, write=True)):
        connector, session = platform(answer)
        if request.write and kind is errors.UnknownAnswer:
            kind = errors.InDoubt
        with pytest.raises(errors.ConnectorError) as caught:
            connector.http.call(request)
        assert type(caught.value) is kind
        assert len(session.asked) == 1


def test_a_hint_becomes_the_message_key(platform: Any) -> None:
    connector, _ = platform(coded("rejected"))
    with pytest.raises(errors.Rejected, match=r"plain\.closed code=rejected request_id=r-1"):
        connector.http.call(WRITE)


# ---------------------------------------------------------------- writing: sent once


@pytest.mark.parametrize(
    "bad",
    [
        (500, b""),
        (502, b"<html>"),
        (200, b"<html>"),
        (200, b""),
        (404, b""),
        coded(100),
        coded(999),
        requests.ConnectionError("Connection aborted."),
        requests.ReadTimeout("slow"),
        requests.exceptions.ChunkedEncodingError("half"),
    ],
    ids=str,
)
def test_a_write_without_a_clear_answer_is_in_doubt_and_never_repeated(platform: Any, bad: Any) -> None:
    connector, session = platform(bad, {})
    with pytest.raises(errors.InDoubt):
        connector.http.call(WRITE)
    assert len(session.asked) == 1


@pytest.mark.parametrize(
    "bad",
    [requests.ConnectTimeout("slow"), requests.ConnectionError("[Errno 111] Connection refused"), coded(101)],
    ids=str,
)
def test_a_write_that_surely_did_not_happen_is_unavailable(platform: Any, bad: Any) -> None:
    connector, session = platform(bad, {})
    with pytest.raises(errors.Unavailable):
        connector.http.call(WRITE)
    assert len(session.asked) == 1


def test_a_refused_connection_is_known_on_a_real_socket(platform: Any) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    connector, _ = platform()
    connector.http.session = requests.Session()
    with pytest.raises(errors.Unavailable):
        connector.http.call(Request("POST", f"http://127.0.0.1:{port}/", auth=False, write=True))


def test_a_dead_token_on_a_write_is_refreshed_because_nothing_was_written(platform: Any) -> None:
    connector, session = platform(coded(40014), coded(0))
    connector.http.call(Request("POST", "bills", write=True))
    assert [asked["headers"]["Auth"] for asked in session.asked] == ["t1", "t2"]


# ---------------------------------------------------------------- limits


def test_a_short_limit_is_waited_out_and_is_no_attempt(platform: Any, clock: Any) -> None:
    connector, session = platform(*[coded(45033)] * INLINE_WAITS, {"x": 1})
    assert connector.http.call(READ)["x"] == 1
    assert len(session.asked) == INLINE_WAITS + 1
    assert sum(clock.slept) >= 2 * INLINE_WAITS


def test_a_limit_without_end_goes_back_to_the_planner(platform: Any) -> None:
    connector, session = platform(*[coded(45033)] * 100)
    with pytest.raises(errors.Throttled) as caught:
        connector.http.call(READ)
    assert caught.value.wait == 2
    assert len(session.asked) == INLINE_WAITS + 1


def test_a_long_limit_goes_back_at_once(platform: Any, clock: Any) -> None:
    connector, session = platform(coded(45009))
    with pytest.raises(errors.Throttled) as caught:
        connector.http.call(READ)
    assert caught.value.wait == 60
    assert len(session.asked) == 1
    assert clock.slept == []


def test_http_429_says_how_long(platform: Any, clock: Any) -> None:
    connector, _ = platform((429, b"", {"Retry-After": "3"}), {})
    connector.http.call(READ)
    assert clock.slept[0] == 3


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("write", [False, True])
def test_a_token_that_dies_twice_asks_nobody(platform: Any, clock: Any, write: bool) -> None:
    connector, session = platform(coded(40014), coded(40014), coded(0))
    connector.http.call(Request("POST", "bills", write=write))
    assert [asked["headers"]["Auth"] for asked in session.asked] == ["t1", "t2", "t3"]
    assert clock.slept == [RENEWALS[1]]


@pytest.mark.parametrize("write", [False, True])
def test_tokens_that_all_die_come_to_an_end_and_are_tried_again_later(platform: Any, clock: Any, write: bool) -> None:
    connector, session = platform(*[coded(40014)] * 99)
    with pytest.raises(errors.Unavailable) as caught:
        connector.http.call(Request("POST", "bills", write=write))
    assert [asked["headers"]["Auth"] for asked in session.asked] == ["t1", "t2", "t3", "t4"]
    assert caught.value.key == "error.token_refused" and caught.value.final and caught.value.params["times"] == 3
    assert clock.slept == list(RENEWALS[1:])


@pytest.mark.parametrize("later", [None, "demo.moved"])
def test_what_only_a_person_can_do_is_not_said_of_tokens_that_are_tried_again(platform: Any, later: str | None) -> None:
    """A hint is for whoever must act; of a fault that passes people read the shared text, or what the code has for it."""
    connector, _ = platform(*[coded(40014)] * 99)
    connector.interpret = lambda *_: Verdict("refresh_token", code="40014", hint="demo.reauth", later=later)
    with pytest.raises(errors.Unavailable) as caught:
        connector.http.get("things")
    assert caught.value.key == (later or "error.token_refused")
    connector.fetch_token = lambda: None
    with pytest.raises(errors.ReauthNeeded) as asked:
        connector.http.get("things")
    assert asked.value.key == "demo.reauth"


def test_a_platform_that_also_fails_in_between_gives_no_more_renewals(platform: Any) -> None:
    connector, _ = platform(*[coded(40014), coded(40014), (502, b"")] * 9)
    with pytest.raises(errors.Unavailable) as caught:
        connector.http.get("things")
    assert caught.value.key == "error.token_refused" and connector.fetched == 1 + len(RENEWALS)


def test_a_renewal_that_cannot_be_had_is_not_repeated_with_the_dead_token(platform: Any) -> None:
    connector, session = platform(coded(40014), *[{}] * 9)
    connector.http.renew()
    tried: list[int] = []

    def down() -> Token:
        tried.append(1)
        raise errors.Unavailable("error.token_lease")

    connector.fetch_token = down
    with pytest.raises(errors.Unavailable, match="token_lease"):
        connector.http.get("things")
    assert len(tried) == 1 and len(session.asked) == 1


@pytest.mark.parametrize("refusals", [3, 9])
def test_a_platform_that_gives_the_same_token_again_is_asked_as_often(platform: Any, clock: Any, refusals: int) -> None:
    connector, session = platform(*[coded(40014)] * refusals, *[{"x": 1}] * 9)
    connector.fetch_token = lambda: Token("the-only-one")
    if refusals == 3:
        assert connector.http.get("things")["x"] == 1
    else:
        with pytest.raises(errors.ReauthNeeded):
            connector.http.get("things")
    assert len(session.asked) == 4 and clock.slept == list(RENEWALS[1:])


def test_where_there_is_no_other_token_a_person_is_asked(platform: Any) -> None:
    connector, session = platform(*[coded(40014)] * 9)
    connector.fetch_token = lambda: None
    with pytest.raises(errors.ReauthNeeded):
        connector.http.get("things")
    assert len(session.asked) == 1


def test_a_token_is_used_until_it_is_about_to_end(clock: Any) -> None:
    tokens = MemoryTokens(clock)
    made = iter(range(9))

    def fetch() -> Token:
        return Token(f"t{next(made)}", expires_in=7200)

    first = tokens.renew(None, fetch)
    assert tokens.current() is first
    clock.sleep(7200 - 301)
    assert tokens.current() is first
    clock.sleep(2)
    assert tokens.current() is None
    assert tokens.renew(None, fetch).value == "t1"  # type: ignore[union-attr]


@pytest.mark.parametrize(("life", "alive", "dead"), [(60, 29, 31), (None, 10**6, None)])
def test_short_lives_and_endless_ones(clock: Any, life: float | None, alive: float, dead: float | None) -> None:
    tokens = MemoryTokens(clock)
    tokens.renew(None, lambda: Token("t", expires_in=life))
    clock.sleep(alive)
    assert tokens.current() is not None
    if dead:
        clock.sleep(dead - alive)
        assert tokens.current() is None


def test_many_threads_fetch_one_token(clock: Any) -> None:
    tokens, fetched, gate = MemoryTokens(clock), [], threading.Barrier(8)

    def fetch() -> Token:
        fetched.append(1)
        return Token(f"t{len(fetched)}", expires_in=7200)

    def ask() -> None:
        gate.wait()
        tokens.renew(Token("dead"), fetch)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1


# ---------------------------------------------------------------- answers


def answer(content: bytes, status: int = 200, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def test_json_keeps_digits_and_survives_control_characters() -> None:
    body = answer(b'{"id": 4001234567890123456, "fee": 0.10, "note": "a\tb"}').json
    assert body == {"id": 4001234567890123456, "fee": Decimal("0.10"), "note": "a\tb"}
    assert str(body["fee"]) == "0.10"
    assert answer(b"<html>").json is None
    assert answer("中文".encode() + b"\xff").text.startswith("中文")


@pytest.mark.parametrize(("header", "wait"), [("3", 3.0), ("", None), ("soon", None), ("²", None), ("-5", None)])
def test_retry_after(header: str, wait: float | None) -> None:
    assert answer(b"", Retry_After=header).retry_after == wait


def test_retry_after_as_a_date_with_and_without_zone() -> None:
    later = utc_now().replace(microsecond=0)
    assert answer(b"", Retry_After=format_datetime(later, usegmt=True)).retry_after == 0.0
    assert answer(b"", Retry_After="Wed, 21 Oct 2099 07:28:00 -0000").retry_after > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("status", "action"),
    [(200, None), (204, None), (302, "stop_and_alert"), (400, "stop_and_alert"), (401, "refresh_token"), (403, "scope_missing"),
     (404, "stop_and_alert"), (429, "throttle"), (500, "retry"), (503, "retry")],
)  # fmt: skip
def test_what_a_status_says_alone(status: int, action: str | None) -> None:
    verdict = interpret_status(answer(b"", status))
    assert (verdict.action if verdict else None) == action


@pytest.mark.parametrize(
    ("path", "value"),
    [("", {"a": [{"b": 1}]}), ("a.0.b", 1), ("a.1.b", None), ("a.b", None), ("a.0.b.c", None), ("x", None), ("a.-1", None)],
)
def test_paths_into_bodies(path: str, value: Any) -> None:
    assert at({"a": [{"b": 1}]}, path) == value


def test_a_long_message_of_the_platform_is_cut(platform: Any) -> None:
    connector, _ = platform({"error": {"code": 999, "text": "x" * 5000}})
    with pytest.raises(errors.UnknownAnswer) as caught:
        connector.http.call(READ)
    assert len(caught.value.params["message"]) == 300
