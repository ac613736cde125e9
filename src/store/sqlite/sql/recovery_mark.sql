-- Marked twice it is still the same recovery, but the ledger has to be applied again. What is missing a person knows then.
UPDATE recovery SET since = ?1, copied = ?2, applied = 0, lost_from = NULL, lost_until = NULL, lost = NULL
