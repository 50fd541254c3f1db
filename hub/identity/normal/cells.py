"""What a cell says, without what people put around it: the label it was copied with, a word for nothing."""

from __future__ import annotations

import re

from hub.identity.normal.codes import NOTHING, nothing
from hub.identity.normal.tables import alternatives
from hub.identity.normal.text import width

_LABEL = re.compile(rf"\s*(?:{alternatives('labels')})\s*[:：]\s*", re.IGNORECASE)
_LONGEST = max(map(len, NOTHING))


def said(value: str) -> str:
    """The cell without its label; '' when it says that there is nothing (无, N/A, -, #REF!)."""
    if (":" in value or "：" in value) and (label := _LABEL.match(value)):
        value = value[label.end() :]
    return "" if len(value) <= _LONGEST + 4 and nothing(width(value)) else value
