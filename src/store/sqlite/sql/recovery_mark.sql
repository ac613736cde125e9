-- Marked twice it is still the same recovery, but the ledger has to be applied again.
UPDATE recovery SET since = ?1, copied = ?2, applied = 0
