"""Tax ids of buyers: GB 32100-2015 for credit codes, and the older forms, of which little can be said for certain.

A wrong check character of a credit code is an error. Everything softer is a warning: the check character of the organisation
code inside it (GB 11714), and all ids of 15, 17 or 20 characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Values 0 to 30 of GB 32100: no I, O, S, V, Z."""
WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
PERSON_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SHAPE = re.compile(r"[0-9A-Z]{15}|[0-9A-Z]{17,18}|[0-9A-Z]{20}")
_LOOK_ALIKE = {"O": "0", "I": "1", "S": "5", "Z": "2"}


@dataclass(frozen=True)
class TaxId:
    """value: as it is sent. error: why it cannot be used ('' = it can). warnings: what is odd about it."""

    value: str
    error: str = ""
    warnings: tuple[str, ...] = ()


def normalised(text: str) -> str:
    """Half-width, upper case, without blanks and hyphens. Nothing is corrected."""
    return re.sub(r"[\s\-‐-―]", "", unicodedata.normalize("NFKC", text)).upper()


def check(text: str, accepted: Collection[str] = ()) -> TaxId:
    """What can be said of a tax id. accepted: ids that count although their check fails (test ids of invoicing services)."""
    value = normalised(text)
    if not value:
        return TaxId("", "missing")
    if value in accepted:
        return TaxId(value, warnings=("accepted",))
    if not SHAPE.fullmatch(value):
        return TaxId(value, "shape")
    if len(value) == 18:
        return _credit_code(value)
    if len(value) == 15:
        return TaxId(value, warnings=("old_form",) if _organisation_holds(value[6:]) else ("old_form", "org_check"))
    return TaxId(value, warnings=("old_form",))


def _credit_code(value: str) -> TaxId:
    if _is_person(value):
        return TaxId(value, warnings=("person_id",))
    if any(char not in ALPHABET for char in value):
        swapped = "".join(_LOOK_ALIKE.get(char, char) for char in value)
        return TaxId(value, "letter_swapped" if _check_holds(swapped) else "letter")
    if not _check_holds(value):
        return TaxId(value, "check")
    return TaxId(value, warnings=() if _organisation_holds(value[8:17]) else ("org_check",))


def _check_holds(value: str) -> bool:
    if any(char not in ALPHABET for char in value):
        return False
    total = sum(ALPHABET.index(char) * weight for char, weight in zip(value, WEIGHTS, strict=False))
    return ALPHABET[-total % 31] == value[17]


def _organisation_holds(code: str) -> bool:
    """GB 11714: eight characters and their check character."""
    total = sum(int(char, 36) * weight for char, weight in zip(code, ORG_WEIGHTS, strict=False))
    rest = 11 - total % 11
    return code[8] == {10: "X", 11: "0"}.get(rest, str(rest))


def _is_person(value: str) -> bool:
    """GB 11643: the number of a natural person's id card."""
    if not re.fullmatch(r"\d{6}(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{3}[\dX]", value):
        return False
    total = sum(int(char) * weight for char, weight in zip(value, PERSON_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == value[17]
