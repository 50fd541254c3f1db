"""钉钉 DingTalk: staff, external contacts with labels, customers and contacts of 客户管理, and contract approvals as deals."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from connectors import errors
from connectors.base import Finding, Listener, Opened, Outcome, Page, PlatformEvent, RawRequest, Record, Source, Window
from connectors.dingtalk import callback, crm, crm_walk
from connectors.dingtalk import stream as line
from connectors.dingtalk.acting import Labelling, Notifying, SigningIn
from connectors.dingtalk.approvals import OLDEST, PAGE, Approvals
from connectors.dingtalk.check import TEXTS, Checks
from connectors.dingtalk.groups import Groups
from connectors.dingtalk.people import External, Staff, member

BATCH = 50
"""The most ids that are asked for at once; the platform's own limit is not documented."""
CUSTOMERS = {"company": "crm_customer", "person": "crm_customer_personal"}


class DingTalk(Labelling, Notifying, SigningIn, Source, Listener):
    """One organisation as one internal app sees it."""

    # -- reading

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """CRM: modified in the window. Deals: started in the window (the list knows no other time). The rest: all there is."""
        if stream == "staff":
            return Staff(self.old).pages(resume)
        if stream in ("external", "label"):
            source = External(self.old)
            return source.pages(resume) if stream == "external" else source.labels(resume)
        off = not self.config.codes if stream == "deal" else not self.config.with_crm
        if off:
            return iter([Page([], last=True)])
        if stream in ("crm_tag", "group"):
            return self._crm_tags(resume) if stream == "crm_tag" else Groups(self.new).pages(resume)
        assert window is not None
        return self._deals(window, resume) if stream == "deal" else self._records(stream, window, resume)

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as ``pages`` would give it; None when DingTalk says it is gone."""
        return next((record for _, record in self.fetch_many(stream, [key])), None)

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """Several records. The key of an approval that changes another stands for that one; that of a form, for its tags."""
        if stream in ("company", "person", "contact"):
            return self._by_ids(stream, keys) if self.config.with_crm else iter(())
        if stream in ("crm_tag", "group"):
            read = self._tags_by_key if stream == "crm_tag" else Groups(self.new).by_ids
            return read(keys) if self.config.with_crm else iter(())
        if stream == "label":
            return self._labels_by_key(keys)
        one = {"staff": self._member, "external": self._external, "deal": self._approvals.deal}[stream]
        return self._each(one, keys)

    @staticmethod
    def _each(read: Callable[[str], tuple[str, Record | None]], keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """One by one; what the app may not see is neither there nor gone."""
        for key in keys:
            try:
                yield read(key)
            except errors.Gone:
                yield key, None
            except errors.InvalidRecord:
                continue

    # -- people

    def _member(self, key: str) -> tuple[str, Record | None]:
        return key, member(self.old("topapi/v2/user/get", {"userid": key})["result"])

    def _external(self, key: str) -> tuple[str, Record | None]:
        return key, External(self.old).one(key)

    def _labels_by_key(self, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        found = {str(label["id"]): label for page in External(self.old).labels() for label in page.records}
        yield from ((key, found.get(key)) for key in keys)

    # -- CRM

    def _records(self, stream: str, window: Window, resume: str | None) -> Iterator[Page]:
        steps = crm_walk.walk(self._asker(stream), window, resume)
        for records, point in crm_walk.records(steps, self._tidy(stream)):
            yield Page(records, resume=point, last=point is None)

    def _tidy(self, stream: str) -> Callable[[Mapping[str, Any]], Record]:
        """How rows are landed. The form is read only if a value turns out to be an option's key and not its label."""

        @cache
        def labels() -> dict[tuple[str, str], str]:
            fields = self._form(crm.KINDS[stream]).get("fields") or []
            found = [(field["name"], option) for field in fields for option in field.get("selectOptions") or []]
            return {(name, str(option.get("key"))): str(option.get("value")) for name, option in found}

        return lambda row: crm.tidy(row, lambda field, key: labels().get((field, key), key))

    def _asker(self, stream: str) -> crm_walk.Ask:
        size = crm_walk.PAGE

        def customers(first: int, last: int, token: str) -> crm_walk.Answer:
            query = {"relationType": CUSTOMERS[stream], "maxResults": str(size), "nextToken": token}
            body = self.new("v1.0/crm/personalCustomers", None, **query, queryDsl=crm_walk.dsl(first, last))
            return _answer(body)

        def contacts(first: int, last: int, token: str) -> crm_walk.Answer:
            body = {"objectType": "crm_contact", "maxResults": size, "nextToken": token, "queryDsl": crm_walk.dsl(first, last)}
            return _answer(self.new("v1.0/crm/customObjects/contacts/datas/query", body)["result"])

        return contacts if stream == "contact" else customers

    def _by_ids(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """Fifty at once. What is missing from an answer is asked for alone before it counts as gone."""
        tidy = self._tidy(stream)
        for start in range(0, len(keys), BATCH):
            chunk = list(keys[start : start + BATCH])
            found = self._batch(stream, chunk)
            for key in chunk:
                row = found.get(key) or (self._batch(stream, [key]).get(key) if len(chunk) > 1 else None)
                yield key, tidy(row) if row else None

    def _batch(self, stream: str, keys: list[str]) -> dict[str, Mapping[str, Any]]:
        try:
            if stream == "contact":
                path, body = "topapi/crm/objectdata/contact/list", {"data_id_list": ",".join(keys)}
                rows = self.old(path, body, counted=True).get("result") or []
            else:
                path = "v1.0/crm/personalCustomers/batchQuery"
                rows = self.new(path, keys, relationType=CUSTOMERS[stream]).get("result") or []
        except errors.Gone:
            return {}
        return {str(row.get("instanceId") or row.get("instance_id")): row for row in rows}

    def _form(self, kind: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.new("v1.0/crm/personalCustomers/objectMeta", None, relationType=kind)
        return found

    def _crm_tags(self, resume: str | None) -> Iterator[Page]:
        kinds = list(CUSTOMERS.values())
        left = kinds[kinds.index(resume) + 1 :] if resume else kinds
        for kind in left:
            last = kind == kinds[-1]
            yield Page(list(crm.options(self._form(kind), kind)), resume=None if last else kind, last=last)

    def _tags_by_key(self, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """Tags by key; ``form:`` and a kind stands for all tags of its form."""
        forms = {key.removeprefix(callback.FORM).partition("/")[0] for key in keys}
        found: dict[str, Record] = {}
        for kind in sorted(forms & set(CUSTOMERS.values())):
            tags = crm.options(self._form(kind), kind)
            found |= {f"{kind}/{tag['field']}/{tag['option'].get('key')}": tag for tag in tags}
        for key in keys:
            if key.startswith(callback.FORM):
                yield from ((k, tag) for k, tag in found.items() if k.startswith(key.removeprefix(callback.FORM) + "/"))
            else:
                yield key, found.get(key)

    # -- approvals

    @property
    def _approvals(self) -> Approvals:
        return Approvals(self.config, self._approval_ids, self._approval)

    def _deals(self, window: Window, resume: str | None) -> Iterator[Page]:
        now = int(self.clock().timestamp() * 1000)
        first, last = max(int(window.start.timestamp() * 1000), now - OLDEST), int(window.end.timestamp() * 1000) - 1
        if last < first:
            yield Page([], last=True)
            return
        for records, point in self._approvals.pages(first, last, resume):
            yield Page(records, resume=point, last=point is None)

    def _approval_ids(self, code: str, first: int, last: int, token: int) -> Mapping[str, Any]:
        body = {"processCode": code, "startTime": first, "endTime": last, "nextToken": token, "maxResults": PAGE}
        found: Mapping[str, Any] = self.new("v1.0/workflow/processes/instanceIds/query", body)["result"]
        return found

    def _approval(self, key: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.new("v1.0/workflow/processInstances", None, processInstanceId=key)["result"]
        return found

    # -- events

    def open(self, request: RawRequest) -> Opened:
        """A pushed event; the answer to it is encrypted for the owner key that it came with. (docs: configure-http-push)"""
        plain, owner = self._cipher.open(request)
        return callback.opened(plain, self._cipher.success(owner))

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """Records that changed; nothing for check_url and for events of other subjects, which are answered all the same."""
        return callback.platform_events(opened.payload or {}, opened.dedup_key or "", self.config.codes)

    def listens(self) -> bool:
        """Whether Stream mode is chosen."""
        return bool(self.config.event_mode == "stream")

    def listen(self) -> Generator[Opened | None, Outcome, None]:
        """Events over a connection that we open. A ticket is good for one connection, so that each begins with a call."""
        answer = self.http.call(line.asking(self.config.client_id, self.config.client_secret))
        socket = line.opened(answer, plain=self.base_url.startswith("http://"))
        try:
            yield from line.hear(socket)
        finally:
            socket.close()

    @property
    def _cipher(self) -> callback.Cipher:
        config = self.config
        if not config.callback_token or not config.callback_aes_key:
            raise errors.BadPush("dingtalk.callback_unset")
        return callback.Cipher(config.callback_token, config.callback_aes_key, (config.client_id, config.corp_id), self.clock)

    # -- check

    def check(self) -> list[Finding]:
        """Token, directory, external contacts, CRM, each approval template, callback settings."""
        checks = Checks(self.manifest.messages, TEXTS)
        if checks.ask("token", lambda: self.http.tokens.current() or self.http.tokens.renew(None, self.fetch_token)) is None:
            return checks.findings
        checks.ask("staff", lambda: Staff(self.old).departments())
        checks.ask("external", lambda: next(External(self.old).labels()))
        moment = int(self.clock().timestamp() * 1000)
        if self.config.with_crm:
            checks.ask("crm", lambda: self._asker("person")(moment - 1000, moment, "0"))
        for code in self.config.codes:
            checks.ask("approvals", partial(self._approval_ids, code, moment - 1000, moment, 0))
        if self.listens():
            checks.ask("stream", lambda: self.http.call(line.asking(self.config.client_id, self.config.client_secret)))
        else:
            checks.callback("dingtalk.callback_unset", self.config.callback_token, self.config.callback_aes_key)
        return checks.findings


def _answer(body: Mapping[str, Any]) -> crm_walk.Answer:
    more = body.get("hasMore") and body.get("nextToken")
    return crm_walk.Answer(body.get("values") or [], str(body["nextToken"]) if more else "", body.get("totalCount"))
