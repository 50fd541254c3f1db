"""The mapping grammar: what it can say, what each mistake is told as, and that nothing inexact gets through."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import MappingError
from mappings import transforms
from mappings.canonical import FIELDS, LINE_FIELDS
from mappings.compile import CompiledMapping, Mapped, MappingFault, load_mapping

ORDER: dict[str, Any] = {
    "stream": "order",
    "emits": [
        {
            "kind": "order",
            "id": "tid",
            "fields": {
                "number": "tid",
                "state": {"path": "status", "map": {"PAID": "paid", 3: "completed"}},
                "paid": {"path": "payment", "as": "money", "unit": "yuan"},
                "currency": {"const": "CNY"},
                "created_at": {"path": "created", "as": "time"},
                "region": {"join": ["receiver.state", "receiver.city"], "with": " "},
            },
            "required": ["number", "paid"],
            "lines": {
                "each": "orders.order",
                "fields": {"key": "oid", "quantity": "num", "amount": {"path": "fee", "as": "money", "unit": "fen"}},
            },
        }
    ],
    "known": ["seller_nick"],
    "open": {"path": "status", "in": ["WAIT", 7]},
}
RECORD: dict[str, Any] = {
    "tid": 4001234567890123456,
    "status": "PAID",
    "payment": "88.80",
    "created": "2026-11-02 09:00:00",
    "receiver": {"state": "浙江", "city": "杭州"},
    "seller_nick": "x",
    "orders": {"order": [{"oid": "1", "num": 2, "fee": 4440}, {"oid": "2", "num": "1.50", "fee": "4440"}]},
}


def compiled(source: Any, *, zone: str | None = "Asia/Shanghai", context: dict[str, str] | None = None) -> CompiledMapping:
    return CompiledMapping(source, zone=zone, context=context or {"account": "a1", "app_key": "k9"}, place="shop/order.yaml")


def with_fields(kind: str, fields: dict[str, Any], **emit: Any) -> dict[str, Any]:
    return {"stream": "s", "emits": [{"kind": kind, "id": "id", "fields": fields, **emit}]}


def one(source: dict[str, Any], record: dict[str, Any], **options: Any) -> dict[str, Any]:
    (found,) = compiled(source, **options).apply({"id": "1", **record}).records
    return found


def test_an_order_with_lines() -> None:
    mapped = compiled(ORDER).apply(RECORD)
    assert mapped == Mapped(
        records=[
            {
                "kind": "order",
                "id": "4001234567890123456",
                "fields": {
                    "number": "4001234567890123456",
                    "state": "paid",
                    "paid": 8880,
                    "currency": "CNY",
                    "created_at": dt.datetime(2026, 11, 2, 1, tzinfo=dt.UTC),
                    "region": "浙江 杭州",
                },
                "lines": [
                    {"key": "1", "quantity": "2", "amount": 4440},
                    {"key": "2", "quantity": "1.50", "amount": 4440},
                ],
            }
        ],
        unknown_fields=set(),
        unknown_values=set(),
        is_open=False,
    )


def test_applying_changes_nothing_and_gives_the_same_again() -> None:
    import copy

    mapping, record = compiled(ORDER), copy.deepcopy(RECORD)
    assert mapping.apply(record) == mapping.apply(record)
    assert record == RECORD


@pytest.mark.parametrize(("status", "state", "unknown"), [(3, "completed", set()), ("NEW", "unknown", {"state=NEW"})])
def test_a_word_not_in_the_table_is_unknown_and_counted(status: Any, state: str, unknown: set[str]) -> None:
    mapped = compiled(ORDER).apply({**RECORD, "status": status})
    assert mapped.records[0]["fields"]["state"] == state
    assert mapped.unknown_values == unknown


@pytest.mark.parametrize(("status", "is_open"), [("WAIT", True), (7, True), ("PAID", False), (None, False)])
def test_open_records_are_told(status: Any, is_open: bool) -> None:
    assert compiled(ORDER).apply({**RECORD, "status": status}).is_open is is_open


def test_unknown_fields_are_counted_wherever_they_stand() -> None:
    record = {**RECORD, "new": 1, "receiver": {**RECORD["receiver"], "street": "x"}, "seller_nick": {"inside": 1}}
    record["orders"] = {"order": [{"oid": "1", "extra": 1}], "total": 1}
    assert compiled(ORDER).apply(record).unknown_fields == {"new", "receiver.street", "orders.order.extra", "orders.total"}


def test_identity_keys_take_their_scope_from_the_account() -> None:
    source = with_fields(
        "customer",
        {"display_name": {"first": ["remark", "name"]}},
        keys=[
            {"kind": "open_uid", "scope": "shop:{app_key}:{account}", "value": "uid"},
            {"kind": "phone", "value": {"path": "mobile", "as": "unmasked_texts"}},
        ],
    )
    record = {"uid": "u1", "remark": "", "name": "张三", "mobile": ["13900000001", "139****0002"]}
    found = one(source, record)
    assert found["fields"] == {"display_name": "张三"}
    assert found["keys"] == [("open_uid", "shop:k9:a1", "u1"), ("phone", "", "13900000001")]


@pytest.mark.parametrize(
    ("spec", "record", "tags"),
    [
        (
            {"each": "tags", "key": "id", "name": "name"},
            {"tags": [{"id": 1, "name": "老客户"}, {}]},
            [{"key": "1", "name": "老客户"}],
        ),
        ({"each": "tags", "key": ""}, {"tags": ["a", "b"]}, [{"key": "a"}, {"key": "b"}]),
        ({"each": "tags", "name": "", "split": ","}, {"tags": "a,,"}, [{"key": "a", "name": "a"}]),
        ({"each": "tags", "key": "", "by": "owner"}, {"tags": "vip", "owner": "z"}, [{"key": "vip", "by": "z"}]),
        ({"each": "tags", "key": ""}, {}, []),
    ],
)
def test_tags(spec: dict[str, Any], record: dict[str, Any], tags: list[dict[str, str]]) -> None:
    assert one(with_fields("customer", {"tags": spec}), record)["fields"] == {"tags": tags}


def test_each_takes_a_value_from_every_item() -> None:
    source = with_fields("customer", {"phones": {"each": "mobiles", "path": "number"}})
    assert one(source, {"mobiles": [{"number": "1"}, {"number": ""}, {"other": 1}]})["fields"] == {"phones": ["1"]}


def test_a_record_may_become_several_and_ids_may_be_prefixed() -> None:
    source = {
        "stream": "s",
        "id_prefix": "c-",
        "emits": [
            {"kind": "customer", "id": "buyer", "when": "buyer", "fields": {"display_name": "nick"}},
            {"kind": "deal", "id": "id", "fields": {"title": "title"}},
        ],
    }
    mapping = compiled(source)

    def made(record: dict[str, Any]) -> list[tuple[str, str]]:
        return [(found["kind"], found["id"]) for found in mapping.apply(record).records]

    assert made({"id": 1, "buyer": "b"}) == [("customer", "c-b"), ("deal", "c-1")]
    assert made({"id": 1, "buyer": ""}) == [("deal", "c-1")]


def test_what_is_absent_stays_absent() -> None:
    fields = {"number": "n", "customer": "c", "paid": {"path": "p", "as": "money"}, "created_at": "t"}
    assert one(with_fields("order", fields), {"n": "", "c": None, "p": ""})["fields"] == {}


# ---------------------------------------------------------------- bad records


@pytest.mark.parametrize(
    ("change", "key", "field"),
    [
        ({"tid": None}, "mapping.required", "order.id"),
        ({"payment": ""}, "mapping.required", "order.paid"),
        ({"payment": "8.8.8"}, "mapping.value", "paid"),
        ({"payment": 88.8}, "mapping.value", "paid"),
        ({"payment": True}, "mapping.value", "paid"),
        ({"created": "yesterday"}, "mapping.value", "created_at"),
        ({"tid": ["a"]}, "mapping.value", "id"),
        ({"orders": {"order": [{"num": "many"}]}}, "mapping.value", "quantity"),
    ],
)
def test_a_bad_record_names_the_field_and_never_shows_the_value(change: dict[str, Any], key: str, field: str) -> None:
    with pytest.raises(MappingError) as caught:
        compiled(ORDER).apply({**RECORD, **change})
    assert (caught.value.key, caught.value.params["field"]) == (key, field)
    for value in change.values():
        if isinstance(value, str) and value:
            assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["Amazone 街 1 号", "zone", "2026-11-02T09:00 zone 139", "x" * 300])
def test_a_bad_time_never_shows_the_value(value: str) -> None:
    with pytest.raises(ValueError) as caught:
        transforms.time("Asia/Shanghai")(value)
    assert str(caught.value) == "is not a time of the expected form"


@pytest.mark.parametrize("shape", ["not a list", 7, {"no": "list"}, [1, "a", None, ["x"]]])
def test_lines_of_another_shape_do_not_become_letters(shape: Any) -> None:
    mapped = compiled(ORDER).apply({**RECORD, "orders": {"order": shape}})
    assert all(line == {} for line in mapped.records[0]["lines"])


@pytest.mark.parametrize(("path", "value"), [("", "13900000001"), ("number", {"number": "13900000001"})])
def test_each_over_a_single_item_is_that_item_not_its_letters(path: str, value: Any) -> None:
    source = with_fields("customer", {"phones": {"each": "mobiles", "path": path}})
    assert one(source, {"mobiles": value})["fields"] == {"phones": ["13900000001"]}
    assert one(source, {"mobiles": ""})["fields"] == {}


# ---------------------------------------------------------------- mistakes in the file

GOOD = {"kind": "order", "id": "tid", "fields": {"number": "tid"}}
CUSTOMER = {"kind": "customer", "id": "id", "fields": {"display_name": "name"}}


def emit(base: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {"stream": "s", "emits": [{**(base or GOOD), **changes}]}


def order_field(name: str, spec: Any) -> dict[str, Any]:
    return emit(fields={name: spec})


MISTAKES: list[tuple[str, Any, str, str]] = [
    ("not a mapping", ["stream"], "(top)", "is not a mapping"),
    ("unknown key", {**emit(), "emit": []}, "(top)", "'emit' is not known here"),
    ("no emits", {"stream": "s"}, "emits", "is missing"),
    ("emit is text", {"emits": ["order"]}, "emits.0", "is not a mapping"),
    ("emits is a mapping", {"emits": GOOD}, "emits", "is a list"),
    ("emit with unknown key", emit(field={}), "emits.0", "'field' is not known here"),
    ("unknown kind", emit(kind="invoice"), "emits.0.kind", "is one of customer"),
    ("no id", {"emits": [{"kind": "order", "fields": {}}]}, "emits.0.id", "is missing"),
    ("no fields", {"emits": [{"kind": "order", "id": "tid"}]}, "emits.0.fields", "is missing"),
    ("unknown field", order_field("price", "p"), "emits.0.fields", "'price' is no canonical field"),
    ("path is a number", order_field("number", 7), "emits.0.fields.number", "is a path, or a mapping"),
    ("path inside is a number", order_field("number", {"path": 7}), "", "a path is a text, not 7"),
    ("no path", order_field("number", {"as": "text"}), "emits.0.fields.number", "needs one of path"),
    ("money without as", order_field("paid", "p"), "emits.0.fields.paid", "says how it is read"),
    ("unit of money", order_field("paid", {"path": "p", "as": "money", "unit": "jiao"}), "emits.0.fields.paid", "yuan or fen"),
    ("unknown transform", order_field("number", {"path": "p", "as": "upper"}), "emits.0.fields.number", "no transform 'upper'"),
    ("unknown option", order_field("paid", {"path": "p", "as": "money", "uint": "fen"}), "emits.0.fields.paid", "uint"),
    ("unknown option of text", order_field("number", {"path": "p", "mapp": {}}), "emits.0.fields.number", "mapp"),
    ("unknown option of an enumeration", order_field("state", {"path": "p", "mapp": {}}), "emits.0.fields.state", "mapp"),
    ("word outside the enumeration", order_field("state", {"path": "p", "map": {"A": "payed"}}), "fields.state", "'payed'"),
    ("required is not mapped", emit(required=["paid"]), "emits.0.required", "'paid' is not among the fields"),
    ("lines where there are none", emit(CUSTOMER, lines={"each": "x", "fields": {}}), "emits.0.lines", "has no lines"),
    ("lines are a list", emit(lines=[]), "emits.0.lines", "is not a mapping"),
    ("required is a text", emit(required="number"), "emits.0.required", "is a list"),
    ("keys is a mapping", emit(CUSTOMER, keys={"kind": "phone"}), "emits.0.keys", "is a list"),
    ("lines without each", emit(lines={"fields": {}}), "emits.0.lines", "each"),
    ("lines without fields", emit(lines={"each": "x"}), "emits.0.lines.fields", "is missing"),
    ("unknown line field", emit(lines={"each": "x", "fields": {"price": "p"}}), "emits.0.lines.fields", "'price'"),
    ("key of unknown kind", emit(CUSTOMER, keys=[{"kind": "name", "value": "n"}]), "emits.0.keys.0.kind", "is one of phone"),
    ("key without value", emit(CUSTOMER, keys=[{"kind": "phone"}]), "emits.0.keys.0", "value"),
    (
        "scope names no setting",
        emit(CUSTOMER, keys=[{"kind": "ouid", "scope": "s:{shop}", "value": "n"}]),
        "emits.0.keys.0.scope",
        "'shop', which is no setting",
    ),
    (
        "scope with a stray brace",
        emit(CUSTOMER, keys=[{"kind": "ouid", "scope": "s:{app_key", "value": "n"}]),
        "emits.0.keys.0.scope",
        "",
    ),
    ("scope by position", emit(CUSTOMER, keys=[{"kind": "ouid", "scope": "s:{0}", "value": "n"}]), "emits.0.keys.0.scope", ""),
    ("tags without each", emit(CUSTOMER, fields={"tags": {"key": "k"}}), "emits.0.fields.tags", "each"),
    ("tags with unknown key", emit(CUSTOMER, fields={"tags": {"each": "t", "id": "k"}}), "emits.0.fields.tags", "'id'"),
    ("open without in", {**emit(), "open": {"path": "p"}}, "open", "in"),
    ("open is a path", {**emit(), "open": "status"}, "open", "is not a mapping"),
    ("known is no list of paths", {**emit(), "known": [{"a": 1}]}, "known", "path"),
    ("condition without list", emit(when={"path": "p", "in": "A"}), "emits.0.when", "a list under in"),
    ("sum of a text", order_field("paid", {"sum": "a", "as": "money"}), "emits.0.fields.paid", "sum is a list of paths"),
]


@pytest.mark.parametrize(("source", "place", "says"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_each_mistake_is_told_with_its_place(source: Any, place: str, says: str) -> None:
    with pytest.raises(MappingFault) as caught:
        compiled(source)
    told = str(caught.value)
    assert told.startswith("shop/order.yaml: ")
    assert place in told
    assert says in told


def test_a_file_that_is_missing_unreadable_or_empty(tmp_path: Path) -> None:
    def load(path: Path) -> CompiledMapping:
        return load_mapping(path, zone=None, context={})

    with pytest.raises(MappingFault, match="there is no mapping for this stream"):
        load(tmp_path / "none.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_text("stream: [", "utf-8")
    with pytest.raises(MappingFault, match="not readable as YAML"):
        load(bad)
    bad.write_text("", "utf-8")
    with pytest.raises(MappingFault, match="emits: is missing"):
        load(bad)


@pytest.mark.parametrize("kind", FIELDS)
def test_every_canonical_field_can_be_mapped(kind: str) -> None:
    def spec(sort: str) -> Any:
        if sort == "money":
            return {"path": "x", "as": "money"}
        if sort == "identity":
            return {"kind": "unionid", "scope": "w", "value": "x"}
        return {"each": "x", "key": ""} if sort == "tags" else "x"

    fields = {name: spec(sort) for name, sort in FIELDS[kind].items()}
    lines = {"each": "l", "fields": {name: spec(sort) for name, sort in LINE_FIELDS.get(kind, {}).items()}}
    source = with_fields(kind, fields, **({"lines": lines} if kind in LINE_FIELDS else {}))
    assert one(source, {})["kind"] == kind


def test_an_identity_is_a_key_with_its_scope() -> None:
    spec = {"kind": "external_userid", "scope": "wecom:{corp}", "value": "who", "when": {"path": "kind", "in": [2]}}
    lines = {"each": "members", "fields": {"key": "who", "customer": spec}}
    source = with_fields("group", {"identity": {"kind": "chat_id", "scope": "wecom:{corp}", "value": "id"}}, lines=lines)
    record = {"id": "g", "members": [{"who": "c", "kind": 2}, {"who": "s", "kind": 1}]}
    made = compiled(source, context={"corp": "ww1"}).apply(record).records[0]
    assert made["fields"]["identity"] == ("chat_id", "wecom:ww1", "g")
    assert [line.get("customer") for line in made["lines"]] == [("external_userid", "wecom:ww1", "c"), None]


@pytest.mark.parametrize(
    "spec", ["who", {"kind": "name", "value": "x"}, {"kind": "unionid"}, {"kind": "unionid", "scope": "{nobody}", "value": "x"}]
)
def test_what_is_no_identity_is_a_fault(spec: Any) -> None:
    with pytest.raises(MappingFault, match="customer"):
        compiled(with_fields("message", {"customer": spec}))


@pytest.mark.parametrize(("given", "number"), [(7, 7), ("7", 7), (" 18 ", 18), (2**63 - 1, 2**63 - 1), ("-3", -3)])
def test_whole_numbers(given: Any, number: int) -> None:
    assert transforms.integer(given) == number


@pytest.mark.parametrize("given", ["", "1.5", "1e3", 2**63, "十", "９", True, 1.0, "9" * 400])
def test_what_is_no_whole_number(given: Any) -> None:
    with pytest.raises(ValueError, match="is "):
        transforms.integer(given)


# ---------------------------------------------------------------- money, numbers, times

amounts = st.integers(min_value=-(10**13), max_value=10**13)
texts_of_decimals = st.decimals(min_value=-(10**12), max_value=10**12, places=2).map(lambda value: format(value, "f"))
instants = st.datetimes(min_value=dt.datetime(1990, 1, 1), max_value=dt.datetime(2090, 1, 1))


@given(amounts)
def test_yuan_as_text_come_back_to_the_fen(minor: int) -> None:
    sign, whole, part = "-" if minor < 0 else "", abs(minor) // 100, abs(minor) % 100
    assert transforms.money("yuan")(f"{sign}{whole}.{part:02d}") == minor
    assert transforms.money("yuan")(Decimal(minor) / 100) == minor
    assert transforms.money("fen")(minor) == transforms.money("fen")(str(minor)) == minor


@given(texts_of_decimals, texts_of_decimals)
def test_money_adds_up_like_decimals(one_text: str, other: str) -> None:
    to_minor = transforms.money("yuan")
    assert to_minor(one_text) + to_minor(other) == int((Decimal(one_text) + Decimal(other)) * 100)


@pytest.mark.parametrize(
    ("text", "minor"), [("0.005", 1), ("0.004", 0), ("-0.005", -1), ("1,234.50", 123450), (" 7 ", 700), (7, 700)]
)
def test_money_rounds_half_up_and_reads_thousands(text: Any, minor: int) -> None:
    assert transforms.money("yuan")(text) == minor


@given(st.floats())
def test_no_float_is_ever_money_or_a_number(value: float) -> None:
    for change in (transforms.money("yuan"), transforms.money("fen"), transforms.decimal, transforms.text):
        with pytest.raises(ValueError, match="is float"):
            change(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=6))
def test_decimals_keep_every_digit_and_have_no_exponent(value: Decimal) -> None:
    told = transforms.decimal(str(value))
    assert Decimal(told) == value
    assert "E" not in told.upper()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+999999999", "1e-999999", "", "１２x", True, None, [1], {"a": 1}])
def test_what_is_no_number_is_refused(value: Any) -> None:
    for change in (transforms.money("yuan"), transforms.money("fen"), transforms.decimal):
        with pytest.raises(ValueError):
            change(value)


@given(st.text())
def test_any_text_is_a_number_or_refused_by_name(value: str) -> None:
    for change in (transforms.money("yuan"), transforms.decimal):
        try:
            result = change(value)
        except ValueError as error:
            assert str(error).startswith("is not a ")
        else:
            assert isinstance(result, int | str)


@given(instants)
def test_naive_times_are_read_in_the_declared_zone(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=0)
    read = transforms.time("Asia/Shanghai")(moment.strftime("%Y-%m-%d %H:%M:%S"))
    assert read.tzinfo is dt.UTC
    summer = dt.timedelta(hours=1) if moment.year <= 1991 else dt.timedelta(0)
    assert moment - dt.timedelta(hours=8) - summer <= read.replace(tzinfo=None) <= moment - dt.timedelta(hours=8)


@given(instants)
def test_naive_times_without_a_zone_are_refused(moment: dt.datetime) -> None:
    for value in (moment, moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M:%S")):
        with pytest.raises(ValueError, match="is a time without zone"):
            transforms.time(None)(value)


@given(instants, st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_aware_times_need_no_zone_and_become_utc(moment: dt.datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    for zone in (None, "Asia/Shanghai"):
        read = transforms.time(zone)(aware.isoformat())
        assert read == aware
        assert read.utcoffset() == dt.timedelta(0)


@given(st.integers(min_value=0, max_value=4 * 10**12))
def test_numbers_of_seconds_and_milliseconds(value: int) -> None:
    assert transforms.time(None, "ms")(value).timestamp() * 1000 == pytest.approx(value, abs=1e-3)
    assert transforms.time(None, "s")(str(value // 1000)).timestamp() == value // 1000


@given(st.text())
def test_any_text_is_a_time_or_refused_without_showing_it(value: str) -> None:
    try:
        read = transforms.time("Asia/Shanghai")(value)
    except ValueError as error:
        assert str(error) == "is not a time of the expected form"
    else:
        assert read.tzinfo is dt.UTC


@pytest.mark.parametrize("value", [1.5, float("nan"), "1.5x", 10**30, -(10**30), "", None])
def test_what_is_no_number_of_seconds_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        transforms.time(None, "s")(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(allow_nan=False, places=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["order", "oid", "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(RECORD, json_values)))
def test_whatever_the_record_the_outcome_is_records_or_a_mapping_error(record: dict[str, Any]) -> None:
    try:
        mapped = compiled(ORDER).apply(record)
    except MappingError as error:
        assert error.params["field"]
        return
    fields = mapped.records[0]["fields"]
    assert type(fields["paid"]) is int
    assert fields.get("created_at", dt.datetime.now(dt.UTC)).tzinfo is dt.UTC


def test_a_record_may_name_its_own_identifiers() -> None:
    source = {
        "stream": "x",
        "emits": [{"kind": "customer", "id": "id", "fields": {"display_name": "name"}, "keys": [{"each": "identifiers"}]}],
    }
    mapping = CompiledMapping(source, zone=None, context={}, place="test")
    record = {"id": "1", "name": "n", "identifiers": [{"kind": "open_uid", "scope": "taobao:1", "value": "AA"}]}
    mapped = mapping.apply(record)
    assert mapped.records[0]["keys"] == [("open_uid", "taobao:1", "AA")]
    assert not mapped.unknown_fields
    with pytest.raises(MappingError, match="identifiers"):
        mapping.apply({"id": "1", "identifiers": [{"kind": "shoe size", "value": "43"}]})


# ---------------------------------------------------------------- what a mapping becomes


@pytest.mark.parametrize("text", ["'); boom() #", '"""', "a\nboom()", "{boom}", "\\", "x\u2028boom()", "\ud800"])
def test_no_text_of_a_mapping_file_is_ever_code(text: str) -> None:
    """Every place of a mapping that takes a free text, with one that would break out of a careless quotation."""
    plain = text.replace(".", "")
    source = with_fields(
        "customer",
        {
            "display_name": {"first": [plain, "name"]},
            "region": {"join": [plain, "name"], "with": text},
            "note": {"const": text},
            "kind": {"path": plain, "map": {text: "person"}},
            "title": {"path": "name", "when": {"path": plain, "in": [text]}},
            "tags": {"each": "tags", "key": plain, "split": text, "by": plain},
        },
        keys=[{"kind": "custom", "scope": text.replace("{", "").replace("}", ""), "value": plain}],
        required=["note"],
    )
    source |= {"id_prefix": text, "known": [plain], "open": {"path": plain, "in": [text]}}
    mapped = compiled(source).apply({"id": "1", "name": "n", plain: text})
    (record,) = mapped.records
    assert record["id"] == text + "1"
    assert record["fields"]["note"] == text
    assert record["fields"]["title"] == "n"
    assert record["fields"]["kind"] == "person"
    assert record["fields"]["region"] == f"{text}{text}n".strip()
    assert record["keys"][0][2] == text.strip()
    assert mapped.is_open
    assert not mapped.unknown_fields


