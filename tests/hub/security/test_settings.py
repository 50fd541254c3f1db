"""Settings: the environment before the file, and every mistake told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Rule, SettingsError, load_settings


@pytest.fixture(autouse=True)
def clear(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside."""
    import os

    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_a_file_the_defaults_hold() -> None:
    found = load_settings()
    assert found.database == "sqlite:///var/hub.db" and found.keys == Path("var/keys.json") and found.engine == "embedded"


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub.yaml").write_text("port: 1000\nlanguage: en\n")
    monkeypatch.setenv("HUB_PORT", "2000")
    found = load_settings()
    assert (found.port, found.language) == (2000, "en")


def test_an_empty_file_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text("# nothing yet\n")
    assert load_settings().port == 8765


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("port: [", "not readable as YAML"),
        ("- a\n- b\n", "settings are names with values"),
        ("just text", "settings are names"),
        ("5: x\n", "settings are names"),
        ("port: many\n", "port: Input should be a valid integer"),
        ("colour: red\n", "colour: Extra inputs"),
        ("language: fr\n", "language: Input should be 'zh' or 'en'"),
        ("threads: 0\n", "threads: Input should be greater"),
        ("rules:\n  - {name: Bad Name, event: deal.signed, to: k, make: x}\n", "rules.0.name"),
        ("rules:\n  - {name: r, event: deal.signd, to: k, make: x}\n", "rules.0"),
        ("rules:\n  - {name: r, event: order.paid, to: k, make: x, day_closes: '25:00'}\n", "rules.0.day_closes"),
        ("rules:\n  - {name: r, event: order.paid, to: k, make: x, tto: k}\n", "rules.0.tto"),
        ("lease_seconds: 1\n", "lease_seconds"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "hub.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in str(caught.value) and "hub.yaml" in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text("port: many\nthreads: none\n")
    with pytest.raises(SettingsError, match="2 setting"):
        load_settings()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        (tmp_path / "hub.yaml").mkdir()
    else:
        (tmp_path / "hub.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match="not readable"):
        load_settings()


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "other.yaml"))
    with pytest.raises(SettingsError, match=r"other\.yaml: there is no such settings file \(HUB_CONFIG"):
        load_settings()


def test_a_broken_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_RULES", "{broken")
    with pytest.raises(SettingsError, match=r'environment: .*"rules"'):
        load_settings()


def test_a_secret_in_the_settings_does_not_show_in_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub:geheim@127.0.0.1/hub")
    monkeypatch.setenv("HUB_PORT", "many")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "kind", "source", "takes"),
    [
        ({"on": "deal.signed", "source": "crm-*"}, "deal.signed", "crm-1", True),
        ({"on": "deal.signed", "source": "crm-*"}, "deal.signed", "shop", False),
        ({"on": "deal.signed"}, "deal.reversed", "crm-1", False),
        ({"on": "order.paid", "per": "day"}, "refund.succeeded", "s", True),
        ({"on": "order.paid"}, "refund.succeeded", "s", False),
        ({"event": "order.paid"}, "order.paid", "s", True),
    ],
)
def test_which_events_a_rule_takes(rule: dict[str, str], kind: str, source: str, takes: bool) -> None:
    assert Rule(name="r", to="k", make="x", **rule).takes(kind, source) is takes
