-- Never back: an entry is known for good.
UPDATE recovery SET ledger = greatest(ledger, $1)
