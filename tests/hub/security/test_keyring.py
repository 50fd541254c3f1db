"""The key ring: what it seals it opens, and nothing else; its file; and the database that belongs to it."""

from __future__ import annotations

import base64
import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from hub import accounts
from hub.core import Hub
from hub.security import keyring
from hub.security.keyring import KeyFault, KeyRing, load_or_create

RING = KeyRing.new()


@given(st.binary(max_size=2000), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_is_sealed_opens_again(plain: bytes, place: str) -> None:
    assert RING.open(RING.seal(plain, place.encode()), place.encode()) == plain
    assert RING.unpack(RING.pack(plain, place), place) == plain


def test_the_same_value_never_looks_the_same_and_never_shows() -> None:
    plain = "王小明 13812345678".encode()
    one, two = RING.pack(plain, "p"), RING.pack(plain, "p")
    assert one != two and plain not in one and RING.unpack(one, "p") == RING.unpack(two, "p")


def test_long_bodies_are_compressed_before_they_are_sealed() -> None:
    assert len(RING.pack(b'{"name": "x"}' * 500, "p")) < 400


@pytest.mark.parametrize("place", [b"", b"account.config2", b"Account.config", b"account.token"])
def test_a_value_does_not_open_in_another_place(place: bytes) -> None:
    with pytest.raises(KeyFault, match="belongs somewhere else"):
        RING.open(RING.seal(b"x", b"account.config"), place)


def test_a_changed_value_does_not_open() -> None:
    sealed = RING.seal(b"hundred yuan", b"p")
    for i in range(len(sealed)):
        broken = bytearray(sealed)
        broken[i] ^= 1
        with pytest.raises(KeyFault):
            RING.open(bytes(broken), b"p")


@pytest.mark.parametrize("cut", range(30))
def test_a_cut_value_does_not_open(cut: int) -> None:
    with pytest.raises(KeyFault):
        RING.open(RING.seal(b"", b"p")[:-1][:cut], b"p")


def test_a_rotated_ring_opens_the_old_and_seals_with_the_new(tmp_path: Path) -> None:
    old = KeyRing.new()
    sealed = old.seal(b"old", b"p")
    new = old.rotated()
    assert list(new.numbers) == [1, 2] and new.active == 2
    assert new.open(sealed, b"p") == b"old"
    fresh = new.seal(b"new", b"p")
    assert new.open(fresh, b"p") == b"new"
    with pytest.raises(KeyFault, match="key that is not in the ring"):
        old.open(fresh, b"p")
    new.rotated().save(tmp_path / "keys.json")
    third = KeyRing.load(tmp_path / "keys.json")
    assert third.active == 3 and [third.open(value, b"p") for value in (sealed, fresh)] == [b"old", b"new"]


def test_the_blind_index_and_derived_keys_outlive_rotation(tmp_path: Path) -> None:
    old = KeyRing.new()
    old.rotated().save(tmp_path / "keys.json")
    new = KeyRing.load(tmp_path / "keys.json")
    assert new.blind("phone", "", "+8613812345678") == old.blind("phone", "", "+8613812345678")
    assert new.derived("session") == old.derived("session")


def test_the_blind_index_tells_values_scopes_and_rings_apart() -> None:
    seen = {RING.blind(*parts) for parts in (("phone", "", "1"), ("email", "", "1"), ("phone", "x", "1"), ("phone", "", "2"))}
    assert len(seen) == 4
    assert KeyRing.new().blind("phone", "", "1") not in seen
    assert len(RING.blind("search", "王小", size=8)) == 8
    assert RING.derived("session") != RING.derived("audit")


# -- the file


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    ring = load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["keys.json"]
    again = load_or_create(path)
    assert again.open(ring.seal(b"x", b"p"), b"p") == b"x"
    ring.rotated().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_processes_that_start_at_once_end_with_one_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, gate = tmp_path / "keys.json", threading.Barrier(2, timeout=10)
    made = KeyRing.new

    def slow() -> KeyRing:
        gate.wait()
        return made()

    monkeypatch.setattr(KeyRing, "new", slow)
    monkeypatch.setattr(keyring.os, "getpid", threading.get_ident)
    rings: list[KeyRing] = []
    threads = [threading.Thread(target=lambda: rings.append(load_or_create(path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert rings[0].open(rings[1].seal(b"x", b"p"), b"p") == b"x"
    assert KeyRing.load(path).open(rings[0].seal(b"x", b"p"), b"p") == b"x"
    assert [item.name for item in tmp_path.iterdir()] == ["keys.json"]


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(keyring.os, "link", refuse)
    ring = load_or_create(tmp_path / "keys.json")
    assert load_or_create(tmp_path / "keys.json").blind("x") == ring.blind("x")
    with pytest.raises(FileExistsError):
        KeyRing.new().save(tmp_path / "keys.json", keep=True)


def valid() -> dict[str, Any]:
    key = base64.b64encode(bytes(32)).decode()
    return {"active": 1, "keys": {"1": key}, "index": key}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "null",
        "7",
        "{}",
        json.dumps(valid() | {"active": 2}),
        json.dumps(valid() | {"active": None}),
        json.dumps(valid() | {"keys": []}),
        json.dumps(valid() | {"keys": {"1": 5}}),
        json.dumps(valid() | {"keys": {"1": "AAAA"}}),
        json.dumps(valid() | {"keys": {"x": valid()["index"]}}),
        json.dumps(valid() | {"keys": {"400": valid()["index"]}, "active": 400}),
        json.dumps(valid() | {"index": "AAAA"}),
        json.dumps(valid() | {"index": "A"}),
        "\udcff",
    ],
)
def test_a_broken_key_file_is_told_with_its_path_and_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeyFault, match="is not usable") as caught:
        load_or_create(path)
    assert str(path) in str(caught.value) and valid()["index"] not in str(caught.value)


def test_a_folder_in_place_of_the_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFault, match="IsADirectoryError"):
        load_or_create(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFault, match="NotADirectoryError"):
        load_or_create(tmp_path / "file" / "keys.json")


def test_nothing_is_sealed_before_a_ring_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_current", None)
    with pytest.raises(KeyFault, match="no key ring is loaded"):
        keyring.current()


# -- the ring and its database


@pytest.fixture
def installed(tmp_path: Path) -> Settings:
    """A hub with one account, closed again."""
    settings = Settings(data_dir=tmp_path)
    hub = Hub.open(settings)
    accounts.add(hub, "inbound", "in", "in", {"secret": "whsec_" + "A" * 44}, by="test")
    hub.close()
    return settings


def test_a_hub_opens_again_with_its_ring(installed: Settings) -> None:
    hub = Hub.open(installed)
    assert accounts.get(hub, "in").config["secret"].startswith("whsec_")
    hub.close()


def test_a_lost_key_file_is_not_replaced_by_a_new_one(installed: Settings) -> None:
    kept = installed.keys.read_bytes()
    installed.keys.unlink()
    with pytest.raises(KeyFault, match="from your backup"):
        Hub.open(installed)
    assert not installed.keys.exists()
    installed.keys.write_bytes(kept)
    Hub.open(installed).close()


def test_the_key_file_of_another_database_is_refused(installed: Settings) -> None:
    KeyRing.new().save(installed.keys)
    with pytest.raises(KeyFault, match="does not belong to this database"):
        Hub.open(installed)
