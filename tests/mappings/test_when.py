"""Conditions on emits and fields, and sums: what a mapping may say beyond one path per field."""

import datetime as dt

import pytest

from connectors.errors import MappingError
from mappings.compile import CompiledMapping, MappingFault


def compiled(fields, **emit):
    source = {"stream": "order", "emits": [{"kind": "order", "id": "tid", "fields": fields, **emit}]}
    return CompiledMapping(source, zone="Asia/Shanghai", context={}, place="test.yaml")


def fields_of(mapping, record):
    (found,) = mapping.apply(record).records
    return found["fields"]


@pytest.mark.parametrize(
    ("when", "record", "there"),
    [
        ("pay_time", {"pay_time": "2020-02-21 00:00:02"}, True),
        ("pay_time", {"pay_time": ""}, False),
        ("pay_time", {}, False),
        ({"path": "status", "in": ["SUCCESS"]}, {"status": "SUCCESS"}, True),
        ({"path": "status", "in": ["SUCCESS"]}, {"status": "CLOSED"}, False),
        ({"path": "status", "in": ["SUCCESS"]}, {}, False),
        ({"path": "status", "in": [7]}, {"status": 7}, True),
        ({"path": "status", "not_in": ["WAIT"]}, {"status": "PAID"}, True),
        ({"path": "status", "not_in": ["WAIT"]}, {"status": "WAIT"}, False),
        ({"path": "status", "not_in": ["WAIT"]}, {}, True),
        (["pay_time", {"path": "status", "not_in": ["WAIT"]}], {"pay_time": "x", "status": "PAID"}, True),
        (["pay_time", {"path": "status", "not_in": ["WAIT"]}], {"pay_time": "x", "status": "WAIT"}, False),
        (["pay_time", {"path": "status", "not_in": ["WAIT"]}], {"status": "PAID"}, False),
    ],
)
def test_a_field_with_a_condition_is_absent_unless_it_holds(when, record, there):
    mapping = compiled({"paid": {"path": "payment", "as": "money", "when": when}})
    fields = fields_of(mapping, {"tid": 1, "payment": "208.07", **record})
    assert fields == ({"paid": 20807} if there else {})


def test_a_bad_value_under_a_condition_that_does_not_hold_does_no_harm():
    mapping = compiled({"paid": {"path": "payment", "as": "money", "when": "pay_time"}})
    assert fields_of(mapping, {"tid": 1, "payment": "spoilt"}) == {}
    with pytest.raises(MappingError):
        mapping.apply({"tid": 1, "payment": "spoilt", "pay_time": "2020-02-21 00:00:02"})


def test_conditions_inside_lines_read_the_line():
    lines = {"each": "orders", "fields": {"amount": {"path": "fee", "as": "money", "when": {"path": "state", "in": ["ok"]}}}}
    mapping = compiled({"number": "tid"}, lines=lines)
    record = {"tid": 1, "state": "ok", "orders": [{"fee": "1.00", "state": "ok"}, {"fee": "2.00", "state": "no"}]}
    assert mapping.apply(record).records[0]["lines"] == [{"amount": 100}, {}]


def test_an_emit_takes_the_same_conditions():
    mapping = compiled({"number": "tid"}, when={"path": "status", "not_in": ["DRAFT"]})
    assert mapping.apply({"tid": 1, "status": "DRAFT"}).records == []
    assert len(mapping.apply({"tid": 1, "status": "DONE"}).records) == 1


def test_paths_of_conditions_are_known_fields():
    mapping = compiled({"paid": {"path": "payment", "as": "money", "when": {"path": "status", "in": ["A"]}}})
    assert mapping.apply({"tid": 1, "payment": "1", "status": "A", "other": 1}).unknown_fields == {"other"}


def test_conditions_work_for_times_and_enumerations():
    fields = {
        "closed_at": {"path": "modified", "as": "time", "when": {"path": "status", "in": ["DONE"]}},
        "state": {"path": "status", "map": {"DONE": "completed"}, "when": "modified"},
    }
    mapping = compiled(fields)
    done = fields_of(mapping, {"tid": 1, "status": "DONE", "modified": "2020-02-21 08:00:00"})
    assert done == {"closed_at": dt.datetime(2020, 2, 21, tzinfo=dt.UTC), "state": "completed"}
    assert fields_of(mapping, {"tid": 1, "status": "DONE"}) == {}


@pytest.mark.parametrize(
    "when",
    [{}, {"path": "status"}, {"path": "status", "in": "SUCCESS"}, {"path": "a", "in": [], "not_in": []}, {"status": ["A"]}, 7],
)
def test_a_condition_that_cannot_be_read_is_a_fault_with_its_place(when):
    with pytest.raises(MappingFault, match=r"emits\.0\.fields\.paid\.when"):
        compiled({"paid": {"path": "payment", "as": "money", "when": when}})


def test_a_sum_is_exact_and_subtracts():
    mapping = compiled({"discount": {"sum": ["total_fee", "post_fee", "-payment"], "as": "money"}})
    assert fields_of(mapping, {"tid": 1, "total_fee": "228.00", "post_fee": "10.00", "payment": "208.07"}) == {"discount": 2993}
    assert fields_of(mapping, {"tid": 1, "total_fee": "0.1", "post_fee": "0.2", "payment": "0.3"}) == {"discount": 0}


def test_a_sum_without_any_part_is_absent_and_missing_parts_count_nothing():
    mapping = compiled({"discount": {"sum": ["total_fee", "-payment"], "as": "money"}})
    assert fields_of(mapping, {"tid": 1}) == {}
    assert fields_of(mapping, {"tid": 1, "total_fee": "3.00"}) == {"discount": 300}


def test_a_sum_over_something_that_is_no_number_names_field_and_paths_but_not_the_value():
    mapping = compiled({"discount": {"sum": ["total_fee", "-payment"], "as": "money"}})
    with pytest.raises(MappingError) as caught:
        mapping.apply({"tid": 1, "total_fee": "3.00", "payment": "secret"})
    assert caught.value.params["field"] == "discount"
    assert "payment" in caught.value.params["path"]
    assert "secret" not in str(caught.value)


def test_a_sum_must_be_a_list_of_paths():
    with pytest.raises(MappingFault, match="sum is a list of paths"):
        compiled({"discount": {"sum": "total_fee", "as": "money"}})
