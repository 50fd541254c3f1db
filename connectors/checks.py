"""The lines of a connection check, as several connectors make them: what was asked, whether it went, and what to do if not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connectors.base import Finding
from connectors.errors import ConnectorError, Gone, InvalidRecord
from connectors.manifest import Manifest
from connectors.messages import explain, filled, known

T = TypeVar("T")
LATER = ("稍后再检查;若一直如此,请带上代码联系管理员", "Check again later; if it stays so, tell an administrator the code")
Messages = Mapping[str, Any]


def words(error: ConnectorError, manifest: Manifest) -> tuple[tuple[str, str], tuple[str, str]]:
    """What happened, in Chinese and English, and what a person does: in the manifest's own words, else the shared ones."""
    (zh, fix_zh), (en, fix_en) = (explain(error, lang, manifest) for lang in ("zh", "en"))
    return (zh, en), (fix_zh, fix_en)


def next_step(error: ConnectorError, manifest: Manifest) -> tuple[str, str]:
    """What a person does about it, in Chinese and English."""
    return words(error, manifest)[1]


def fix_of(messages: Messages, error: ConnectorError, other: str = "") -> tuple[str, str]:
    """What happened and what to do, in both languages, from the manifest's messages. other: the key for errors without one."""
    text = messages.get(error.key)
    if text is None and error.key != error.default_key:
        text = known(error.key)
    text = text or messages.get(other)
    if text is None:
        return LATER
    zh, en, fix_zh, fix_en = (filled(each, error.params) for each in (text.zh, text.en, text.fix_zh, text.fix_en))
    return f"{zh.rstrip('。')}。{fix_zh}", f"{en.rstrip('.')}. {fix_en}"


def tried(messages: Messages, zh: str, en: str, test: Callable[[], Any], other: str = "") -> Finding:
    """The line of one test that raises what is wrong."""
    try:
        test()
    except ConnectorError as error:
        return Finding(zh, en, False, *fix_of(messages, error, other), code=error.code)
    return Finding(zh, en, True)


class Checks:
    """Collects lines. messages: the manifest's. texts: what each line is called, in both languages."""

    def __init__(self, messages: Messages, texts: Mapping[str, tuple[str, str]]) -> None:
        self.findings: list[Finding] = []
        self.messages, self.texts = messages, texts

    def ask(self, what: str, call: Callable[[], T]) -> T | None:
        """Make the call and note how it went; its answer, or None."""
        try:
            answer = call()
        except (Gone, InvalidRecord):
            # The platform let us in and spoke about one record: what the line is about is in order.
            self.note(what)
            return None
        except ConnectorError as error:
            self.failed(what, error)
            return None
        self.note(what)
        return answer

    def note(self, what: str) -> None:
        """This is in order."""
        self.findings.append(Finding(*self.texts[what], True))

    def failed(self, what: str, error: ConnectorError) -> None:
        """This is not, and what to do."""
        self.findings.append(Finding(*self.texts[what], False, *self.fix(error), code=error.code))

    def fix(self, error: ConnectorError) -> tuple[str, str]:
        """What a person does about it."""
        return fix_of(self.messages, error)

    def callback(self, unset: str, token: str, aes_key: str) -> None:
        """Whether pushes can be opened; whether they arrive is seen when they are saved in the console. unset: the message."""
        message, ok = self.messages[unset], bool(token) and len(aes_key) == 43
        self.findings.append(Finding(*self.texts["callback"], ok, *(() if ok else (message.fix_zh, message.fix_en))))
