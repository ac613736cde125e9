UPDATE waiting SET lease_until = NULL WHERE lease_until IS NOT NULL
