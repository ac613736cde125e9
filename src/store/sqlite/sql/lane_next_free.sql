SELECT min(next_try) FROM lane WHERE next_try IS NOT NULL AND lease_until IS NULL
