UPDATE lane SET lease_until = ?3 WHERE row = ?1 AND fence = ?2 AND lease_until IS NOT NULL
