"""Rules about what a connector declares: manifest, configuration, mappings, folder, and which way its imports point."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from connectors import errors
from connectors.base import secret_fields
from connectors.contract.bench import Bench
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError
from connectors.messages import explain, known

SHARED = (
    "base", "book_settings", "books", "callbacks", "checks", "errors", "http", "intake", "invoices", "money", "people",
    "schemes", "settings", "sockets",
)  # fmt: skip
ALLOWED_IMPORTS = {f"connectors.{name}" for name in SHARED}
SIMULATOR_IMPORTS = {"connectors.sandbox", "connectors.story"}
OURS = {"connectors", "hub", "webhooks", "mappings", "config"}
ERROR_NAMES = {name for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, ConnectorError)}
KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_.]*")
RINGS = ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ")
SECRET_NAME = re.compile(r"secret|password|passwd|private|aes_?key")


def imported(path: Path, package: str) -> set[str]:
    """Absolute names of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found |= {f"{module}.{alias.name}" for alias in node.names} if module in (package, "connectors") else {module}
    return found


def wrong_imports(folder: Path, package: str) -> list[str]:
    """Imports in a connector folder that point the wrong way, as 'file imports module'."""
    wrong = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("test_"):
            continue
        simulated = path.name.startswith("sim")
        for name in sorted(imported(path, package)):
            own = name == package or name.startswith(package + ".")
            if own:
                bad = simulated != name.removeprefix(package + ".").startswith("sim")
            else:
                allowed = SIMULATOR_IMPORTS if simulated else ALLOWED_IMPORTS
                bad = name.split(".")[0] in OURS and name not in allowed
            if bad:
                wrong.append(f"{path.name} imports {name}")
    return wrong


def message_keys(path: Path) -> dict[str, int]:
    """Message keys that a file gives to errors, with the line where each is raised."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in ERROR_NAMES:
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "key")]
        for part in (part for argument in given for part in ast.walk(argument)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and KEY.fullmatch(part.value):
                found[part.value] = node.lineno
    return found


@scenario()
def every_error_has_its_words(bench: Bench) -> None:
    """Each message key that the connector raises has texts in its manifest or among the shared ones."""
    for path in sorted(bench.entry.folder.glob("*.py")):
        for key, line in message_keys(path).items():
            assert known(key, bench.manifest), f"{path.name}:{line} raises {key!r}: add it to the manifest under messages"
    for key, message in bench.manifest.messages.items():
        error = ConnectorError(key)
        for lang in ("zh", "en"):
            assert all(explain(error, lang, bench.manifest)), f"messages.{key} says nothing in {lang}"
        assert re.search(r"[\u4e00-\u9fff]", message.zh + message.fix_zh), f"messages.{key}: the zh text is not Chinese"


@scenario()
def manifest_names_the_folder_and_has_both_languages(bench: Bench) -> None:
    """The manifest bears the connector's name, and its Chinese titles are Chinese."""
    manifest = bench.manifest
    assert manifest.name == bench.entry.name, f"manifest says name: {manifest.name}, the connector is {bench.entry.name}"
    titles = [manifest.title, manifest.summary, *(s.title for s in manifest.streams.values())]
    titles += [kind.title for kind in manifest.documents.values()]
    for title in titles[1:]:
        assert re.search(r"[\u4e00-\u9fff]", title.zh), f"zh text without a Chinese character: {title.zh!r}"
    assert manifest.ordered_streams is not None
    assert manifest.capabilities, "declare at least one capability, so that users see what works and what does not"


@scenario()
def settings_have_labels_and_secrets_are_marked(bench: Bench) -> None:
    """Every setting has a label in both languages; a secret is marked, says where it is found, and is never shown."""
    secrets = secret_fields(bench.kind.Config)
    for name, info in bench.kind.Config.model_fields.items():
        extra = info.json_schema_extra
        assert isinstance(extra, dict) and extra.get("label"), f"setting {name!r}: declare it with connectors.base.setting(...)"
        label, where = extra["label"], extra["where"]
        assert isinstance(label, dict) and label["zh"] and label["en"], f"setting {name!r} lacks a label in zh or en"
        if name in secrets:
            assert isinstance(where, dict) and where["zh"] and where["en"], f"secret {name!r} does not say where to find it"
        assert name in secrets or not SECRET_NAME.search(name), f"setting {name!r} sounds secret but is not marked so"
    for value in bench.secrets():
        assert value not in repr(bench.config), "repr() of the configuration shows a secret"


