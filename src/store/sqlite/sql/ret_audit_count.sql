SELECT count(*), min(at) FROM audit
WHERE row < coalesce((SELECT row FROM audit WHERE at >= ?1 ORDER BY row LIMIT 1), 9223372036854775807)
