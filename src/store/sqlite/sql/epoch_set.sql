-- Never back.
UPDATE epoch SET n = max(n, ?1)