@scenario()
def readme_tells_the_known_limits(bench: Bench) -> None:
    """There is a README.md, with a heading for the known limits."""
    path = bench.entry.folder / "README.md"
    assert path.exists(), "README.md is missing"
    headings = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    assert any(re.search(r"limit|限制", line, re.I) for line in headings), "README.md needs a heading 'Known limits'"


@scenario()
def imports_point_one_way(bench: Bench) -> None:
    """A connector imports the modules that connectors share (``SHARED``); its simulator the sandbox and the demo's story."""
    assert not (wrong := wrong_imports(bench.entry.folder, bench.entry.package)), "; ".join(wrong)


@scenario(each="stream")
def mapping_covers_a_normal_record(bench: Bench, name: str) -> None:
    """The stream's mapping compiles, and a normal record becomes canonical with no field or word left unknown; where its key is
    said to begin with the owner, it does."""
    mapping = bench.mapping(name)
    assert mapping.stream == name, f"the mapping says stream: {mapping.stream!r}"
    for key, record in records(bench, name, 3).items():
        mapped = mapping.apply(record)
        assert mapped.records, f"{name}/{key} became no canonical record"
        assert not mapped.unknown_fields, f"map these fields or list them under known: {sorted(mapped.unknown_fields)}"
        assert not mapped.unknown_values, f"words that the mapping's tables lack: {sorted(mapped.unknown_values)}"
        if bench.stream(name).owner_first:
            own = [item for item in mapped.records if item["kind"] == "customer" and item["id"] == key]
            first = own and key.partition("/")[0] == own[0]["fields"].get("owner")
            assert first, f"owner_first: {key} does not begin with its owner, or is not its customer's id"


@scenario()
def check_is_content_with_a_healthy_account(bench: Bench) -> None:
    """``check`` finds nothing wrong with the simulator's own account, and says so in both languages."""
    findings = bench.connector().check()
    assert findings, "check() found nothing to say"
    for finding in findings:
        assert finding.what_zh and finding.what_en, "a finding lacks its zh or en text"
        assert finding.ok, f"not ok on a healthy account: {finding.what_en}"


@scenario()
def check_notices_wrong_secrets(bench: Bench) -> None:
    """With every secret replaced, ``check`` says what is wrong and what to do (or raises a named error)."""
    secrets = {name for name in secret_fields(bench.kind.Config) if bench.settings.get(name)}
    if not secrets:
        skip("this connector has no secret settings")
    wrong = {name: scrambled(str(bench.settings[name])) for name in secrets}
    try:
        findings = bench.connector(changes=wrong).check()
    except ConnectorError:
        return
    if set(bench.manifest.roles) == {"events"}:
        skip("this connector only receives: nobody can be asked whether the secret is right")
    bad = [finding for finding in findings if not finding.ok]
    assert bad, "check() did not notice that the secrets are wrong"
    for finding in bad:
        assert finding.fix_zh and finding.fix_en, f"no next step: {finding.what_en}"


def scrambled(value: str) -> str:
    """Another value of the same shape: digits stay digits, hex stays hex, letters keep their case."""
    turned = {a: b for ring in RINGS for a, b in zip(ring, ring[1:] + ring[0], strict=True)}
    return "".join(turned.get(letter, letter) for letter in value)


def records(bench: Bench, name: str, count: int) -> dict[str, dict[str, object]]:
    """Fresh records of a stream by key, read where it can be read, else as it is pushed."""
    keys = bench.populate(name, count)
    if "source" in bench.manifest.roles:
        return bench.pull(name).records
    from connectors.contract.pushed import Receiver

    found: dict[str, dict[str, object]] = {}
    with Receiver(bench.listener()) as receiver:
        for key in keys:
            bench.steer("push", receiver.url, name, key)
        for event in receiver.events:
            if event.stream == name and event.record is not None:
                found[event.record_key] = event.record
    assert found, f"{name}: neither a source, nor do its events carry the record"
    return found
