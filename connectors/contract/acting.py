"""Rules about what a platform does for people: tags are sets, a notice is shown once, outsiders are not let in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from connectors.base import Request
from connectors.contract.bench import Bench
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, Gone, InDoubt, Rejected, SignInRefused, Throttled
from connectors.people import Notice, Notifier, SignIn, TagChange, TagWriter

NOBODY = "nobody_of_that_name"
STATE = "c3RhdGUofTheBrowser0123456789"
"""Letters and digits, as the hub makes it."""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
REDIRECT = "https://hub.example/sign-in/back?account=contract"


def writer(bench: Bench) -> TagWriter:
    """A new connector to write tags with."""
    return cast(TagWriter, bench.connector())


def notifier(bench: Bench) -> Notifier:
    """A new connector to tell staff with."""
    return cast(Notifier, bench.connector())


def door(bench: Bench) -> SignIn:
    """A new connector to sign people in with."""
    return cast(SignIn, bench.connector())


def on_write(bench: Bench, do: Callable[[], None]) -> None:
    """Do it when the next writing call goes out."""
    due = [do]

    def arm(_: int, request: Request) -> None:
        if bench.writes(request) and due:
            due.pop()()

    bench.arm = arm


def calm(bench: Bench) -> None:
    """The platform behaves again."""
    bench.arm = lambda number, request: None
    bench.sim.faults.clear()


# ---------------------------------------------------------------- tags


def tagged(bench: Bench, name: str) -> tuple[str, set[str], str, str]:
    """A record, the tags it carries, and two tags that it does not."""
    key = bench.populate(name, 1)[0]
    first, second = bench.sim.tag_keys(name, 2)
    return key, bench.sim.tags_of(name, key), first, second


@scenario(each="tagged", role="tags")
def tags_are_put_on_and_taken_off(bench: Bench, name: str) -> None:
    """A change makes the record carry what it adds and not what it removes, and leaves its other tags alone."""
    key, before, first, second = tagged(bench, name)
    writer(bench).write_tags(TagChange(name, key, add=frozenset({first, second})))
    assert bench.sim.tags_of(name, key) == before | {first, second}, "the tags were not all put on, or others went"
    writer(bench).write_tags(TagChange(name, key, remove=frozenset({first})))
    assert bench.sim.tags_of(name, key) == before | {second}, "a tag that was not named went, or the named one stayed"


@scenario(each="tagged", role="tags")
def a_tag_written_is_read_back_under_its_key(bench: Bench, name: str) -> None:
    """The record that is read afterwards maps to the tags that were written, under the same keys."""
    key, _, first, second = tagged(bench, name)
    writer(bench).write_tags(TagChange(name, key, add=frozenset({first, second})))
    record = bench.source().fetch_one(name, key)
    assert record is not None, "the record is gone after its tags were written"
    found = {str(tag["key"]) for item in bench.mapping(name).apply(record).records for tag in item["fields"].get("tags") or ()}
    assert {first, second} <= found, f"wrote {first} and {second}; the record carries {sorted(found)}"


@scenario(each="tagged", role="tags")
def a_tag_change_may_be_repeated(bench: Bench, name: str) -> None:
    """The same change again, and one that is so already, change nothing and are no error."""
    key, before, first, second = tagged(bench, name)
    change = TagChange(name, key, add=frozenset({first}), remove=frozenset({second}))
    for _ in range(3):
        writer(bench).write_tags(change)
        assert bench.sim.tags_of(name, key) == before | {first}


@scenario(each="tagged", role="tags")
def an_unknown_tag_is_rejected_and_a_record_that_is_gone_is_gone(bench: Bench, name: str) -> None:
    """A tag that the platform does not know: Rejected, nothing of the change made. A record that is gone: Gone."""
    key, before, first, _ = tagged(bench, name)
    try:
        writer(bench).write_tags(TagChange(name, key, add=frozenset({first, "no-such-tag"})))
    except Rejected:
        assert bench.sim.tags_of(name, key) == before, "half of a rejected change was made"
    else:
        raise AssertionError("a tag that nobody knows was put on")
    bench.steer("remove", name, key)
    try:
        writer(bench).write_tags(TagChange(name, key, add=frozenset({first})))
    except Gone:
        return
    raise AssertionError("tags were put on a record that is gone")


@scenario(each="tagged", role="tags")
def a_tag_change_that_breaks_off_is_in_doubt_and_repeated(bench: Bench, name: str) -> None:
    """Cut before or after it was made, or answered 502: InDoubt, one call, and a repetition makes it so."""
    for fault in ("cut_before", "cut_after", "error"):
        key, before, first, _ = tagged(bench, name)
        change = TagChange(name, key, add=frozenset({first}))
        breaks_off(bench, fault, lambda change=change: writer(bench).write_tags(change))  # type: ignore[misc]
        writer(bench).write_tags(change)
        assert bench.sim.tags_of(name, key) == before | {first}, f"{fault}: repeated, and still not so"


def breaks_off(bench: Bench, fault: str, act: Callable[[], object]) -> None:
    """The act with the fault on its writing call raises InDoubt, after one such call."""
    broken = {"error": lambda: bench.sim.faults.error.update({"": [502]})}
    before = len(bench.calls)
    on_write(bench, broken.get(fault, lambda: getattr(bench.sim.faults, fault).update({"": 1})))
    try:
        act()
    except InDoubt:
        pass
    else:
        raise AssertionError(f"{fault} on a writing call: no InDoubt")
    finally:
        calm(bench)
    made = sum(bench.writes(request) for request in bench.calls[before:])
    assert made == 1, f"{made} writing calls: write=True is missing, or an open write was repeated"


@scenario(each="tagged", role="tags")
def a_throttled_tag_change_is_made_or_handed_back(bench: Bench, name: str) -> None:
    """A limit answer to the writing call: waited out, or raised as Throttled, and made when it is asked for again."""
    key, before, first, _ = tagged(bench, name)
    change = TagChange(name, key, add=frozenset({first}))
    on_write(bench, lambda: bench.sim.faults.throttle.update({"": 1}))
    waited(bench, lambda: writer(bench).write_tags(change))
    assert bench.sim.tags_of(name, key) == before | {first}


def waited(bench: Bench, act: Callable[[], object]) -> object:
    """What the hub does with a limit: wait as told, and ask again."""
    try:
        return act()
    except Throttled as error:
        assert error.wait > 0, "a Throttled without a wait"
        calm(bench)
        bench.sleep(error.wait)
        return act()


# ---------------------------------------------------------------- notices


def notice(*to: str, key: str = "n1") -> Notice:
    """An ordinary notice."""
    return Notice(key, to, "合同已签订", "样例科技 · ¥13,780.01", "https://hub.example/deals/1")


@scenario(role="notices")
def a_notice_reaches_each_receiver(bench: Bench) -> None:
    """Everybody it is for, and nobody else, has one message with title, text and address; nobody is called unreached."""
    one, two, other = bench.sim.employ(3)
    assert notifier(bench).notify(notice(one, two)) == [], "members who exist are called unreached"
    for member in (one, two):
        shown = bench.sim.told(member)
        assert len(shown) == 1, f"{len(shown)} messages, not 1"
        for part, text in (("title", "合同已签订"), ("text", "样例科技 · ¥13,780.01"), ("url", "https://hub.example/deals/1")):
            assert shown[0][part] == text, f"{part} is {shown[0][part]!r}, sent was {text!r}"
    assert not bench.sim.told(other), "somebody else was told"


@scenario(role="notices")
def who_cannot_be_reached_is_named(bench: Bench) -> None:
    """With some receivers unknown the others are told and those named as they were given; with all unknown, all."""
    one, two = bench.sim.employ(2)
    assert notifier(bench).notify(notice(one, NOBODY, two)) == [NOBODY], "who cannot be reached is not named as it was given"
    assert len(bench.sim.told(one)) == len(bench.sim.told(two)) == 1, "one unknown receiver keeps the others from being told"
    assert notifier(bench).notify(notice(NOBODY, key="n2")) == [NOBODY], "nobody was reached, and that is not said"


@scenario(role="notices")
def a_notice_sent_twice_is_shown_once(bench: Bench) -> None:
    """The same key again shows nothing new; another key does. Where the platform cannot tell: capability notice_once cannot."""
    capability = bench.manifest.capabilities.get("notice_once")
    if capability is not None and capability.level == "cannot":
        skip(f"the manifest says: {capability.title.en} (cannot)")
    one = bench.sim.employ(1)[0]
    for _ in range(2):
        notifier(bench).notify(notice(one))
        bench.sleep(61)
    assert len(bench.sim.told(one)) == 1, f"one notice, shown {len(bench.sim.told(one))} times"
    notifier(bench).notify(dataclasses.replace(notice(one, key="n2"), text="另一件事"))
    assert len(bench.sim.told(one)) == 2, "another notice was taken for the same"


@scenario(role="notices")
def a_notice_that_breaks_off_is_in_doubt(bench: Bench) -> None:
    """Cut before or after it went out, or answered 502: InDoubt after one call, so that the hub decides about a second."""
    for number, fault in enumerate(("cut_before", "cut_after", "error")):
        one = bench.sim.employ(1)[0]
        breaks_off(bench, fault, lambda one=one, number=number: notifier(bench).notify(notice(one, key=f"b{number}")))  # type: ignore[misc]


@scenario(role="notices")
def a_throttled_notice_is_sent_or_handed_back(bench: Bench) -> None:
    """A limit answer: waited out, or raised as Throttled, and sent once when it is asked for again."""
    one = bench.sim.employ(1)[0]
    on_write(bench, lambda: bench.sim.faults.throttle.update({"": 1}))
    assert waited(bench, lambda: notifier(bench).notify(notice(one))) == []
    assert len(bench.sim.told(one)) == 1


# ---------------------------------------------------------------- signing in


def returned(bench: Bench, member: str | None) -> dict[str, str]:
    """The query with which the browser of a member, or of an outsider, comes back."""
    url = bench.sim.visit(door(bench).sign_in_url(REDIRECT, STATE), member)
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


@scenario(role="sign_in")
def a_member_signs_in(bench: Bench) -> None:
    """The browser comes back to our address with the state unchanged, and the platform names the member."""
    one, two = bench.sim.employ(2)
    for member in (one, two):
        back = urlsplit(bench.sim.visit(door(bench).sign_in_url(REDIRECT, STATE), member))
        assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT.partition("?")[0], "the browser came back elsewhere"
        query = dict(parse_qsl(back.query))
        assert query.get("account") == "contract", "our own part of the address was lost"
        assert query.get("state") == STATE, "the state came back changed"
        found = door(bench).signed_in(query)
        assert found == member, f"{member} signed in, and {found} was named"


@scenario(role="sign_in")
def an_outsider_is_refused(bench: Bench) -> None:
    """Somebody who is not a member of the company: SignInRefused, whatever the platform's answer calls itself."""
    bench.sim.employ(1)
    refused(bench, returned(bench, None), "an outsider")


