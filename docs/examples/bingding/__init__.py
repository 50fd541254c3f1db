"""丙丁 CRM (Bingding CRM)."""
