-- Never back.
UPDATE epoch SET n = greatest(n, $1)
