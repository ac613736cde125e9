-- Never back: an entry is known for good.
UPDATE recovery SET ledger = max(ledger, ?1)
