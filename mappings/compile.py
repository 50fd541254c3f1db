"""Compiles a mapping file into a function from a raw record to canonical records.

A mapping file (``mappings/<platform>/<stream>.yaml``)::

    stream: order
    emits:
      - kind: order                     # customer | staff | tag | order | refund | deal | group | message | consent
        id: tid                         # path of the record's own id
        when: tid                       # optional: emit only when this path holds something
        fields:
          number: tid                               # short form: a path, transformed by the field's own type
          state: {path: status, map: {PAID: paid}}  # enumeration; a word not listed becomes unknown and is counted
          paid: {path: payment, as: money, unit: yuan}
          created_at: {path: created, as: time}
          region: {join: [receiver_state, receiver_city], with: " "}
          display_name: {first: [remark, name]}
          currency: {const: CNY}
          discount: {sum: [total_fee, post_fee, -payment], as: money}  # exact; '-' subtracts; absent parts count nothing
          paid_at: {path: pay_time, when: {path: status, in: [PAID]}}  # absent unless the condition holds
          tags: {each: follow_info.tag_id, key: ""}  # "" = the item itself
          # in a group, message or consent: a customer (or group) by a key of his, wherever his record may come from
          identity: {kind: chat_id, scope: "wecom:{corp_id}", value: chat_id}
        required: [number, paid]
        keys:                           # identity keys, customers only
          - {kind: open_uid, scope: "taobao:{app_key}", value: buyer_open_uid}
          - {each: identifiers}         # or a list in the record: [{kind, scope, value}]
        lines: {each: orders.order, fields: {key: oid, amount: {path: divide_order_fee, as: money}}}
    known: [seller_nick]                # fields we know and do not use; any other is counted as unknown
    open: {path: status, in: [draft]}   # records that may still change unnoticed: read again by key
    id_prefix: ""                       # put before every id, where two streams share a number range
    file: {columns: …}                  # how columns of a CSV or Excel file are named; read by the files connector alone

``{name}`` in a scope is a non-secret setting of the account, or ``{account}``.

A condition (``when``, on an emit or a field) is a path that must hold something, ``{path, in: [..]}``,
``{path, not_in: [..]}`` (met where the value is absent), or a list of these that must all hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from connectors.errors import MappingError
from mappings import transforms
from mappings.canonical import ENUMS, FIELDS, IDENTITY_KINDS, KEY_KINDS, LINE_FIELDS, Canonical
from mappings.mapped import Fields, Mapped, Reader
from mappings.paths import Getter, Known, all_of, first_getter, is_filled, join_getter, path_getter, remembered
from mappings.sums import Term, exact_sum, money_sum

_SPEC_KEYS = ("path", "first", "join", "with", "sum", "each", "const", "as", "map")
_DEFAULTS = {name: name for name in ("text", "texts", "time", "date", "flag", "decimal", "integer")}


class MappingFault(ValueError):
    """A mapping file cannot be compiled. The text names the file, the place and what is expected."""


KeyReader = Callable[[Any, Mapped], list[tuple[str, str, str]]]


class CompiledMapping:
    """A compiled mapping; call ``apply`` for each record."""

    def __init__(self, source: Mapping[str, Any], *, zone: str | None, context: Mapping[str, str], place: str) -> None:
        self._zone, self._context, self._place = zone, context, place
        self._known = Known()
        self._conditions: dict[tuple[int, str], Callable[[Any], bool]] = {}
        self._check_keys(source, {"stream", "emits", "known", "open", "id_prefix", "file"}, "")
        self.stream = str(source.get("stream", ""))
        self._prefix = str(source.get("id_prefix", ""))
        self._emits = [self._emit(emit, f"emits.{i}") for i, emit in enumerate(self._list(source, "emits"))]
        if not self._emits:
            raise self._fault("emits", "is missing: say what this record becomes")
        for i, path in enumerate(self._list(source, "known")):
            self._path(path, where=f"known.{i}")
        self._open = self._open_test(source.get("open"))

    def apply(self, record: Mapping[str, Any]) -> Mapped:
        """The canonical records of a raw one. Raises MappingError naming field and path."""
        mapped = Mapped()
        for emit in self._emits:
            emit(record, mapped)
        self._known.unknown(record, mapped.unknown_fields)
        mapped.is_open = self._open(record)
        return mapped

    # -- compilation

    def _fault(self, where: str, why: str) -> MappingFault:
        return MappingFault(f"{self._place}: {where or '(top)'}: {why}")

    def _list(self, node: Mapping[str, Any], key: str, where: str = "") -> list[Any]:
        found = node.get(key) or []
        if not isinstance(found, list):
            raise self._fault(f"{where}{key}", "is a list")
        return found

    def _check_keys(self, node: Any, allowed: set[str], where: str, *needed: str) -> None:
        if not isinstance(node, dict):
            raise self._fault(where, "is not a mapping")
        for key in node:
            if key not in allowed:
                raise self._fault(where, f"{key!r} is not known here; allowed: {', '.join(sorted(allowed))}")
        for key in needed:
            if key not in node:
                raise self._fault(where, f"{key} is missing")

    def _path(self, path: Any, base: str = "", where: str = "") -> Getter:
        if not isinstance(path, str):
            raise self._fault(where or base, f"a path is a text, not {path!r}")
        self._known.add(".".join(part for part in (base, path) if part))
        return path_getter(path)

    def _open_test(self, node: Any) -> Callable[[Any], bool]:
        if node is None:
            return lambda record: False
        self._check_keys(node, {"path", "in"}, "open", "path", "in")
        get, values = self._path(node["path"]), {str(value) for value in node["in"]}
        return lambda record: str(get(record)) in values

    def _emit(self, node: Any, where: str) -> Callable[[Any, Mapped], None]:
        self._check_keys(node, {"kind", "id", "when", "fields", "required", "keys", "lines"}, where)
        kind = node.get("kind")
        if kind not in FIELDS:
            raise self._fault(f"{where}.kind", f"is one of {', '.join(FIELDS)}, not {kind!r}")
        if "id" not in node:
            raise self._fault(f"{where}.id", "is missing: the path of the record's own id")
        id_of = self._value("id", node["id"], "text", f"{where}.id", "")
        when = self._condition(node["when"], f"{where}.when") if "when" in node else None
        fields = self._fields(FIELDS[kind], node.get("fields"), f"{where}.fields", "")
        required = self._list(node, "required", f"{where}.")
        for name in required:
            if name not in fields.names:
                raise self._fault(f"{where}.required", f"{name!r} is not among the fields")
        keys = [self._key(key, f"{where}.keys.{i}") for i, key in enumerate(self._list(node, "keys", f"{where}."))]
        lines = self._lines(kind, node.get("lines"), f"{where}.lines")
        build = _builder(kind, self._prefix, id_of, fields, required)

        def emit(record: Any, mapped: Mapped) -> None:
            if when is not None and not when(record):
                return
            result = build(record, mapped)
            if keys:
                result["keys"] = [key for read in keys for key in read(record, mapped)]
            if lines is not None:
                get, line_fields = lines
                result["lines"] = [line_fields.read(item, mapped) for item in _many(get(record))]
            mapped.records.append(result)

        return emit

    def _lines(self, kind: str, node: Any, where: str) -> tuple[Getter, Fields] | None:
        if node is None:
            return None
        if kind not in LINE_FIELDS:
            raise self._fault(where, f"a {kind} has no lines")
        self._check_keys(node, {"each", "fields"}, where, "each")
        get = self._path(node["each"])
        return get, self._fields(LINE_FIELDS[kind], node.get("fields"), f"{where}.fields", node["each"])

    def _fields(self, known: Mapping[str, str], node: Any, where: str, base: str) -> Fields:
        if not isinstance(node, dict):
            raise self._fault(where, "is missing")
        for name in node:
            if name not in known:
                raise self._fault(where, f"{name!r} is no canonical field; there are: {', '.join(known)}")
        fields = Fields()
        for name, spec in node.items():
            reader = self._field(name, spec, known[name], f"{where}.{name}", base)
            fields.add(name, reader, self._plain(spec, known[name]))
        return fields

    def _plain(self, spec: Any, kind: str) -> tuple[str, transforms.Transform] | None:
        """Step and transform of a field that is one step and one transform and nothing else."""
        spec = {"path": spec} if isinstance(spec, str) else spec
        options = {key: part for key, part in spec.items() if key not in ("path", "as")}
        chosen, path = spec.get("as") or _DEFAULTS.get(kind), spec.get("path")
        if not path or "." in path or chosen is None or options.keys() & _SPEC_KEYS or "when" in options:
            return None
        return path, transforms.named(chosen, options, self._zone)

    def _field(self, name: str, spec: Any, kind: str, where: str, base: str) -> Reader:
        if not isinstance(spec, dict) or "when" not in spec:
            return self._value(name, spec, kind, where, base)
        holds = self._shared_condition(spec["when"], f"{where}.when", base)
        value = self._value(name, {key: part for key, part in spec.items() if key != "when"}, kind, where, base)
        return lambda record, mapped: value(record, mapped) if holds(record) else None

    def _shared_condition(self, node: Any, where: str, base: str) -> Callable[[Any], bool]:
        """A condition that several fields may name (a YAML anchor) is looked at once a record."""
        found = self._conditions.get((id(node), base))
        if found is None:
            found = self._conditions[id(node), base] = remembered(self._condition(node, where, base))
        return found

    def _condition(self, node: Any, where: str, base: str = "") -> Callable[[Any], bool]:
        if isinstance(node, list):
            return all_of([self._condition(part, f"{where}.{i}", base) for i, part in enumerate(node)])
        if isinstance(node, str):
            return is_filled(self._path(node, base))
        self._check_keys(node, {"path", "in", "not_in"}, where)
        listed = node.get("in", node.get("not_in"))
        if len(node) != 2 or "path" not in node or not isinstance(listed, list):
            raise self._fault(where, "is a path, or a mapping with path and a list under in or not_in")
        get, words, wanted = self._path(node["path"], base), {str(word) for word in listed}, "in" in node
        return lambda record: (str(get(record)) in words) == wanted

    def _key(self, node: Any, where: str) -> KeyReader:
        if isinstance(node, dict) and set(node) == {"each"}:
            given = self._path(node["each"])
            for part in ("kind", "scope", "value"):
                self._known.add(f"{node['each']}.{part}")
            return lambda record, mapped: [_given_key(item) for item in _many(given(record))]
        self._check_keys(node, {"kind", "scope", "value"}, where, "value")
        kind = node.get("kind")
        if kind not in KEY_KINDS:
            raise self._fault(f"{where}.kind", f"is one of {', '.join(KEY_KINDS)}")
        scope = self._scope(node, where)
        value = self._value("value", node["value"], "texts", where, "")
        return lambda record, mapped: [(kind, scope, str(v)) for v in _many(value(record, mapped))]

    def _scope(self, node: Mapping[str, Any], where: str) -> str:
        try:
            return str(node.get("scope", "")).format(**self._context)
        except KeyError as missing:
            raise self._fault(f"{where}.scope", f"names {missing}, which is no setting of the account") from None
        except (ValueError, IndexError):
            raise self._fault(f"{where}.scope", "has a brace that does not name a setting: {account}, {app_key} …") from None

    def _identity(self, node: Any, where: str, base: str) -> Reader:
        """A customer or a group by a key: (kind, scope, value), or nothing where there is no value."""
        self._check_keys(node, {"kind", "scope", "value"}, where, "kind", "value")
        kind = node["kind"]
        if kind not in IDENTITY_KINDS:
            raise self._fault(f"{where}.kind", f"is one of {', '.join(IDENTITY_KINDS)}")
        scope, value = self._scope(node, where), self._value("value", node["value"], "text", where, base)
        return lambda record, mapped: (kind, scope, found) if (found := value(record, mapped)) else None

    def _value(self, name: str, spec: Any, kind: str, where: str, base: str) -> Reader:
        if isinstance(spec, str):
            spec = {"path": spec}
        if not isinstance(spec, dict):
            raise self._fault(where, "is a path, or a mapping with path, first, join, sum, each or const")
        options = {k: v for k, v in spec.items() if k not in _SPEC_KEYS}
        if "const" in spec:
            constant = spec["const"]
            return lambda record, mapped: constant
        if kind in ("tags", "identity"):
            return self._tags(spec, where, base) if kind == "tags" else self._identity(spec, where, base)
        get = self._getter(spec, where, base)
        if kind.startswith("enum:"):
            return self._enum(name, get, spec, kind, where)
        chosen = spec.get("as") or _DEFAULTS.get(kind)
        if chosen is None:
            raise self._fault(where, f"a {kind} field says how it is read (as: money, unit: yuan)")
        try:
            change = transforms.named(chosen, options, self._zone)
        except (ValueError, TypeError) as error:
            raise self._fault(where, str(error)) from None
        if "sum" in spec and chosen == "money" and options.get("unit", "yuan") == "yuan":
            get, change = money_sum(self._terms(spec["sum"], where, base), change), _same
        shown = str(spec.get("path") or spec.get("first") or spec.get("join") or spec.get("sum"))

        def value(record: Any, mapped: Mapped) -> Any:
            try:
                raw = get(record)
                return None if raw is None or raw == "" else change(raw)
            except ValueError as error:
                raise MappingError("mapping.value", field=name, path=shown, reason=str(error)) from None

        return value

    def _getter(self, spec: Mapping[str, Any], where: str, base: str) -> Getter:
        if "first" in spec:
            getters = [self._path(path, base) for path in spec["first"]]
            if (quick := first_getter(spec["first"])) is not None:
                return quick
            return lambda record: next((v for get in getters if not transforms.is_empty(v := get(record))), None)
        if "join" in spec:
            parts, glue = [self._path(path, base) for path in spec["join"]], str(spec.get("with", ""))
            if (quick := join_getter(spec["join"], glue)) is not None:
                return quick
            return lambda record: glue.join(str(v) for get in parts if not transforms.is_empty(v := get(record)))
        if "sum" in spec:
            return exact_sum(self._terms(spec["sum"], where, base))
        if "each" in spec:
            items, take = self._path(spec["each"], base), path_getter(spec.get("path", ""))
            self._known.add(".".join(part for part in (base, spec["each"], spec.get("path", "")) if part))
            return lambda record: [v for item in _many(items(record)) if not transforms.is_empty(v := take(item))]
        if "path" not in spec:
            raise self._fault(where, "needs one of path, first, join, sum, each, const")
        return self._path(spec["path"], base)

    def _terms(self, paths: Any, where: str, base: str) -> list[Term]:
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise self._fault(where, "sum is a list of paths; a '-' before one subtracts it")
        return [(self._path(path.removeprefix("-"), base), -1 if path.startswith("-") else 1) for path in paths]

    def _enum(self, name: str, get: Getter, spec: Mapping[str, Any], kind: str, where: str) -> Reader:
        self._check_keys(spec, {"path", "first", "join", "with", "map"}, where)
        allowed = ENUMS[kind.removeprefix("enum:")]
        table = {str(raw): str(word) for raw, word in (spec.get("map") or {}).items()}
        for word in table.values():
            if word not in allowed:
                raise self._fault(where, f"{word!r} is none of {', '.join(allowed)}")

        def value(record: Any, mapped: Mapped) -> str:
            raw = get(record)
            found = table.get(str(raw))
            if found is None:
                mapped.unknown_values.add(f"{name}={str(raw)[:40]}")
                return "unknown"
            return found

        return value

    def _tags(self, spec: Mapping[str, Any], where: str, base: str) -> Reader:
        self._check_keys(spec, {"each", "key", "name", "group", "by", "split"}, where, "each")
        items = self._path(spec["each"], base)
        each = ".".join(part for part in (base, spec["each"]) if part)
        parts = {}
        for part in ("key", "name", "group"):
            if part in spec:
                self._known.add(".".join(p for p in (each, spec[part]) if p))
                parts[part] = path_getter(spec[part])
        by, sep = self._path(spec["by"], base) if "by" in spec else None, spec.get("split")

        def value(record: Any, mapped: Mapped) -> list[dict[str, str]]:
            found = items(record) or []
            found = str(found).split(sep) if sep and isinstance(found, str) else found
            tags = []
            for item in found if isinstance(found, list) else [found]:
                tag = {part: str(v).strip() for part, get in parts.items() if not transforms.is_empty(v := get(item))}
                if by is not None:
                    tag["by"] = str(by(record) or "")
                if tag.get("key") or tag.get("name"):
                    tags.append({"key": tag.get("name", ""), **tag})
            return tags

        return value


def _builder(kind: str, prefix: str, id_of: Reader, fields: Fields, required: Sequence[str]) -> Reader:
    """Kind, id and fields of a record; raises MappingError where id or a required field is missing."""

    def build(record: Any, mapped: Mapped) -> Canonical:
        own = id_of(record, mapped)
        if own is None:
            raise MappingError("mapping.required", field=f"{kind}.id")
        found = fields.read(record, mapped)
        for name in required:
            if name not in found:
                raise MappingError("mapping.required", field=f"{kind}.{name}")
        return {"kind": kind, "id": prefix + own, "fields": found}

    return build


def _given_key(item: Any) -> tuple[str, str, str]:
    """An identity key that the record itself names: {kind, scope, value}."""
    if not isinstance(item, dict) or item.get("kind") not in KEY_KINDS or not item.get("value"):
        reason = f"an identifier has kind (one of {', '.join(KEY_KINDS)}), scope and value"
        raise MappingError("mapping.value", field="keys", path="identifiers", reason=reason)
    return item["kind"], str(item.get("scope", "")), str(item["value"])


def _same(value: Any) -> Any:
    return value


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if transforms.is_empty(value) else [value]


def load_mapping(path: Path, *, zone: str | None, context: Mapping[str, str]) -> CompiledMapping:
    """Compile a mapping file. zone: the stream's declared zone. Raises MappingFault."""
    try:
        source = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MappingFault(f"{path}: there is no mapping for this stream") from None
    except yaml.YAMLError as error:
        raise MappingFault(f"{path}: not readable as YAML: {error}") from None
    return CompiledMapping(source or {}, zone=zone, context=context, place=str(path))
