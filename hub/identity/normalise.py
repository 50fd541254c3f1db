"""Normal forms of identifiers, and what is refused as one."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers

MOBILE = re.compile(r"1[3-9]\d{9}")
PLACEHOLDER_PHONES = {"13800138000", "13000000000", "13888888888", "13900000000", "12345678901", "18888888888"}
PLACEHOLDER_NAMES = {"微信用户", "测试", "匿名", "客户", "无", "未知", "先生", "女士", "test", "null", "none", "-", "n/a"}
NO_HANDLES = PLACEHOLDER_NAMES | {"0", "undefined", "nan", "na", "暂无", "待补充", "—"}
ROLE_MAILBOXES = {
    "info", "sales", "admin", "service", "support", "contact", "office", "hr", "kefu", "marketing", "noreply", "no-reply",
}  # fmt: skip
ORGANISATION = re.compile(
    r"(公司|集团|厂|店|商行|中心|学校|医院|事务所|合作社|经营部|工作室|酒店|银行|大学|协会|研究院|Ltd|Inc|LLC)\.?$"
)
TITLED = re.compile(
    r"([一-鿿]{1,2}?)(总|总监|经理|主任|主管|老师|老板|先生|女士|小姐|姐|哥|叔|阿姨|工|董|局|科长|处长|局长|院长|校长|医生|律师|师傅)"
)
"""A surname and what people call its bearer: 张总, 李经理, 王姐. No name, and it tells the surname alone."""
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def width(value: str) -> str:
    """Full-width forms as ordinary ones, no spaces at the ends."""
    return unicodedata.normalize("NFKC", value).strip()


@lru_cache(maxsize=65536)
def mobile(value: str) -> str | None:
    """A Chinese mobile number as E.164, or another country's; None for anything that is no subscriber's own number.

    Refused: masked numbers, privacy numbers with an extension, placeholders, landlines and 400 numbers.
    """
    plain = re.sub(r"[\s\-()（）.]", "", width(value))
    if "*" in plain:
        return None
    digits = plain.removeprefix("+86").removeprefix("0086")
    digits = digits[2:] if len(digits) == 13 and digits.startswith("86") else digits
    if MOBILE.fullmatch(digits):
        return None if digits in PLACEHOLDER_PHONES or len(set(digits[1:])) <= 1 else f"+86{digits}"
    if not plain.startswith("+") or plain.startswith("+86"):
        return None
    try:
        number = phonenumbers.parse(plain)
    except phonenumbers.NumberParseException:
        return None
    own = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if phonenumbers.number_type(number) not in own:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def email(value: str) -> str | None:
    """A person's mailbox in lower case; None for a company's (info@, sales@ …) or what is no address."""
    plain = width(value).lower()
    if "*" in plain or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", plain):
        return None
    return None if plain.split("@")[0] in ROLE_MAILBOXES else plain


def handle(value: str) -> str | None:
    """An id that a platform or system gave; None for a masked one and for what stands where there is none."""
    plain = value.strip()
    return None if not plain or "*" in plain or plain.lower() in NO_HANDLES else plain


def credit_code(value: str) -> str | None:
    """A unified social credit code whose check character holds (GB 32100-2015), else None."""
    code = width(value).upper()
    if len(code) != 18 or any(char not in _CODE for char in code):
        return None
    total = sum(_CODE.index(char) * pow(3, i, 31) for i, char in enumerate(code[:17]))
    return code if _CODE[(31 - total % 31) % 31] == code[17] else None


@lru_cache(maxsize=65536)
def name(value: str) -> str | None:
    """A name for comparison: one width, no spaces, lower case; None for masks and placeholders."""
    plain = re.sub(r"\s+", "", width(value)).lower()
    return None if not plain or "*" in plain or plain in PLACEHOLDER_NAMES else plain


@lru_cache(maxsize=65536)
def company(value: str) -> str | None:
    """A company name for comparison: without legal form and brackets; None when nothing is left."""
    plain = re.sub(r"[()（）\s]", "", width(value)).lower()
    plain = re.sub(r"(股份有限公司|有限责任公司|有限公司|集团|公司)$", "", plain)
    return plain if len(plain) >= 2 and "*" not in plain else None


def is_organisation(value: str) -> bool:
    """Whether a name reads like an organisation's."""
    return bool(ORGANISATION.search(width(value)))


def surname_of_titled(value: str) -> str | None:
    """The surname in what stands where a name should (张总, 陈女士), else None."""
    found = TITLED.fullmatch(width(value))
    return found[1] if found else None


def is_person(value: str) -> bool:
    """Whether a name reads like a person's own: two to four Chinese characters (or with ·), no organisation's ending and
    no title."""
    plain = width(value)
    if not re.fullmatch(r"[一-鿿]{2,4}|[一-鿿]+·[一-鿿]+", plain):
        return False
    return plain not in PLACEHOLDER_NAMES and not is_organisation(plain) and surname_of_titled(plain) is None
