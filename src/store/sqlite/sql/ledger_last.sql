SELECT coalesce(max(nr), 0) FROM ledger
