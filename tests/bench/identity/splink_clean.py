"""Cleaning as a careful user of splink would write it: one row a record, columns that compare well. Knows nothing of the hub.

Places and surnames are learnt from the records themselves (the shops give province, city and district apart, and masked names
begin with the surname), so no table of ours is needed.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from pypinyin import lazy_pinyin

Record = dict[str, Any]
MOBILE = re.compile(r"(?<!\d)(?:\+?0{0,2}86)?[-\s]?(1[3-9]\d)[-\s]?(\d{4}|\*{4})[-\s]?(\d{4})(?!\d)")
LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})[-\s)]?(\d{7,8})(?!\d)")
HANZI = re.compile(r"[\u4e00-\u9fff]+")
LEGAL = re.compile(r"(集团)?(股份)?(有限)?(责任)?(公司|厂|商行|经营部|工作室|中心|店|合作社)$")
BRANCH = re.compile(r"(.*?(?:公司|集团|厂|商行|经营部|中心|店))(.{2,8})分(公司|店|厂|部)$")
TITLE = re.compile(r"(总|经理|老板|先生|女士|小姐|主任|老师|工|姐|哥|阿姨|叔|师傅)+$")
STREET = re.compile(r"([\u4e00-\u9fff]{1,6}?(?:大道|路|街|巷|道))(\d+)?")
JUNK_NAMES = {"微信用户", "测试", "匿名", "客户", "无", "未知", "匿名用户", "先生", "女士", "默认", "用户"}
JUNK_PHONES = {"13800138000", "13000000000", "13888888888", "12345678901"}
NICK = set("小阿大老微果")
COMPOUND = ("欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "夏侯", "令狐", "端木")
COLUMNS = (
    "unique_id", "company_kind", "phone", "m7", "unionid", "extuid", "email", "name", "name_py", "surname", "org", "city",
    "district", "road", "road2", "code", "branch", "whole",
)  # fmt: skip


def records(path: Path) -> Iterator[Record]:
    """Records of a packed JSON lines file."""
    with gzip.open(path, "rb") as lines:
        yield from map(orjson.loads, lines)


class Cleaner:
    """What a first pass over the records taught: places and surnames."""

    def __init__(self, path: Path) -> None:
        self.cities: Counter[str] = Counter()
        self.districts: dict[str, set[str]] = {}
        first: Counter[str] = Counter()
        for record in records(path):
            if record.get("district"):
                self.cities[short(record["city"])] += 1
                self.districts.setdefault(record["district"], set()).add(short(record["city"]))
            if re.fullmatch(r"[\u4e00-\u9fff]\*+", record.get("name") or ""):
                first[record["name"][0]] += 1
        self.town = re.compile("|".join(sorted(map(re.escape, self.cities), key=len, reverse=True)) or "(?!)")
        usual = max(2, sum(first.values()) / 20_000)
        self.surnames = {char for char, count in first.items() if count > usual and char not in NICK} | set(COMPOUND)
        self.provinces = re.compile(r"^(?:中国)?[\u4e00-\u9fff]{2,6}?(?:省|自治区)")

    def row(self, record: Record) -> list[str | None]:
        """The columns of one record; None where it says nothing."""
        texts = [unicodedata.normalize("NFKC", str(record.get(key) or "")) for key in ("name", "remark", "description")]
        phone, m7 = first_phone([*(record.get("phones") or []), *(record.get("remark_mobiles") or []), *texts])
        ids = record["ids"]
        corp = is_company(record)
        name = None if corp else self.person(record, texts)
        surname = self.surname(name or "") or (self.surname(texts[0]) if "*" in texts[0] else None)
        org = core(texts[0] if corp else str(record.get("company") or record.get("remark_corp_name") or ""), self.cities)
        city, district, road, road2 = self.place(record)
        full = name if name and "*" not in name and len(name) > len(surname or "") else None
        return [
            record["rid"], "1" if corp else "0", phone, m7, ids.get("unionid"), ids.get("external_userid"), email(record),
            full, "".join(lazy_pinyin(full)) if full and HANZI.fullmatch(full) else latin(texts[0]), surname, org[0], city,
            district, road, road2, code(record), org[1], org[2],
        ]  # fmt: skip

    def person(self, record: Record, texts: list[str]) -> str | None:
        """The most telling name: remark, receiver of a mini program, name; without marks, places and titles."""
        for text in (texts[1], str(record.get("receiver") or ""), texts[0]):
            for piece in HANZI.findall(text):
                bare = TITLE.sub("", piece)
                for city in (bare[:2], bare[:3]):
                    if len(bare) > len(city) + 1 and city in self.cities and bare[len(city)] in self.surnames:
                        bare = bare[len(city) :]
                if 1 <= len(bare) <= 4 and bare not in JUNK_NAMES and piece not in JUNK_NAMES and self.surname(bare):
                    return str(bare)
        return None

    def surname(self, name: str) -> str | None:
        """The surname a name begins with, when it is one."""
        return next((name[:size] for size in (2, 1) if name[:size] in self.surnames and len(name[:size]) == size), None)

    def place(self, record: Record) -> tuple[str | None, str | None, str | None, str | None]:
        """City, district, road with number, and what every mask leaves of a road: its first two characters."""
        address = unicodedata.normalize("NFKC", str(record.get("address") or ""))
        city, district = short(record.get("city") or ""), record.get("district")
        rest = address
        if not district and address:
            rest = self.provinces.sub("", address)
            for size in range(3, 8):
                at = next((i for i in range(8) if address[i : i + size] in self.districts), None)
                if at is not None:
                    district, rest = address[at : at + size], address[at + size :]
                    break
            found_city = self.town.search(address[:12])
            city = found_city[0] if found_city else ""
            if not city and district and len(self.districts[district]) == 1:
                city = next(iter(self.districts[district]))
        if not city and (found_city := self.town.match(str(record.get("remark") or ""))):
            city = found_city[0]
        rest = re.sub(r"^.*?(街道|镇|乡|地区)(?=[\u4e00-\u9fff])", "", rest)
        found = STREET.search(rest)
        road = found[1] + found[2] if found and found[2] else None
        rest = found[1] if found else rest
        return city or None, district or None, road, rest[:2] if rest[:2].strip("*") == rest[:2] != "" else None


def short(city: str) -> str:
    """A city without the word that says so."""
    return re.sub(r"(市|地区|盟|自治州)$", "", city)


def first_phone(values: list[str]) -> tuple[str | None, str | None]:
    """The first number worth having (mobile, masked mobile, landline) and the seven digits that a mask keeps."""
    for value in values:
        text = unicodedata.normalize("NFKC", str(value)).removesuffix(".0").replace(" ", "")
        if (found := MOBILE.search(text)) and not re.search(r"\d{11}-\d{3,4}$", text):
            whole = found[1] + found[2] + found[3]
            if whole not in JUNK_PHONES and len(set(whole)) > 2:
                return (None if "*" in whole else whole), found[1] + found[3]
        elif found := LANDLINE.search(text):
            return found[1] + found[2], None
    return None, None


def email(record: Record) -> str | None:
    """The first mailbox, lower case; none of those everybody writes."""
    for value in record.get("emails") or []:
        text = unicodedata.normalize("NFKC", value).strip().lower()
        if "@" in text and text not in ("test@test.com", "123@qq.com", "noemail@noemail.com"):
            return text
    return None


def code(record: Record) -> str | None:
    """A credit code of eighteen characters, unchecked: splink compares, it does not validate."""
    text = re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFKC", str(record.get("credit_code") or "")).upper())
    return text if len(text) == 18 else None


def latin(text: str) -> str | None:
    """A name in Latin letters, words sorted."""
    words = sorted(re.findall(r"[a-z]+", text.lower()))
    return "".join(words) if len("".join(words)) > 4 and not HANZI.search(text) else None


def is_company(record: Record) -> bool:
    """Where the source does not say: a code, a contact or a legal form."""
    if record.get("kind"):
        return bool(record["kind"] == "company")
    name = str(record.get("name") or "")
    return bool(record.get("credit_code") or record.get("contact") or LEGAL.search(name) or len(name) > 5)


def core(name: str, cities: Counter[str]) -> tuple[str | None, str | None, str | None]:
    """Brand and trade of a company (no region, no legal form, no brackets), its branch, and the name with its region."""
    text = re.sub(r"[\s()（）·,，.-]", " ", unicodedata.normalize("NFKC", name)).strip()
    text = re.sub(r"\s+", "", text)
    branch = None
    if found := BRANCH.match(text):
        text, branch = found[1], found[2]
    text, whole = LEGAL.sub("", text), None
    for size in (5, 4, 3, 2):
        if text[:size] in cities and len(text) > size + 1:
            whole = text + (branch or "")
            text = text[size:].removeprefix("市")
            break
    return text or None, branch, whole
