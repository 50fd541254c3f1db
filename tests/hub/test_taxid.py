"""Tax ids: the fact sheet's vectors, an independent implementation, and that no slip of one character passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.invoices.taxid import ALPHABET, WEIGHTS, check


@pytest.mark.parametrize(
    ("text", "error", "warnings"),
    [
        ("913100001234567883", "", ()), ("92330106MABCDEF103", "", ()), ("1210000040000000XN", "", ()),
        ("91440300MA5Q0000X8", "", ()), ("91110000600037341L", "", ()), ("N2330106MF0000005C", "", ()),
        ("913100001234567884", "check", ()), ("913100001234567838", "check", ()), ("91310000I234567883", "letter_swapped", ()),
        ("91310000I234567884", "letter", ()), ("91310000123456788", "", ("old_form",)), ("91350211M000100Y43", "check", ()),
        ("339902999999789113", "check", ()), ("310000123456788", "", ("old_form",)), ("330106MABCDEF10", "", ("old_form",)),
        ("310000123456789", "", ("old_form", "org_check")), ("110101190001010014", "", ("person_id",)),
        ("110101190001010015", "check", ()), ("", "missing", ()), ("9131 0000-1234567883", "", ()), ("123", "shape", ()),
        ("９１３１００００１２３４５６７８８３", "", ()), ("92330106mabcdef103", "", ()), ("1" * 20, "", ("old_form",)),
        ("1" * 16, "shape", ()), ("91310000123456788三", "shape", ()),
    ],
)  # fmt: skip
def test_the_sheets_vectors(text: str, error: str, warnings: tuple[str, ...]) -> None:
    found = check(text)
    assert (found.error, found.warnings) == (error, warnings)


def test_ids_of_a_sandbox_can_be_accepted_by_name() -> None:
    assert check("339902999999789113", accepted={"339902999999789113"}).warnings == ("accepted",)
    assert not check("339902999999789113", accepted={"339902999999789113"}).error


BODY = st.tuples(
    st.sampled_from("159"), st.text("0123456789", min_size=7, max_size=7), st.text(ALPHABET, min_size=9, max_size=9)
)


def coded(parts: tuple[str, str, str]) -> str:
    body = "".join(parts)
    return body + ALPHABET[-sum(ALPHABET.index(c) * w for c, w in zip(body, WEIGHTS, strict=True)) % 31]


@given(BODY, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_no_substitution_passes(parts: tuple[str, str, str], place: int, char: str) -> None:
    code = coded(parts)
    assert check(code).error == ""
    wrong = code[:place] + char + code[place + 1 :]
    if wrong != code:
        assert check(wrong).error == "check" or "person_id" in check(wrong).warnings


@given(BODY)
def test_an_independent_implementation_agrees(parts: tuple[str, str, str]) -> None:
    uscc = pytest.importorskip("stdnum.cn.uscc")
    code = coded(parts)
    assert uscc.is_valid(code) == (check(code).error == "") or not code[:2].isdigit()
