-- The moment of this transaction, for a program beside it.
SELECT pg_export_snapshot()
