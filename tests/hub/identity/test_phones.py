"""Telephone numbers as people write them, cell by cell."""

from __future__ import annotations

import pytest

from hub.identity.normal.phones import phones, seven

MOBILE = "+8613812345679"


@pytest.mark.parametrize(
    "cell",
    [
        "13812345679",
        " 138 1234 5679 ",
        "138-1234-5679",
        "１３８１２３４５６７９",
        "１３８　１２３４　５６７９",
        "+8613812345679",
        "+86 138 1234 5679",
        "+86-138-1234-5679",
        "0086-13812345679",
        "008613812345679",
        "8613812345679",
        "86 13812345679",
        "013812345679",
        "13812345679.0",
        "13812345679.00",
        "'13812345679",
        '"13812345679"',
        "手机：13812345679",
        "电话:13812345679",
        "Tel: 13812345679",
        "13812345679（微信同号）",
        "13812345679(微信)",
        "（138）12345679",
        "(138)12345679",
        "138 12345679 ",
        "138\u200b12345679",
        "13812345679/",
        "138.1234.5679",
        "本人13812345679",
        "13812345679 张先生",
    ],
)
def test_one_mobile_number_in_many_ways(cell: str) -> None:
    assert [(p.kind, p.value) for p in phones(cell).found] == [("mobile", MOBILE)]


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("13812345679/15812345678", [("mobile", MOBILE), ("mobile", "+8615812345678")]),
        ("13812345679、15812345678", [("mobile", MOBILE), ("mobile", "+8615812345678")]),
        ("13812345679；15812345678", [("mobile", MOBILE), ("mobile", "+8615812345678")]),
        ("13812345679或15812345678", [("mobile", MOBILE), ("mobile", "+8615812345678")]),
        ("13812345679，13812345679", [("mobile", MOBILE)]),
        ("13812345679/0571-88886666", [("mobile", MOBILE), ("landline", "0571-88886666")]),
        ("0571-88886666", [("landline", "0571-88886666")]),
        ("057188886666", [("landline", "0571-88886666")]),
        ("(0571)88886666", [("landline", "0571-88886666")]),
        ("（0571）8888 6666", [("landline", "0571-88886666")]),
        ("+86-571-88886666", [("landline", "0571-88886666")]),
        ("86-0571-88886666", [("landline", "0571-88886666")]),
        ("010-88886666", [("landline", "010-88886666")]),
        ("+86 10 88886666", [("landline", "010-88886666")]),
        ("0757-8888666", [("landline", "0757-8888666")]),
        ("400-800-1234", [("service", "4008001234")]),
        ("800 820 1234", [("service", "8008201234")]),
        ("138****5678", [("mask", "1385678")]),
        ("138xxxx5678", [("mask", "1385678")]),
        ("+86 138****5678", [("mask", "1385678")]),
        ("***5678", [("last", "5678")]),
        ("*******5678", [("last", "5678")]),
        ("+852 6123 4567", [("mobile", "+85261234567")]),
        ("+1 650 253 0000", [("mobile", "+16502530000")]),
        ("+852 2345 6789", [("landline", "+85223456789")]),
        ("无", []),
        ("", []),
        ("-", []),
        ("齐力常", []),
        ("95588", []),
        ("12812345678", []),
        ("1381234567", []),
        ("138123456789", []),
        ("+8612345", []),
        ("+99913812345678", []),
    ],
)
def test_what_a_cell_holds(cell: str, found: list[tuple[str, str]]) -> None:
    assert [(p.kind, p.value) for p in phones(cell).found] == found


@pytest.mark.parametrize(
    ("cell", "number", "extension"),
    [
        ("0571-88886666转801", "0571-88886666", "801"),
        ("0571-88886666-801", "0571-88886666", "801"),
        ("0571-88886666 ext.80", "0571-88886666", "80"),
        ("010-88886666-802", "010-88886666", "802"),
        ("0571-88886666分机12", "0571-88886666", "12"),
    ],
)
def test_extensions_are_kept_apart(cell: str, number: str, extension: str) -> None:
    (found,) = phones(cell).found
    assert (found.kind, found.value, found.extension) == ("landline", number, extension)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1.38E+10", "lost"),
        ("1.38123E+10", "lost"),
        ("1.4e10", "lost"),
        ("18877771111-123", "privacy"),
        ("18877771111-1234", "privacy"),
        ("18877771111转1234", "privacy"),
        ("18877771111#123", "privacy"),
        ("13800138000", "placeholder"),
        ("13000000000", "placeholder"),
        ("13888888888", "placeholder"),
        ("11111111111", "placeholder"),
        ("00000000000", "placeholder"),
        ("12345678901", "placeholder"),
        ("19999999999", "placeholder"),
    ],
)
def test_what_is_refused_and_why(cell: str, reason: str) -> None:
    assert phones(cell).found == ()
    assert phones(cell).refused == (reason,)


def test_what_a_mask_shows_of_a_number() -> None:
    assert seven(MOBILE) == "1385679" == phones("138****5679").found[0].value
    assert seven("+85261234567") == ""
