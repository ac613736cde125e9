-- When a lane can go at the earliest; a leased one not before its lease is over.
SELECT least(
  (SELECT min(next_try) FROM lane WHERE next_try IS NOT NULL AND lease_until IS NULL),
  (SELECT min(lease_until) FROM lane WHERE lease_until IS NOT NULL))
