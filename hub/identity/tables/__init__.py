"""Identity in the database: profiles and keys, ledger, decisions, the queue of questions."""