def test_what_a_mapping_has_become_can_be_read() -> None:
    shown = compiled(ORDER).explain()
    assert "# emits.0: order" in shown
    assert "v1 = get1('tid')" in shown
    assert "raise absent('order.number')" in shown


def test_a_bad_value_is_named_by_the_field_that_reads_it() -> None:
    """Two fields read one path with two transforms: the line that failed says which of them it was."""
    source = with_fields("order", {"number": "x", "created_at": {"path": "x", "as": "time", "when": "timed"}})
    mapping = compiled(source)
    assert mapping.apply({"id": "1", "x": "no time"}).records[0]["fields"] == {"number": "no time"}
    with pytest.raises(MappingError) as caught:
        mapping.apply({"id": "1", "x": "no time", "timed": 1})
    assert (caught.value.params["field"], caught.value.params["path"]) == ("created_at", "x")


def test_a_field_of_every_shape_of_record_is_told_when_it_is_new() -> None:
    """Lists of names that were met are remembered: one that differs in a single name is still seen."""
    mapping = compiled(with_fields("customer", {"display_name": "name"}))
    for number in range(200):
        assert mapping.apply({"id": "1", "name": "n"}).unknown_fields == set()
        assert mapping.apply({"id": "1", f"new{number}": "n"}).unknown_fields == {f"new{number}"}
        assert mapping.apply({"name": "n", "id": "1", "new": 1}).unknown_fields == {"new"}


