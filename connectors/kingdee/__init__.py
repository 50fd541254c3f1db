"""金蝶云星空 (K/3 Cloud): sales orders, receivables and daily settlements, each exactly once."""
