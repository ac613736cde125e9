INSERT INTO lane (name, destination, next_try, lease_until, worker, fence, handed)
VALUES (?1, ?2, ?3, ?4, ?5, ?4 IS NOT NULL, iif(?4 IS NULL, NULL, 9223372036854775807))
