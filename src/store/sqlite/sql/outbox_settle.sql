-- Doubt about an earlier attempt (unclear) stays where the outcome says nothing of it.
UPDATE outbox SET state = ?2, attempts = attempts + ?3, unclear = coalesce(?4, unclear), settled = ?5 WHERE row = ?1
