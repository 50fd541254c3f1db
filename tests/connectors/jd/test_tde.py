"""Encrypted fields: the fact sheet's vectors, the key flow with everything that can be wrong in it, rotation."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from connectors.errors import ConfigError
from connectors.jd import sim_tde, tde

K0, K1 = bytes(range(32)), bytes(range(32, 64))
SERVICE = "svc-demo-jd"
PHONE = "AASnmE5YOtWPQsqd9JM3fe9MoKGio6SlpqeoqaqrrK2ur3iqaf0tlIjqVKZD7qqC1Us="
NAME = "AASnmE5YOtWPQsqd9JM3fe9MoKGio6SlpqeoqaqrrK2ur+H79zKyELvOHmfvypMeDSM="
NAME_1 = "AAS0FFEsEmIGypZH1D1RknosoKGio6SlpqeoqaqrrK2ur9XVo0cJrpKS/8gLoABECzw="
SIXTEEN = "AASnmE5YOtWPQsqd9JM3fe9MoKGio6SlpqeoqaqrrK2ur+0ra/E4lZbGujP6UIwZdKw9EyZMqfwEuriequS4jF+s"
MASTER, VOUCHER = "jingdong.jos.master.key.get", "jingdong.jos.voucher.info.get"


def keys():
    ids = {tde.id_of(SERVICE, 0): K0[:16], tde.id_of(SERVICE, 1): K1[:16]}
    return tde.Keys(ids, frozenset({tde.id_of(SERVICE, 2)}), K0)


@pytest.mark.parametrize(
    ("cipher", "plain"), [(PHONE, "13800138000"), (NAME, "张三丰"), (NAME_1, "张三丰"), (SIXTEEN, "a" * 16)]
)
def test_ciphertexts_of_the_sheet(cipher, plain):
    assert tde.is_cipher(cipher) and keys().open(cipher) == plain


def test_key_ids_of_the_sheet():
    told = [base64.b64encode(tde.id_of(SERVICE, version)).decode() for version in (0, 1)]
    assert told == ["p5hOWDrVj0LKnfSTN33vTA==", "tBRRLBJiBsqWR9Q9UZJ6LA=="]


def test_the_simulator_writes_the_same_ids():
    assert sim_tde.MasterKey(1, K1).id(SERVICE) == tde.id_of(SERVICE, 1)


@pytest.mark.parametrize(
    ("plain", "index"),
    [
        ("13800138000", "/kllyXFQdsPJqIr7vI8ATJstmiGpH9rJqtpuoaUdtWY="),
        ("张三丰", "YCAedChUZ1IE8WLOLRlDKCanLWpL1oW8Eyu9dxfzZ/I="),
    ],
)
def test_the_index_of_the_sheet(plain, index):
    assert keys().index(plain) == index


def test_the_key_request_of_the_sheet():
    voucher = tde.Voucher("TID-0001", b"voucher-key-0123456789abcdef0123", SERVICE)
    assert voucher.sign(1772331630000) == "g1UALHnAPvCsGK4MAKD9J7PcadgleuT8us6LW+oykY4="


@pytest.mark.parametrize(
    "text",
    [
        "", "张三丰", "138*******0", "AA", "A" * 80, "AAQ" + "A" * 66 + "!", NAME[:-4], "a1" * 35,
        base64.b64encode(b"\x01\x00\x10" + bytes(60)).decode(), base64.b64encode(b"\x00\x05" + bytes(64)).decode(),
    ],
)  # fmt: skip
def test_what_is_no_ciphertext(text):
    assert not tde.is_cipher(text)


@pytest.mark.parametrize("flip", [-1, -17])
def test_a_damaged_ciphertext_is_unreadable(flip):
    data = bytearray(base64.b64decode(SIXTEEN))
    data[flip] ^= 0xFF
    with pytest.raises(tde.Unreadable):
        keys().open(base64.b64encode(bytes(data)).decode())


def test_jds_own_key_is_that_of_its_certificate():
    key = serialization.load_der_public_key(base64.b64decode(tde.JD_KEY))
    assert key.key_size == 2048 and key.public_numbers().e == 65537


# -- the flow


def ring(shop, **changes):
    return shop.connector(**changes)._opener.ring


def sealed(shop, text="张三丰", version=None):
    return shop.sim.shop.vault.seal(text, version)


def test_voucher_then_keys_then_plain_text(shop):
    opener = ring(shop)
    assert opener.open(sealed(shop)) == "张三丰"
    assert opener.open(sealed(shop, "13900000001")) == "13900000001"
    assert (shop.sim.calls[f"/routerjson {VOUCHER}"], shop.sim.calls[f"/routerjson {MASTER}"]) == (1, 1)


def test_keys_are_kept_for_eight_hours(shop):
    opener = ring(shop)
    opener.open(sealed(shop))
    shop.sim.offset += timedelta(hours=7, minutes=59)
    opener.open(sealed(shop))
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 1
    shop.sim.offset += timedelta(minutes=2)
    opener.open(sealed(shop))
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 2


def test_keys_outlive_the_connector_but_not_its_token(shop):
    first = shop.connector()
    first._opener.ring.open(sealed(shop))
    from connectors.jd.keys import KeyRing

    KeyRing(first.config, first._call, first.clock, first.http.session).open(sealed(shop))
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 1
    other = first.config.model_copy(update={"access_token": "another"})
    KeyRing(other, first._call, first.clock, first.http.session).open(sealed(shop))
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 2


def test_a_rotation_asks_once(shop):
    opener = ring(shop)
    old = sealed(shop)
    opener.open(old)
    shop.sim.shop.vault.rotate()
    assert opener.open(sealed(shop)) == "张三丰" and opener.open(old) == "张三丰"
    assert opener.open(sealed(shop, "李四")) == "李四"
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 2


def test_a_strangers_ciphertext_asks_for_nothing(shop):
    """A key id far from ours (another shop's, another application's) is no rotation."""
    opener = ring(shop)
    stranger = sim_tde.Vault("svc-of-somebody-else").seal("张三丰")
    assert opener.open(sealed(shop)) == "张三丰"
    assert opener.open(stranger) is None and opener.open(stranger) is None
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 1


def test_a_version_that_never_comes_is_asked_for_once(shop):
    opener, vault = ring(shop), shop.sim.shop.vault
    opener.open(sealed(shop))
    coming = vault.rotate()
    text = sealed(shop)
    vault.keys.remove(coming)
    assert opener.open(text) is None and opener.open(text) is None
    assert shop.sim.calls[f"/routerjson {MASTER}"] == 2


def test_a_revoked_key_opens_nothing(shop):
    text = sealed(shop)
    shop.sim.shop.vault.keys[0].status = sim_tde.REVOKED
    assert ring(shop).open(text) is None


@pytest.mark.parametrize("wrong", ["signature", "tid", "service", "digest"])
def test_a_wrong_answer_gives_no_keys(shop, wrong):
    shop.sim.shop.vault.wrong = wrong
    with pytest.raises(ConfigError) as caught:
        ring(shop).open(sealed(shop))
    assert caught.value.key == "jd.keys"


@pytest.mark.parametrize("status", [305, 306, 307, 308, 310, 311, 999])
def test_a_refusal_of_the_key_service_is_for_a_person(shop, status):
    opener = ring(shop)
    opener.open(sealed(shop))
    shop.sim.offset += timedelta(hours=9)
    shop.sim.shop.vault.trouble = status
    with pytest.raises(ConfigError) as caught:
        opener.open(sealed(shop))
    assert caught.value.code == str(status)


def test_a_voucher_signed_by_somebody_else(shop):
    with pytest.raises(ConfigError):
        ring(shop, voucher_certificate="").open(sealed(shop))  # JD's own key: the simulator's voucher is none of its


def test_a_voucher_is_honoured_for_thirty_days_after_its_end(shop):
    vault = shop.sim.shop.vault
    vault.voucher_ends = shop.sim.now() - timedelta(days=29)
    assert ring(shop).open(sealed(shop)) == "张三丰"
    vault.voucher_ends = shop.sim.now() - timedelta(days=31)
    with pytest.raises(ConfigError):
        ring(shop).open(sealed(shop))


def test_the_voucher_signature_covers_the_data(shop):
    """The check that the simulator's vouchers are made with its own key, over compact JSON in the order as sent."""
    import json

    whole = json.loads(base64.b64decode(shop.sim.shop.vault.voucher(shop.sim.now())))
    plain = json.dumps(whole["data"], separators=(",", ":")).encode()
    public = sim_tde.signing_key().public_key()
    public.verify(base64.b64decode(whole["sig"]), plain, padding.PKCS1v15(), hashes.SHA256())


def test_check_tells_when_keys_cannot_be_had(shop):
    shop.sim.shop.vault.trouble = 311
    bad = [finding for finding in shop.connector().check() if not finding.ok]
    assert len(bad) == 1 and bad[0].code == "311" and bad[0].fix_zh


def test_an_account_without_personal_data_needs_no_keys(shop):
    shop.fill("order", 4)
    connector = shop.connector(consignee="leave_out", invoices=False)
    assert len(shop.read(connector=connector)) == 4 and all(finding.ok for finding in connector.check())
    assert not shop.sim.calls[f"/routerjson {VOUCHER}"]
