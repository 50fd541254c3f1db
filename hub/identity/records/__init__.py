"""Golden records: what of a customer's profiles counts, by which rule, and how it is found again."""
