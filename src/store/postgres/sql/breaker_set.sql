-- The last word counts.
INSERT INTO breaker (destination, failures, open_until) VALUES ($1, $2, $3)
ON CONFLICT (destination) DO UPDATE SET failures = excluded.failures, open_until = excluded.open_until
