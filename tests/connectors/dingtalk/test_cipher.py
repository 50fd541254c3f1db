"""Known answers of the callback cipher, connector and simulator beside each other."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from connectors.dingtalk import sim_callback
from connectors.schemes import CallbackCipher


class Vector(NamedTuple):
    token: str
    aes_key: str
    owner: str
    timestamp: str
    nonce: str
    signature: str
    encrypted: str
    random: str
    message: str


A_KEY, A_OWNER = "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij", "suite4xxxxxxxxxxxxxxx"
SUITE = '{"EventType":"check_create_suite_url","Random":"LPIdSnlF","TestSuiteKey":"suite4xxxxxxxxxxxxxxx"}'
OURS = ("hubtoken2026", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCdEfG", "dingk1x2y3z4owner")
UPDATE = (
    '{"EventType":"ding_paas_object_data_update","ObjectType":"crm_customer","DataId":"INST-测试-01",'
    '"remark":"杭州某某科技有限公司😀"}'
)
VECTORS = {
    # published: callback-event-message-body-encryption-and-decryption
    "A": Vector(
        "123456", A_KEY, A_OWNER, "1445827045067", "nEXhMP4r", "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0",
        "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRWVdUBmfxjZ8Ej23JVYa9VrYeJ5as7XM/"
        "ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ==",
        "hU3bEfGZZewzhG5a", SUITE,
    ),
    # published: GitHub open-dingtalk/DingTalk-Callback-Crypto
    "B": Vector(
        "mryue", "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7", "ding6ccabc44d2c8d38b", "1608001896814", "WL4PK6yA",
        "03044561471240d4a14bb09372dfcfd4fd0e40cb",
        "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchzNukR+t8SB/"
        "qk4ROMu3",
        "l7Y3EcX2CU5w8av3", '{"EventType":"check_url"}',
    ),
    # published: configure-stream-push; the key's last character has spare bits set
    "C": Vector(
        "123456", "1234567890123456789012345678901234567890123", "dingsnotzck6pm5veliw", "1614767836", "A7Co0cJLMzIDtMMI",
        "9a95a004dd16f5c307e849b994173f76aa26e5eb",
        "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA==",
        "dICkEDLj0eb6yAbc", "success",
    ),
    # published: GitHub 007gzs/dingtalk-sdk
    "D": Vector(
        "123456", A_KEY, A_OWNER, "1445827045067", "nEXhMP4r", "bcf6dcefa4ce2dbaf7b0666c7264d46fd9aad4bd",
        "5DJFWzjRNOQk+5GSZxW+VrFMDWCIidPjEjg3//gm5x556BedVi62rDj1F9uXU97a4jw1R4FACUv9RCpoDobNqxhxRB2YtW901k4KHbP1/wpFJ3xdLG0n0A8U"
        "1VhENg80zKJd+YROR0YMGum4WYuoXJ6J98vt0ihYeIFoapNddLML5MyNAGM9saSpkouDMSvD+iU14i7V8ix1ia1Tb9ogog==",
        "1234567890123456", SUITE,
    ),
    # made with dingtalk-sdk 1.3.8 and a second implementation
    "1": Vector(
        *OURS, "1767225600000", "n0nce-01", "b171f2cc91c53126c1a6de0c115c2827f09ef624",
        "2t66TiwFNC5NA/SHZu2pz7XKbiMNH25utDVFDoeZPEoAAYUzWaGxXaO+hBVUi/v5onzCVxv5QAb4Jwl+TPn4Nw==",
        "abcdefghij012345", "success",
    ),
    "2": Vector(
        *OURS, "1767225601000", "n0nce-02", "fd27508f4bbc6cfe6dff8985d9bd58de67d81ff2",
        "nSfmZ79UkfCBflfBERGSjmhVz5vLFqs5fWanR4gJwVXf26QVP8Jf91cpKLMGC4BIqBDz1SWrWIJGhivpx9Qo/g==",
        "QWERTYUIOPasdfgh", '{"EventType":"check_url"}',
    ),
    "3": Vector(
        *OURS, "1767225602000", "n0nce-03", "1b194f8a542725729dbcdf40daef6e85e4300074",
        "c6V39y86kT1iCG119VhfdoChsRvBQugDDc7JW3sQrl7zxAkO7T7YeIjUXgBRL+O4KDVq6gZFq4DI/BxLEHzTQdi7zaqkU2qloN8HUZtWgK05X2id70ZOmDhf"
        "iWNunWJTJp1RtG7fs3tatozx4vJIYzIHUuzyGWKUaQ/juU58vqFJ5C6zs3mgmPGTyU0cy21QhcaOQt1noiH7/48bqbCqKA==",
        "0123456789abcdef",
        '{"EventType":"bpms_instance_change","title":"张三提交的合同审批","type":"finish","result":"agree"}',
    ),
    "4": Vector(
        *OURS, "1767225603000", "n0nce-04", "af4dfffa021a565dd7ad0aebbe457e446c7226b9",
        "l1q5rRbK9ZF4HwB78lgG44wemXwb1OQXZh/j4uGkD/+6RGscJKBxvURTLlJyo3St7nTQwLuklwYLIVPIfaFd/+655Op3gkMmEF1Z8Svqa6w51/569a76v3dj"
        "oZUYeE2Jpfm/TwGueb2m1Vw2Vr/pJLizczAJ2tHb8esVPmOrJi47x8/TPz25CGo3qrcgYhLNzeS2oz7r6+0WK4CfQb+g1SNY3kH7fpL+v5flQ4OjxMXB53rU"
        "WEnrE4xyg8uXSAoD",
        "ZyXwVuTsRqPoNmLk", UPDATE,
    ),
    "5": Vector(
        *OURS, "1767225604000", "n0nce-05", "b60d110d74b7a14ac79ab38f996b808660891c6c",
        "yosBC/zW73DJqK/5zlU3QbKJgpvysZhmlIa/2eBh5Adjh1mrXTUWA6fKBNzozKovgtnYyy/uPLtatmePv9pvp+DnNwrft+pIQBFDtxWNI4HCvfYoIWiaVRWr"
        "rOF/6QfCGewAhHy5DjavCcfnT+++laoXpvSE2vTnlZr4sKrWOfo=",
        "PaddingBoundary0", "x" * 59,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_the_connector_opens_and_seals_byte_for_byte(name: str) -> None:
    v = VECTORS[name]
    cipher = CallbackCipher(v.token, v.aes_key, v.owner)
    assert cipher.open(v.signature, v.timestamp, v.nonce, v.encrypted).decode() == v.message
    assert cipher.seal(v.message.encode(), v.timestamp, v.nonce, v.random.encode()) == (v.encrypted, v.signature)


@pytest.mark.parametrize("name", VECTORS)
def test_so_does_the_simulator(name: str) -> None:
    v = VECTORS[name]
    assert sim_callback.sign(v.token, v.timestamp, v.nonce, v.encrypted) == v.signature
    assert sim_callback.unseal(v.aes_key, v.encrypted) == (v.message, v.owner)
    assert sim_callback.seal(v.aes_key, v.message, v.owner, v.random) == v.encrypted


def test_the_answer_is_what_dingtalk_takes(org) -> None:
    opened = org.connector().open(org.pushed('{"EventType":"check_url"}'))
    answer = json.loads(opened.ack.body)
    assert set(answer) == {"msg_signature", "timeStamp", "nonce", "encrypt"}
    assert sim_callback.unseal(org.sim.sender.aes_key, answer["encrypt"]) == ("success", org.sim.sender.owner)
