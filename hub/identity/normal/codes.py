"""Credit codes, mailboxes, handles: what is refused, and the one form of the rest."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from hub.identity.normal.tables import words
from hub.identity.normal.text import width

CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_VALUE = {char: i for i, char in enumerate(CODE)}
_LOOKALIKE = str.maketrans("IOSVZ", "105U2")
_NOTE, _BETWEEN = re.compile(r"[(\[【][^)\]】]*[)\]】]"), re.compile(r"[^0-9A-Z]")
NOTHING = frozenset(words("nothing")) | {"n/a"}
_EDGES = " .。,，、;；:：!！?？-—_~*#'\"“”‘’()（）[]【】<>《》/\\|"
ROLES = frozenset(words("office_mailboxes"))
"""Mailboxes of an office, not of a person."""
FREE = frozenset(words("free_domains"))
"""Domains where anybody has a mailbox."""
_MAIL = re.compile(r"\w[\w.+%'-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
_WORD_BEFORE = re.compile(r"[a-z0-9]\s*$")
_AT = re.compile(r"\s*(?:@+|\(at\)|\[at\]|\bat\b|#)\s*")
_DOT = re.compile(r"\s*[.。]+\s*|,(?=(?:com|cn|net|org)\b)")
_MENDED = (
    ("163.con", "163.com"),
    (".con", ".com"),
    (".comm", ".com"),
    (".cmo", ".com"),
    ("136.com", "163.com"),
    (".ocm", ".com"),
)
_FREE_SLIPS = {"gmial.com": "gmail.com", "gamil.com": "gmail.com", "hotmial.com": "hotmail.com", "outlok.com": "outlook.com"}
_FREE_SLIPS |= {domain[:-1]: domain for domain in FREE if domain.endswith(".com")}
_JUNK_MAIL = frozenset(words("no_mailboxes"))
_JUNK_DOMAIN = frozenset(words("no_domains"))


def credit_code(value: str) -> str:
    """A unified social credit code whose check character holds (GB 32100-2015), else ''. Letters that no code has (I, O, S, V,
    Z) are read as what they look like when the check character then holds."""
    code = _bare(value)
    if len(code) != 18 or not code.isascii():
        return ""
    return next((text for text in (code, code.translate(_LOOKALIKE)) if _holds(text)), "")


def near_code(value: str) -> str:
    """What was meant as a credit code and is none (18 characters with a wrong check character), else ''."""
    code = _bare(value).translate(_LOOKALIKE)
    shaped = len(code) == 18 and all(char in _VALUE for char in code) and code[0] in "159Y" and code[2:8].isdigit()
    return code if shaped and not _holds(code) else ""


def _bare(value: str) -> str:
    """The code of a cell, without notes in brackets, what is not Latin, and what was put between."""
    return _BETWEEN.sub("", _NOTE.sub("", width(value)).upper())


def _holds(code: str) -> bool:
    total = 0
    for char, weight in zip(code, _WEIGHTS, strict=False):
        if char not in _VALUE:
            return False
        total += _VALUE[char] * weight
    return code[17] == CODE[(31 - total % 31) % 31]


class Mail(NamedTuple):
    """A mailbox. kind: own, office (info@ and the like). free: whether anybody may have one at the domain."""

    address: str
    local: str
    domain: str
    office: bool
    free: bool


@lru_cache(maxsize=4096)
def mail(value: str) -> Mail | None:
    """A mailbox in lower case, with the domain's usual slips mended; None for what is none or stands for none."""
    text = width(value).lower()
    if not _MAIL.fullmatch(text):
        text = _mended(text)
    found = _MAIL.search(text)
    # zhang san@qq.com: nobody knows whether the mailbox is san's.
    if "*" in text or not found or _WORD_BEFORE.search(text[: found.start()]):
        return None
    text = found[0]
    local, _, domain = text.rpartition("@")
    if domain not in FREE:
        for wrong, right in _MENDED:
            if domain.endswith(wrong) and (wrong != "136.com" or domain == "136.com"):
                domain = domain.removesuffix(wrong) + right
                break
        domain = _FREE_SLIPS.get(domain, domain)
    if domain == "gmail.com":
        local = local.split("+")[0].replace(".", "")
    junk = (local in _JUNK_MAIL and (domain in FREE or domain in _JUNK_DOMAIN)) or domain in _JUNK_DOMAIN
    if junk or not local or (local.isdigit() and len(set(local)) == 1):
        return None
    return Mail(f"{local}@{domain}", local, domain, local.rstrip("0123456789") in ROLES, domain in FREE)


def _mended(text: str) -> str:
    """With one @ and single dots where something else was typed for them."""
    text = _DOT.sub(".", _AT.sub("@", text) if text.count("@") != 1 or " @" in text or "@ " in text else text)
    return text if "@" in text else _missing_at(text.strip("<>'\" ,;.:"))


def _missing_at(text: str) -> str:
    """zhangsanqq.com is zhangsan@qq.com: only where the domain is one that everybody has."""
    for domain in FREE:
        if text.endswith(domain) and len(text) > len(domain) + 2 and text[-len(domain) - 1] != ".":
            return text.removesuffix(domain) + "@" + domain
    return text


def handle(value: str) -> str:
    """An id that a platform or system gave, '' for a masked one and for what stands where there is none."""
    text = value.strip()
    return "" if "*" in text or nothing(text) else text


def nothing(value: str) -> bool:
    """Whether a text says that there is nothing: 无, N/A, -, #REF!"""
    bare = value.strip(_EDGES).lower()
    return not bare or bare in NOTHING
