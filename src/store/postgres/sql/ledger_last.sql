-- The last entry and the epoch of the key store.
SELECT (SELECT coalesce(max(nr), 0) FROM ledger), (SELECT n FROM epoch)
