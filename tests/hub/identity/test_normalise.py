"""Normal forms, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity import normalise


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("13812345678", "+8613812345678"),
        (" 138 1234 5678 ", "+8613812345678"),
        ("138-1234-5678", "+8613812345678"),
        ("１３８１２３４５６７８", "+8613812345678"),
        ("+8613812345678", "+8613812345678"),
        ("+86 138 1234 5678", "+8613812345678"),
        ("0086-13812345678", "+8613812345678"),
        ("8613812345678", "+8613812345678"),
        ("(138)12345678", "+8613812345678"),
        ("（138）12345678", "+8613812345678"),
        ("19912345678", "+8619912345678"),
        ("16612345678", "+8616612345678"),
        ("+852 6123 4567", "+85261234567"),
        ("+1 650 253 0000", "+16502530000"),
        ("138****5678", None),
        ("18877771111-123", None),
        ("18877771111-1234", None),
        ("13800138000", None),
        ("13000000000", None),
        ("12345678901", None),
        ("11111111111", None),
        ("19999999999", None),
        ("010-88886666", None),
        ("0571-88886666", None),
        ("4008001234", None),
        ("400-800-1234", None),
        ("95588", None),
        ("12812345678", None),
        ("1381234567", None),
        ("138123456789", None),
        ("1.38E+10", None),
        ("+8612345", None),
        ("+86 010 88886666", None),
        ("+852 2345 6789", None),
        ("+99913812345678", None),
        ("微信13812345678", None),
        ("无", None),
        ("", None),
        ("-", None),
        ("+", None),
    ],
)
def test_mobile(value: str, plain: str | None) -> None:
    assert normalise.mobile(value) == plain


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("Zhang.San@Example.com", "zhang.san@example.com"),
        (" a@b.cn ", "a@b.cn"),
        ("ａ@ｂ.ｃｎ", "a@b.cn"),
        ("first+tag@gmail.com", "first+tag@gmail.com"),
        ("a.b@gmail.com", "a.b@gmail.com"),
        ("info@huamei.cn", None),
        ("SALES@huamei.cn", None),
        ("kefu@huamei.cn", None),
        ("no-reply@huamei.cn", None),
        ("z***@qq.com", None),
        ("a@b", None),
        ("@b.cn", None),
        ("a b@c.cn", None),
        ("a@b@c.cn", None),
        ("无", None),
        ("", None),
    ],
)
def test_email(value: str, plain: str | None) -> None:
    assert normalise.email(value) == plain


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("91330106MA2B1C3D4C", None),
        ("91110000600037341L", "91110000600037341L"),
        ("91350100M000100Y43", "91350100M000100Y43"),
        (" 91350100m000100y43 ", "91350100M000100Y43"),
        ("９１３５０１００Ｍ０００１００Ｙ４３", "91350100M000100Y43"),
        ("91350100M000100Y44", None),
        ("91350100M000100Y4", None),
        ("91350100M000100Y433", None),
        ("91350100I000100Y43", None),
        ("350100123456789", None),
        ("91350100M000100***", None),
        ("", None),
    ],
)
def test_credit_code(value: str, plain: str | None) -> None:
    assert normalise.credit_code(value) == plain


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
def test_one_check_character_and_no_other_makes_a_credit_code(body: str) -> None:
    valid = [char for char in "0123456789ABCDEFGHJKLMNPQRTUWXY" if normalise.credit_code(body + char)]
    assert len(valid) == 1


@given(st.data())
def test_a_credit_code_with_one_wrong_character_is_none(data: st.DataObject) -> None:
    code, chars = "91350100M000100Y43", "0123456789ABCDEFGHJKLMNPQRTUWXY"
    place = data.draw(st.integers(0, 17))
    wrong = data.draw(st.sampled_from(chars).filter(lambda char: char != code[place]))
    assert normalise.credit_code(code[:place] + wrong + code[place + 1 :]) is None


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("张伟", "张伟"),
        (" 张 伟 ", "张伟"),
        ("Zhang Wei", "zhangwei"),
        ("ＺＨＡＮＧ", "zhang"),
        ("张*", None),
        ("张**", None),
        ("微信用户", None),
        ("测试", None),
        ("Test", None),
        ("null", None),
        ("-", None),
        ("", None),
        ("  ", None),
        ("阿凡提·买买提", "阿凡提·买买提"),
    ],
)
def test_name(value: str, plain: str | None) -> None:
    assert normalise.name(value) == plain


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("杭州华美科技有限公司", "杭州华美科技"),
        ("杭州华美科技有限责任公司", "杭州华美科技"),
        ("华美（杭州）科技有限公司", "华美杭州科技"),
        ("华美(杭州)科技 有限公司", "华美杭州科技"),
        ("华美科技股份有限公司", "华美科技"),
        ("华美集团", "华美"),
        ("华美公司", "华美"),
        ("Huamei Tech", "huameitech"),
        ("华*公司", None),
        ("某有限公司", None),
        ("有限公司", None),
        ("", None),
    ],
)
def test_company(value: str, plain: str | None) -> None:
    assert normalise.company(value) == plain


@pytest.mark.parametrize(
    ("value", "person", "surname", "organisation"),
    [
        ("张伟", True, None, False),
        ("欧阳娜娜", True, None, False),
        ("阿凡提·买买提", True, None, False),
        ("张总", False, "张", False),
        ("李经理", False, "李", False),
        ("王姐", False, "王", False),
        ("陈女士", False, "陈", False),
        ("欧阳老师", False, "欧阳", False),
        ("先生", False, None, False),
        ("女士", False, None, False),
        ("微信用户", False, None, False),
        ("张", False, None, False),
        ("zhangwei", False, None, False),
        ("张伟1", False, None, False),
        ("A-张伟", False, None, False),
        ("华美科技有限公司", False, None, True),
        ("城西小店", False, None, True),
        ("第一医院", False, None, True),
        ("Huamei Ltd.", False, None, True),
        ("😀", False, None, False),
    ],
)
def test_what_a_name_reads_like(value: str, person: bool, surname: str | None, organisation: bool) -> None:
    assert normalise.is_person(value) is person
    assert normalise.surname_of_titled(value) == surname
    assert normalise.is_organisation(value) is organisation


@given(st.text(max_size=40))
def test_nothing_that_people_type_breaks_them(value: str) -> None:
    for function in (normalise.mobile, normalise.email, normalise.credit_code, normalise.name, normalise.company):
        plain = function(value)
        assert plain is None or plain == plain.strip()
    normalise.is_person(value)
    normalise.is_organisation(value)
    normalise.surname_of_titled(value)


@given(st.text("0123456789+-() 138ABCDEFGHJ", max_size=20))
def test_a_normal_form_is_its_own_normal_form(value: str) -> None:
    for function in (normalise.mobile, normalise.credit_code):
        plain = function(value)
        assert plain is None or function(plain) == plain
