"""Rules about reading a healthy platform: every record, once, whatever changes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from connectors.base import Window
from connectors.contract.bench import Bench, Pulled, canonical
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, Gone, MappingError, RecordError, Retryable
from mappings.compile import CompiledMapping

STRANGE = "zz_nobody_knows"


@scenario(each="stream", role="source")
def no_records_is_no_error(bench: Bench, name: str) -> None:
    """An empty stream ends at once, without records."""
    assert bench.pull(name).keys == []


@scenario(each="stream", role="source")
def one_record_arrives(bench: Bench, name: str) -> None:
    """One record arrives once."""
    keys = bench.populate(name, 1)
    assert bench.pull(name).keys == keys


@scenario(each="stream", role="source")
def full_pages_arrive(bench: Bench, name: str) -> None:
    """A count that is a multiple of the page size: each record once, and the walk ends."""
    expect_all(bench, name, 2 * bench.stream(name).page_size)


@scenario(each="stream", role="source")
def a_broken_last_page_arrives(bench: Bench, name: str) -> None:
    """Two and a half pages: each record once, in pages that can be gone on from."""
    pulled = expect_all(bench, name, pages(bench, name, 2.5))
    for page in pulled.pages[:-1]:
        assert page.resume, f"{name}: a page that is not the last has no resume point"
    points = [page.resume for page in pulled.pages if page.resume]
    assert len(set(points)) == len(points), f"{name}: two pages have the same resume point"


def expect_all(bench: Bench, name: str, count: int) -> Pulled:
    """Populate, walk once, and compare."""
    keys = bench.populate(name, count)
    pulled = bench.pull(name)
    assert set(pulled.keys) == set(keys), told(keys, pulled.keys)
    assert len(pulled.keys) == count, f"{len(pulled.keys) - count} records came twice although nothing changed"
    return pulled


def pages(bench: Bench, name: str, count: float) -> int:
    """So many pages' worth of records."""
    return max(2, int(bench.stream(name).page_size * count))


def told(expected: list[str], got: list[str]) -> str:
    """What is missing and what is too much."""
    missing, extra = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
    return f"lost {len(missing)} of {len(expected)}: {missing[:5]}; never made {len(extra)}: {extra[:5]}"


@scenario(each="stream", role="source")
def rows_changing_between_pages_are_not_lost(bench: Bench, name: str) -> None:
    """Records change while the pages are read: this run and the next one together hold all of them, as they are now."""
    keys = bench.populate(name, pages(bench, name, 2.5))
    touched: list[str] = []

    def disturb(*_: object) -> None:
        if len(touched) < len(keys) // 2:
            touched.extend([keys[len(touched)], keys[-1 - len(touched)]])
            for key in touched[-2:]:
                bench.steer("touch", name, key)

    bench.sim.faults.after_page = disturb
    source, window = bench.source(), bench.window(name)
    pulled = bench.walk(source, name, window, between=disturb)
    bench.sim.faults.after_page = None
    assert touched, "nothing was changed between the pages"
    got = set(pulled.keys)
    if window:
        for following in bench.later(name, window.end):
            got |= set(bench.walk(source, name, following).keys)
    else:
        cursor = bench.stream(name).cursor.kind
        got |= set(bench.walk(source, name, None, None if cursor == "none" else pulled.resume).keys)
    assert got == set(keys), told(keys, sorted(got))


@scenario(each="stream", role="source")
def equal_times_at_window_edges_are_not_lost(bench: Bench, name: str) -> None:
    """Many records at the very instant where one window ends and the next begins, and at the first one's start."""
    window = bench.window(name)
    if window is None:
        skip(f"cursor kind {bench.stream(name).cursor.kind}: this stream has no windows")
    middle = window.start + (window.end - window.start) / 2
    middle = middle.replace(microsecond=0)
    keys = bench.populate(name, pages(bench, name, 1) + 3, at=middle)
    keys += bench.populate(name, 2, at=window.start)
    source = bench.source()
    first = bench.walk(source, name, Window(window.start, middle))
    overlap = bench.stream(name).cursor.overlap
    second = bench.walk(source, name, Window(middle - overlap, window.end))
    assert set(first.keys + second.keys) == set(keys), told(keys, first.keys + second.keys)
    again = bench.walk(source, name, Window(middle, window.end))
    assert set(keys[:-2]) <= set(again.keys), "without overlap, records at the start of a window are lost: start is inside"


@scenario(each="stream", role="source")
def a_killed_walk_goes_on_where_it_stood(bench: Bench, name: str) -> None:
    """After each page but the last: the process dies, a new one goes on from the page's resume point."""
    keys = bench.populate(name, pages(bench, name, 2.5))
    window, got, resume = bench.window(name), [], None
    for _ in range(len(keys) + 1):
        page = next(iter(bench.source().pages(name, window, resume)), None)
        if page is None:
            break
        part = Pulled()
        part.add(page, bench.stream(name).key)
        got += part.keys
        if page.last:
            break
        assert page.resume and page.resume != resume, f"{name}: the resume point does not move on"
        resume = page.resume
    assert set(got) == set(keys), told(keys, got)


