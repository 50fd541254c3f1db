"""Words of company names: legal forms, trades, what tells that a text names an organisation."""

from __future__ import annotations

from hub.identity.normal.tables import alternatives, words

FORMS, PLACES = alternatives("legal_forms"), alternatives("places")
TRADES, LATIN_TRADES = frozenset(words("trades")), frozenset(words("latin_trades"))
LATIN_FORMS = (
    r"(?:co\.?,?\s*ltd\.?|co\.?\s+limited|company\s+limited|limited|ltd\.?|inc\.?|llc|"
    r"corp(?:oration)?\.?|company|co\.|group|gmbh|pte)"
)
BRANCH = r"(?:分公司|分行|支行|分店|分厂|办事处|分部|分院|分校|营业部|代表处)$"