KEEPING = {"stream": "person", "emits": [{"kind": "customer", "id": "id", "fields": {"display_name": "name", "phones": "p"}}]}


def _keeping(**more):
    return {**KEEPING, "emits": [{**KEEPING["emits"][0], **more}]}


def test_a_record_says_what_its_mapping_keeps_and_says_nothing_where_it_keeps_none():
    kept = CompiledMapping(_keeping(keep=["phones"]), zone=None, context={}, place="test.yaml")
    assert kept.apply({"id": 1, "name": "a"}).records == [
        {"kind": "customer", "id": "1", "fields": {"display_name": "a"}, "keep": ("phones",)}
    ]
    plain = CompiledMapping(KEEPING, zone=None, context={}, place="test.yaml")
    assert "keep" not in plain.apply({"id": 1, "name": "a"}).records[0]


@pytest.mark.parametrize(
    ("emit", "says"),
    [
        ({"keep": "phones"}, "emits.0.keep: is a list"),
        ({"keep": ["emails"]}, "'emails' is not among the fields"),
        ({"keep": ["phones"], "required": ["phones"]}, "'phones' is never absent"),
        ({"keep": ["kind"], "fields": {"kind": {"path": "k", "map": {}}}}, "'kind' is never absent"),
        ({"keep": ["tags"], "fields": {"tags": {"each": "t", "key": ""}}}, "'tags' is never absent"),
        ({"keep": ["number"], "kind": "order", "fields": {"number": "n"}}, "is for customer and staff, not for order"),
    ],
)
def test_what_cannot_be_kept_is_refused(emit, says):
    with pytest.raises(MappingFault, match=says):
        CompiledMapping(_keeping(**emit), zone=None, context={}, place="test.yaml")