@scenario(each="stream", role="source")
def the_next_run_brings_what_is_new(bench: Bench, name: str) -> None:
    """A record made after the run arrives with the following run."""
    bench.populate(name, 2)
    source, window = bench.source(), bench.window(name)
    pulled = bench.walk(source, name, window)
    bench.sleep(2)
    fresh = bench.populate(name, 1, at=bench.sim.now().replace(microsecond=0))
    got: set[str] = set()
    if window:
        for following in bench.later(name, window.end):
            got |= set(bench.walk(source, name, following).keys)
    else:
        cursor = bench.stream(name).cursor.kind
        got = set(bench.walk(source, name, None, None if cursor == "none" else pulled.resume).keys)
    assert set(fresh) <= got, f"{name}: the new record did not arrive"


@scenario(each="stream", role="source")
def a_malformed_record_harms_no_other(bench: Bench, name: str) -> None:
    """Exactly the spoilt record fails to map, with the field named; the others map."""
    keys = bench.populate(name, 3)
    bench.steer("spoil", name, keys[1])
    mapping, bad = bench.mapping(name), {}
    pulled = read_all_windows(bench, name)
    assert set(pulled.keys) == set(keys), told(keys, pulled.keys)
    for key, record in pulled.records.items():
        try:
            mapping.apply(record)
        except MappingError as error:
            bad[key] = error
    assert set(bad) == {keys[1]}, f"expected MappingError for {keys[1]}, got it for {sorted(bad)}"
    assert bad[keys[1]].params.get("field"), "the error does not name the field"


@scenario(each="stream", role="source")
def an_unknown_field_is_counted_by_name(bench: Bench, name: str) -> None:
    """A field that nobody knows is reported by its name and changes nothing else."""
    keys = bench.populate(name, 2)
    mapping = bench.mapping(name)
    before = bench.pull(name).records[keys[0]]
    bench.steer("add_field", name, keys[0], STRANGE, {"a": [1, None, "x"]})
    after = read_all_windows(bench, name).records[keys[0]]
    unknown = mapping.apply(after).unknown_fields
    assert any(path.split(".")[-1] == STRANGE for path in unknown), f"{STRANGE} is not among {sorted(unknown)}"
    assert len(unknown) == 1, f"more than the new field is unknown: {sorted(unknown)}"
    assert without_times(mapping, before) == without_times(mapping, after), "the unknown field changed the canonical record"


def read_all_windows(bench: Bench, name: str) -> Pulled:
    """The populated window and the run after it, for records whose modification time a steering method moved."""
    window, source = bench.window(name), bench.source()
    pulled = bench.walk(source, name, window)
    for following in bench.later(name, window.end) if window else []:
        for page in bench.walk(source, name, following).pages:
            pulled.add(page, bench.stream(name).key)
    return pulled


def without_times(mapping: CompiledMapping, record: dict[str, object]) -> object:
    """The canonical records without their modification times."""
    found = mapping.apply(record).records
    return [{**item, "fields": {k: v for k, v in item["fields"].items() if k != "changed_at"}} for item in found]


@scenario(each="stream", role="source")
def fetch_one_agrees_with_the_pages(bench: Bench, name: str) -> None:
    """A record asked for by key becomes the same canonical record as the one that the pages gave."""
    keys = bench.populate(name, 2)
    mapping, pulled, source = bench.mapping(name), bench.pull(name), bench.source()
    for key in keys:
        one = source.fetch_one(name, key)
        assert one is not None, f"{name}/{key} exists, but fetch_one says it is gone"
        assert canonical(mapping, one) == canonical(mapping, pulled.records[key]), f"{name}/{key} differs between the two ways"
    many = dict(source.fetch_many(name, keys))
    assert set(many) == set(keys) and None not in many.values(), "fetch_many does not give each key's record"


@scenario(each="stream", role="source")
def a_removed_record_is_gone(bench: Bench, name: str) -> None:
    """fetch_one says None (or Gone) for a removed record, and the others are still there."""
    keys = bench.populate(name, 2)
    bench.steer("remove", name, keys[0])
    source = bench.source()
    assert fetched(bench, name, keys[0]) is None, f"{name}/{keys[0]} was removed, but fetch_one gives a record"
    assert source.fetch_one(name, keys[1]) is not None
    many = dict(source.fetch_many(name, keys))
    assert many[keys[0]] is None and many[keys[1]] is not None, "fetch_many does not tell the removed record from the other"


def fetched(bench: Bench, name: str, key: str) -> object:
    """The record, None when it is gone in either way."""
    try:
        return bench.source().fetch_one(name, key)
    except Gone:
        return None


@scenario(each="stream", role="source")
def a_wrong_clock_is_a_clear_error(bench: Bench, name: str) -> None:
    """With our clock an hour off, a platform that checks time gives an error that names the fault, not a loop."""
    bench.populate(name, 2)
    window = bench.window(name)
    names_a_wrong_clock(bench, lambda connector: list(connector.pages(name, window, None)))


def names_a_wrong_clock(bench: Bench, ask: Callable[[Any], object]) -> None:
    """Ask with the clock an hour behind and an hour ahead; skip when both are let through."""
    for hours in (-1, 1):
        shift = timedelta(hours=hours)
        before = len(bench.calls)
        try:
            ask(bench.connector(clock=lambda shift=shift: bench.sim.now() + shift))  # type: ignore[misc]
        except ConnectorError as error:
            assert not isinstance(error, Retryable | RecordError), f"a wrong clock is no passing fault: {error}"
            assert len(bench.calls) - before <= 6, f"{len(bench.calls) - before} calls before giving up"
            return
    skip("let through with a clock an hour off in both directions: this platform does not check the time of reads")