@scenario(role="sign_in")
def a_code_opens_once(bench: Bench) -> None:
    """What the browser came back with opens the door once."""
    query = returned(bench, bench.sim.employ(1)[0])
    door(bench).signed_in(query)
    refused(bench, query, "a code that was used")


@scenario(role="sign_in")
def a_made_up_return_is_refused(bench: Bench) -> None:
    """A code that nobody issued, an empty one, and none (the person declined): SignInRefused, and no call for the last two."""
    query = returned(bench, bench.sim.employ(1)[0])
    made_up = {name: value[::-1] if name not in ("state", "account") else value for name, value in query.items()}
    refused(bench, made_up, "a made-up code")
    for nothing in ({"state": STATE}, dict.fromkeys(query, "")):
        before = len(bench.calls)
        refused(bench, nothing, "no code")
        assert len(bench.calls) == before, "the platform was asked about no code"


def refused(bench: Bench, query: dict[str, str], what: str) -> None:
    """The query does not sign anybody in."""
    try:
        found = door(bench).signed_in(query)
    except SignInRefused:
        return
    except ConnectorError as error:
        raise AssertionError(f"{what}: {type(error).__name__}, not SignInRefused") from error
    raise AssertionError(f"{what} signed in as {found!r}")


@scenario(role="sign_in")
def the_sign_in_address_holds_no_secret(bench: Bench) -> None:
    """The address goes to the browser: no secret and no token is in it, and making it asks nobody."""
    before = len(bench.calls)
    url = door(bench).sign_in_url(REDIRECT, STATE)
    assert len(bench.calls) == before, "making the address made a call"
    door(bench).check()  # so that there are tokens to look for
    shown = [value for value in bench.secrets() if value in url]
    assert not shown, "a secret stands in the address"


@scenario(role="sign_in")
def the_platforms_own_client_signs_in_without_asking(bench: Bench) -> None:
    """Inside the platform's client, and only there, another address is given; it holds no secret, names the same member, and
    refuses an outsider."""
    agent = bench.sim.client_agent()
    assert door(bench).inside_url(REDIRECT, STATE, BROWSER) is None, "an ordinary browser was taken for the platform's client"
    if not agent:
        skip("the platform's client does not sign its person in, or the connector does not use it")
    one = bench.sim.employ(1)[0]
    before = len(bench.calls)
    url = door(bench).inside_url(REDIRECT, STATE, agent)
    assert url and len(bench.calls) == before, "no address, or making it asked somebody"
    assert not [value for value in bench.secrets() if value in url], "a secret stands in the address"
    for member in (one, None):
        query = dict(parse_qsl(urlsplit(bench.sim.visit(url, member)).query))
        assert query.get("state") == STATE, "the state came back changed"
        if member is None:
            refused(bench, query, "an outsider inside the client")
        else:
            assert door(bench).signed_in(query) == member
