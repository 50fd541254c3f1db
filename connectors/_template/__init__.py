"""甲乙丙 CRM (Demo CRM)."""
