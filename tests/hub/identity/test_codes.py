"""Credit codes, mailboxes and handles, row by row."""

from __future__ import annotations

import pytest

from hub.identity.normal.codes import credit_code, handle, mail, near_code

GOOD = "91330100MA27X5A12N"


def with_check(body: str) -> str:
    """The body with its check character (GB 32100-2015), computed here on its own."""
    signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(signs.index(sign) * 3**place for place, sign in enumerate(body))
    return body + signs[(31 - total % 31) % 31]


CODE = with_check("91330100MA27X5A12")


WIDE = "".join(chr(ord(c) + 0xFEE0) for c in CODE)


@pytest.mark.parametrize(
    "value",
    [
        *(CODE, CODE.lower(), f" {CODE} ", f"{CODE[:8]} {CODE[8:]}", f"{CODE[:8]}-{CODE[8:]}", WIDE),
        *(f"税号：{CODE}", f"统一社会信用代码 {CODE}", f"{CODE}（新）", f"'{CODE}", f"{CODE}。"),
        *(CODE.replace("0", "O"), CODE.replace("1", "I"), CODE.replace("2", "Z")),
    ],
)
def test_a_valid_code_in_many_ways(value: str) -> None:
    assert credit_code(value) == CODE


@pytest.mark.parametrize(
    "value", ["", "无", CODE[:-1], CODE + "1", CODE[:-1] + ("1" if CODE[-1] != "1" else "2"), "9133010OMA27X5A12N"]
)
def test_an_invalid_code_is_none(value: str) -> None:
    assert credit_code(value) == ""


def test_a_mistyped_code_is_kept_apart() -> None:
    wrong = CODE[:9] + ("A" if CODE[9] != "A" else "B") + CODE[10:]
    assert credit_code(wrong) == ""
    assert near_code(wrong) == wrong
    assert near_code(CODE) == ""
    assert near_code("123456789012345678") == "" or credit_code("123456789012345678") == ""


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("Zhang.Wei@HuaMei.cn", "zhang.wei@huamei.cn"),
        (" zw@qq.com", "zw@qq.com"),
        ("ＺＷ＠qq.com", "zw@qq.com"),
        ("zhangwei@163.con", "zhangwei@163.com"),
        ("zhangwei@136.com", "zhangwei@163.com"),
        ("zhangweiqq.com", "zhangwei@qq.com"),
        ("z.w+shop@gmail.com", "zw@gmail.com"),
        ("z.w+shop@qq.com", "z.w+shop@qq.com"),
        ("<zw@huamei.com.cn>", "zw@huamei.com.cn"),
        ("mailto:zw@qq.com", "zw@qq.com"),
        *(
            (text, "zw@qq.com")
            for text in ("邮箱：zw@qq.com", "E-mail: zw@qq.com", "zw @ qq.com", "zw@@qq.com", "zw(at)qq.com")
        ),
        *((text, "zw@qq.com") for text in ("zw#qq.com", "zw@qq。com", "zw@qq,com", "zw@qq..com", "zw@qq.com。", "zw@qq.com/")),
        *((text, "zw@qq.com") for text in ("张伟<zw@qq.com>", "zw@qq.com（备用）", "zw@qq.com 13812345679", "'zw@qq.com")),
        ("zw@163.co", "zw@163.com"),
        ("zw@gmial.com", "zw@gmail.com"),
        ("zw@huamei.co", "zw@huamei.co"),
    ],
)
def test_mailboxes(value: str, address: str) -> None:
    found = mail(value)
    assert found is not None
    assert found.address == address


@pytest.mark.parametrize(
    "value",
    [
        "",
        "无",
        "zw@",
        "@qq.com",
        "zw",
        "z**@qq.com",
        "123@qq.com",
        "none@none.com",
        "test@test.com",
        "111@163.com",
        "a b@qq.com",
    ],
)
def test_what_is_no_mailbox(value: str) -> None:
    assert mail(value) is None


@pytest.mark.parametrize(
    "value", ["info@huamei.cn", "sales@huamei.cn", "cg@huamei.com", "service@huamei.cn", "kefu1@huamei.cn"]
)
def test_mailboxes_of_an_office(value: str) -> None:
    found = mail(value)
    assert found is not None
    assert found.office


def test_free_mailboxes() -> None:
    assert mail("zw@qq.com").free  # type: ignore[union-attr]
    assert not mail("zw@huamei.cn").free  # type: ignore[union-attr]


@pytest.mark.parametrize("value", ["", " ", "无", "-", "0", "null", "undefined", "AA**bc", "N/A", "?", "（无）", "#N/A"])
def test_no_handle(value: str) -> None:
    assert handle(value) == ""


def test_a_handle() -> None:
    assert handle(" oUGOv-KdIV ") == "oUGOv-KdIV"
