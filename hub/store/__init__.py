"""The store: engines, transactions, bulk upsert, column types, migrations."""
