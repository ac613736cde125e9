-- Doubt about an earlier attempt (unclear) stays where the outcome says nothing of it. What attempts left goes with the last of them.
UPDATE outbox SET state = ?2, attempts = attempts + ?3, unclear = coalesce(?4, unclear), settled = ?5,
  remembered = CASE ?2 WHEN 'sent' THEN NULL ELSE remembered END
WHERE row = ?1
