"""Words for errors: every key has them in both languages, and every parameter shows."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import connectors
from connectors import errors
from connectors.contract.declared import message_keys
from connectors.errors import ConnectorError
from connectors.manifest import Manifest
from connectors.messages import explain, known, texts

from .conftest import MANIFEST

ROOT = Path(connectors.__file__).parent.parent
SHARED = [
    *sorted((ROOT / "connectors").glob("*.py")),
    *sorted((ROOT / "mappings").glob("*.py")),
    *sorted((ROOT / "hub").rglob("*.py")),
    *sorted((ROOT / "webhooks").rglob("*.py")),
]
KINDS = [item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, ConnectorError)]
PLAIN = Manifest.model_validate(MANIFEST)


def made(kind: type[ConnectorError], **params: Any) -> ConnectorError:
    return kind(2.5, **params) if issubclass(kind, errors.Throttled) else kind(**params)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_kind_of_error_has_words_and_a_next_step(kind: type[ConnectorError], lang: str) -> None:
    assert kind.default_key in texts().messages
    what, fix = explain(made(kind, name="x", field="y"), lang)
    assert len(what) > 5
    assert len(fix) > 5
    assert bool(re.search(r"[\u4e00-\u9fff]", what + fix)) == (lang == "zh")


def test_every_key_that_shared_code_raises_has_words() -> None:
    missing = [
        f"{path.relative_to(ROOT)}:{line} {key}"
        for path in SHARED
        for key, line in message_keys(path).items()
        if known(key) is None
    ]
    assert not missing, "add these to connectors/messages.yaml:\n" + "\n".join(missing)


def test_every_shared_key_is_used() -> None:
    code = "".join(path.read_text("utf-8") for path in [*SHARED, *sorted((ROOT / "connectors").glob("*/*.py"))])
    assert [key for key in texts().messages if f'"{key}"' not in code] == []


def test_the_texts_ask_for_the_same_parameters_in_both_languages() -> None:
    for key, message in texts().messages.items():
        for zh, en in ((message.zh, message.en), (message.fix_zh, message.fix_en)):
            assert asked(zh) == asked(en), key


def asked(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_an_error_and_its_stored_form_are_told_alike() -> None:
    error = errors.MappingError("mapping.value", field="paid", path="a.b", reason="is not a decimal number")
    for lang in ("zh", "en"):
        assert explain(error, lang) == explain(error.as_dict(), lang)
    assert explain(error, "en")[0] == "The value of paid (from a.b) cannot be read: it is not a decimal number."
    assert explain(error, "zh")[0] == "字段 paid（取自 a.b）的值无法转换：不是小数。"


def test_code_request_id_and_the_platforms_own_words_are_shown() -> None:
    error = errors.Rejected(code="42200", request_id="r-1", message="period is closed")
    assert explain(error, "en")[0].endswith(" (platform code 42200; request id r-1; the platform says: period is closed)")
    assert explain(error, "zh")[0].endswith("（平台代码 42200；请求编号 r-1；平台原话：period is closed）")


def test_the_manifest_speaks_first() -> None:
    error = errors.Rejected("plain.closed")
    assert explain(error, "zh", PLAIN) == ("已结账", "改期")
    assert explain(error, "en", PLAIN) == ("Closed", "Change the date")
    assert known("error.gone", PLAIN) == known("error.gone")


def test_a_key_without_words_falls_back_to_its_kind() -> None:
    assert explain(errors.Gone("nobody.knows"), "en") == explain(errors.Gone(), "en")
    assert explain({"type": "Nonsense", "key": None}, "en") == explain(ConnectorError(), "en")
    assert explain({}, "zh") == explain(ConnectorError(), "zh")


def test_a_missing_parameter_and_braces_in_values_do_no_harm() -> None:
    assert "?" in explain({"type": "MappingError", "key": "mapping.required", "params": {}}, "en")[0]
    error = errors.BadPush(field="{x} {0} %s", message="{y}", code="{z}")
    assert "{x} {0} %s" in explain(error, "en")[0]
    assert "{z}" in explain(error, "en")[0]


def test_every_reason_of_a_transform_reads_in_chinese() -> None:
    tree = ast.parse((ROOT / "mappings" / "transforms.py").read_text("utf-8"))
    reasons = [sample(node) for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    reasons = [reason for reason in reasons if re.match(r"is [a-z]+[ ;,]", reason) and "\n" not in reason]
    assert len(reasons) > 5
    for reason in reasons:
        told, _ = explain(errors.MappingError("mapping.value", field="f", path="p", reason=reason), "zh")
        assert reason not in told, f"messages.yaml has no Chinese for the reason {reason!r}"


def sample(node: ast.AST) -> str:
    """A text, with 'float' for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "float" for part in parts)
