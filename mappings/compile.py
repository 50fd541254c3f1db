"""Compiles a mapping file into a function from a raw record to canonical records, written as Python for the purpose.

A mapping file (``mappings/<platform>/<stream>.yaml``)::

    stream: order
    emits:
      - kind: order                     # one of canonical.FIELDS: customer | order | deal | invoice_request | message …
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
        keep: [phones, emails]          # customers and staff: absent means not allowed to read; what is stored stays
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

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mappings import plain, transforms, values
from mappings.canonical import ENUMS, FIELDS, IDENTITY_KINDS, KEEPING, KEY_KINDS, LINE_FIELDS, Canonical
from mappings.mapped import Mapped
from mappings.paths import Known
from mappings.writer import Block, Names, Place, Scope, function

_SPEC_KEYS = ("path", "first", "join", "with", "sum", "each", "const", "as", "map")
_DEFAULTS = {name: name for name in ("text", "texts", "time", "date", "flag", "decimal", "integer")}
_FILLED = "({0} or {0} is not None and {0} != '' and {0} != [] and {0} != {{}})"
_GIVEN = "({0} or {0} is not None and {0} != '')"
_QUICK = "cents({0}) if type({0}) is str else None"
_ALWAYS = "True"
_CALLED = {
    "nothing": values.nothing, "many": values.many, "joined": values.joined, "unlisted": values.unlisted,
    "given_key": values.given_key, "absent": values.absent, "cents": transforms.cents,
}  # fmt: skip


class MappingFault(ValueError):
    """A mapping file cannot be compiled. The text names the file, the place and what is expected."""


class Value(NamedTuple):
    """A value as source. kept: whether it is worth a field, with ``{0}`` for the variable that holds it."""

    source: str
    kept: str = "{0} or {0} is not None and {0} != '' and {0} != []"


class CompiledMapping:
    """A compiled mapping; call ``apply`` for each record."""

    def __init__(self, source: Mapping[str, Any], *, zone: str | None, context: Mapping[str, str], place: str) -> None:
        self._zone, self._context, self._place = zone, context, place
        self._known, self._names = Known(), Names(_CALLED)
        self._check_keys(source, {"stream", "emits", "known", "open", "id_prefix", "file"}, "")
        self.stream = str(source.get("stream", ""))
        self._prefix = str(source.get("id_prefix", ""))
        self._read, self._source = self._function(source)
        for i, path in enumerate(self._list(source, "known")):
            self._know(path, f"known.{i}")

    def apply(self, record: Mapping[str, Any]) -> Mapped:
        """The canonical records of a raw one. Raises MappingError naming field and path."""
        records, unknown_values, is_open = self._read(record)
        unknown_fields: set[str] = set()
        self._known.unknown(record, unknown_fields)
        return Mapped(records, unknown_fields, unknown_values, is_open)

    def explain(self) -> str:
        """The Python that the mapping has become, for people."""
        return self._source

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

    def _know(self, path: Any, where: str) -> str:
        if not isinstance(path, str):
            raise self._fault(where, f"a path is a text, not {path!r}")
        self._known.add(path)
        return path

    def _path(self, path: Any, scope: Scope, where: str) -> str:
        """The variable with the value at the path, which is known from now on."""
        if not isinstance(path, str):
            raise self._fault(where, f"a path is a text, not {path!r}")
        self._known.add(_dotted(scope.base, path))
        return scope.path(path)

    def _function(self, source: Mapping[str, Any]) -> tuple[Callable[[Any], tuple[list[Canonical], set[str], bool]], str]:
        whole = Block()
        outer = whole.under("def read(record):")
        body = outer.under("try:")
        body.add("records, unknown_values = [], set()")
        scope = Scope(self._names, "record", body.aside())
        emits = self._list(source, "emits")
        if not emits:
            raise self._fault("emits", "is missing: say what this record becomes")
        for i, emit in enumerate(emits):
            self._emit(emit, f"emits.{i}", scope, body)
        body.add(f"return records, unknown_values, {self._open_test(source.get('open'), scope)}")
        outer.under("except ValueError as error:").add("raise refused(error) from None")
        return function("read", whole, self._names, self._place)

    def _open_test(self, node: Any, scope: Scope) -> str:
        if node is None:
            return "False"
        self._check_keys(node, {"path", "in"}, "open", "path", "in")
        words = self._names.bind("words", frozenset(map(str, node["in"])))
        return f"str({self._path(node['path'], scope, 'open')}) in {words}"

    def _emit(self, node: Any, where: str, scope: Scope, body: Block) -> None:
        self._check_keys(node, {"kind", "id", "when", "fields", "required", "keep", "keys", "lines"}, where)
        kind = node.get("kind")
        if kind not in FIELDS:
            raise self._fault(f"{where}.kind", f"is one of {', '.join(FIELDS)}, not {kind!r}")
        if "id" not in node:
            raise self._fault(f"{where}.id", "is missing: the path of the record's own id")
        body.add(f"# {where}: {kind}")
        if "when" in node:
            body = body.under(f"if {self._condition(node['when'], f'{where}.when', scope)}:")
        own, place = self._value("id", node["id"], "text", f"{where}.id", scope), _place("id", node["id"])
        body.add(f"own = {own.source}", place)
        scope.same = {own.source: "own"}
        body.under("if own is None:").add(f"raise absent({kind + '.id'!r})")
        self._fields(FIELDS[kind], node.get("fields"), f"{where}.fields", scope, body)
        self._required(kind, node, where, body)
        result = [f"'kind': {kind!r}", f"'id': {self._prefix!r} + own" if self._prefix else "'id': own", "'fields': fields"]
        if keep := self._keep(kind, node, where):
            result.append(f"'keep': {keep!r}")
        if keys := self._list(node, "keys", f"{where}."):
            body.add("keys = []")
            for i, key in enumerate(keys):
                self._key(key, f"{where}.keys.{i}", scope, body)
            result.append("'keys': keys")
        if "lines" in node and node["lines"] is not None:
            self._lines(kind, node["lines"], f"{where}.lines", scope, body)
            result.append("'lines': lines")
        body.add(f"records.append({{{', '.join(result)}}})")

    def _required(self, kind: str, node: Any, where: str, body: Block) -> None:
        for name in self._list(node, "required", f"{where}."):
            if name not in node["fields"]:
                raise self._fault(f"{where}.required", f"{name!r} is not among the fields")
            body.under(f"if {name!r} not in fields:").add(f"raise absent({f'{kind}.{name}'!r})")

    def _keep(self, kind: str, node: Any, where: str) -> tuple[str, ...]:
        names = self._list(node, "keep", f"{where}.")
        if names and kind not in KEEPING:
            raise self._fault(f"{where}.keep", f"is for {' and '.join(KEEPING)}, not for {kind}")
        for name in names:
            if name not in node["fields"]:
                raise self._fault(f"{where}.keep", f"{name!r} is not among the fields")
            if name in node.get("required", ()) or FIELDS[kind][name].partition(":")[0] in ("enum", "tags"):
                raise self._fault(f"{where}.keep", f"{name!r} is never absent")
        return tuple(names)

    def _lines(self, kind: str, node: Any, where: str, scope: Scope, body: Block) -> None:
        if kind not in LINE_FIELDS:
            raise self._fault(where, f"a {kind} has no lines")
        self._check_keys(node, {"each", "fields"}, where, "each")
        body.add("lines = []")
        each = body.under(f"for item in many({self._path(node['each'], scope, f'{where}.each')}):")
        each.add("line = {}")
        each.add("lines.append(line)")
        body = each.under("if isinstance(item, dict):")
        item = Scope(self._names, "item", body.aside(), node["each"])
        self._fields(LINE_FIELDS[kind], node.get("fields"), f"{where}.fields", item, body, into="line")

    def _fields(
        self, known: Mapping[str, str], node: Any, where: str, scope: Scope, body: Block, *, into: str = "fields"
    ) -> None:
        if not isinstance(node, dict):
            raise self._fault(where, "is missing")
        for name in node:
            if name not in known:
                raise self._fault(where, f"{name!r} is no canonical field; there are: {', '.join(known)}")
        if into == "fields":
            body.add("fields = {}")
        for name, spec in node.items():
            self._field(name, spec, known[name], f"{where}.{name}", scope, body, f"{into}[{name!r}]")

    def _field(self, name: str, spec: Any, kind: str, where: str, scope: Scope, body: Block, target: str) -> None:
        if isinstance(spec, dict) and "when" in spec:
            holds = self._condition(spec["when"], f"{where}.when", scope)
            body = body.under(f"if {scope.once('holds', holds)}:")
            spec = {key: part for key, part in spec.items() if key != "when"}
        value = self._value(name, spec, kind, where, scope)
        if value.kept == _ALWAYS:
            body.add(f"{target} = {value.source}", _place(name, spec))
            return
        body.add(f"x = {scope.same.get(value.source, value.source)}", _place(name, spec))
        body.under(f"if {value.kept.format('x')}:").add(f"{target} = x")

    def _condition(self, node: Any, where: str, scope: Scope) -> str:
        """A condition as an expression that never fails."""
        if isinstance(node, list):
            parts = [self._condition(part, f"{where}.{i}", scope) for i, part in enumerate(node)]
            return f"({' and '.join(parts)})" if parts else "True"
        if isinstance(node, str):
            return _FILLED.format(self._path(node, scope, where))
        self._check_keys(node, {"path", "in", "not_in"}, where)
        listed = node.get("in", node.get("not_in"))
        if len(node) != 2 or "path" not in node or not isinstance(listed, list):
            raise self._fault(where, "is a path, or a mapping with path and a list under in or not_in")
        words = self._names.bind("words", frozenset(map(str, listed)))
        return f"str({self._path(node['path'], scope, where)}) {'in' if 'in' in node else 'not in'} {words}"

    def _key(self, node: Any, where: str, scope: Scope, body: Block) -> None:
        if isinstance(node, dict) and set(node) == {"each"}:
            body.add(f"keys += map(given_key, many({self._path(node['each'], scope, where)}))")
            for part in ("kind", "scope", "value"):
                self._known.add(f"{node['each']}.{part}")
            return
        self._check_keys(node, {"kind", "scope", "value"}, where, "value")
        kind = node.get("kind")
        if kind not in KEY_KINDS:
            raise self._fault(f"{where}.kind", f"is one of {', '.join(KEY_KINDS)}")
        value = self._value("value", node["value"], "texts", where, scope)
        body.add(f"x = {value.source}", _place("value", node["value"]))
        each = body.under("for value in many(x):")
        each.add(f"keys.append(({kind!r}, {self._scope(node, where)!r}, str(value)))")

    def _scope(self, node: Mapping[str, Any], where: str) -> str:
        try:
            return str(node.get("scope", "")).format(**self._context)
        except KeyError as missing:
            raise self._fault(f"{where}.scope", f"names {missing}, which is no setting of the account") from None
        except (ValueError, IndexError):
            raise self._fault(f"{where}.scope", "has a brace that does not name a setting: {account}, {app_key} …") from None

    def _identity(self, node: Any, where: str, scope: Scope) -> Value:
        """A customer or a group by a key: (kind, scope, value), or nothing where there is no value."""
        self._check_keys(node, {"kind", "scope", "value"}, where, "kind", "value")
        kind = node["kind"]
        if kind not in IDENTITY_KINDS:
            raise self._fault(f"{where}.kind", f"is one of {', '.join(IDENTITY_KINDS)}")
        value = self._value("value", node["value"], "text", where, scope)
        return Value(f"({kind!r}, {self._scope(node, where)!r}, key) if (key := {value.source}) else None", "{0}")

    # -- one value

    def _value(self, name: str, spec: Any, kind: str, where: str, scope: Scope) -> Value:
        if isinstance(spec, str):
            spec = {"path": spec}
        if not isinstance(spec, dict):
            raise self._fault(where, "is a path, or a mapping with path, first, join, sum, each or const")
        if "const" in spec:
            return Value(self._names.bind("const", spec["const"]))
        if kind in ("tags", "identity"):
            return self._tags(spec, where, scope) if kind == "tags" else self._identity(spec, where, scope)
        if kind.startswith("enum:"):
            return self._enum(name, spec, kind, where, scope)
        chosen = spec.get("as") or _DEFAULTS.get(kind)
        if chosen is None:
            raise self._fault(where, f"a {kind} field says how it is read (as: money, unit: yuan)")
        options = {k: v for k, v in spec.items() if k not in _SPEC_KEYS}
        try:
            change = transforms.named(chosen, options, self._zone)
        except (ValueError, TypeError) as error:
            raise self._fault(where, str(error)) from None
        in_yuan = chosen == "money" and options.get("unit", "yuan") == "yuan"
        if "sum" in spec and not {"first", "join"} & spec.keys():
            return self._sum(spec["sum"], change, in_yuan, where, scope)
        raw = self._raw(spec, where, scope)
        changed = f"{self._names.bind(chosen, change)}({raw})"
        if in_yuan:
            quick = scope.once("fen", _QUICK.format(raw))
            return Value(f"{quick} if {quick} is not None else {changed} if {_GIVEN.format(raw)} else None", "{0} is not None")
        if (of_text := transforms.of_text(change)) is not None:
            changed = f"({self._names.bind(chosen, of_text)}({raw}) if type({raw}) is str else {changed})"
        return Value(f"{changed} if {_GIVEN.format(raw)} else None")

    def _raw(self, spec: Mapping[str, Any], where: str, scope: Scope) -> str:
        """The variable with what the record holds there."""
        if "first" in spec:
            parts = [self._path(path, scope, where) for path in spec["first"]]
            return scope.once("v", " else ".join([*(f"{part} if {_FILLED.format(part)}" for part in parts), "None"]))
        if "join" in spec:
            parts = [self._path(path, scope, where) for path in spec["join"]]
            return scope.once("v", f"joined({str(spec.get('with', ''))!r}, [{', '.join(parts)}])")
        if "each" in spec:
            path = spec.get("path", "")
            items = self._path(spec["each"], scope, where)
            self._known.add(_dotted(scope.base, spec["each"], path))
            return scope.once("v", f"{self._names.bind('pick', values.picker(path))}({items})")
        if "path" not in spec:
            raise self._fault(where, "needs one of path, first, join, sum, each, const")
        return self._path(spec["path"], scope, where)

    def _sum(self, paths: Any, change: transforms.Transform, in_yuan: bool, where: str, scope: Scope) -> Value:
        """Amounts written as platforms nearly always write them are added as they are; all others exactly."""
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise self._fault(where, "sum is a list of paths; a '-' before one subtracts it")
        signs = [-1 if path.startswith("-") else 1 for path in paths]
        parts = [self._path(path.removeprefix("-"), scope, where) for path in paths]
        terms = ", ".join(f"({part}, {sign})" for part, sign in zip(parts, signs, strict=True))
        exact = f"{self._names.bind('total', values.summing(change))}([{terms}])"
        if not in_yuan or not parts:
            return Value(exact)
        quick = [scope.once("fen", _QUICK.format(part)) for part in parts]
        total = " ".join(f"{'-' if sign < 0 else '+'} {part}" for part, sign in zip(quick, signs, strict=True))
        condition = " and ".join(f"{part} is not None" for part in quick)
        return Value(f"{total} if {condition} else {exact}", "{0} is not None")

    def _enum(self, name: str, spec: Mapping[str, Any], kind: str, where: str, scope: Scope) -> Value:
        raw = self._raw(spec, where, scope)
        self._check_keys(spec, {"path", "first", "join", "with", "map"}, where)
        allowed = ENUMS[kind.removeprefix("enum:")]
        table = {str(raw): str(word) for raw, word in (spec.get("map") or {}).items()}
        for word in table.values():
            if word not in allowed:
                raise self._fault(where, f"{word!r} is none of {', '.join(allowed)}")
        listed = f"{self._names.bind('words', table)}.get(str({raw}))"
        return Value(f"{listed} or unlisted({name!r}, {raw}, unknown_values)", _ALWAYS)

    def _tags(self, spec: Mapping[str, Any], where: str, scope: Scope) -> Value:
        self._check_keys(spec, {"each", "key", "name", "group", "by", "split"}, where, "each")
        items = self._path(spec["each"], scope, where)
        parts = {part: spec[part] for part in ("key", "name", "group") if part in spec}
        for path in parts.values():
            self._known.add(_dotted(scope.base, spec["each"], path))
        read = self._names.bind("tags", values.tagger(parts, spec.get("split")))
        by = f", str({self._path(spec['by'], scope, where)} or '')" if "by" in spec else ""
        return Value(f"{read}({items}{by})", _ALWAYS)


def _dotted(*paths: str) -> str:
    return ".".join(path for path in paths if path)


def _place(name: str, spec: Any) -> Place:
    """The field and the path that an error names."""
    spec = spec.get("value", spec) if isinstance(spec, dict) else spec
    if isinstance(spec, dict):
        spec = spec.get("path") or spec.get("first") or spec.get("join") or spec.get("sum")
    return Place(name, str(spec))


def load_mapping(path: Path, *, zone: str | None, context: Mapping[str, str]) -> CompiledMapping:
    """Compile a mapping file. zone: the stream's declared zone. Raises MappingFault."""
    try:
        source = plain.load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MappingFault(f"{path}: there is no mapping for this stream") from None
    except yaml.YAMLError as error:
        raise MappingFault(f"{path}: not readable as YAML: {error}") from None
    return CompiledMapping(source or {}, zone=zone, context=context, place=str(path))
