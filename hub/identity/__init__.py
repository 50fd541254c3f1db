"""One customer: normalise, keys, resolve, golden record, ledger, explain, search. One path for all callers."""
