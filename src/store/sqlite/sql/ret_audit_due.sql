-- The end of what goes: only the beginning of the chain does, so that what is left hangs together.
SELECT max(row), count(*) FROM (SELECT row FROM audit
  WHERE row < coalesce((SELECT row FROM audit WHERE at >= ?1 ORDER BY row LIMIT 1), 9223372036854775807) ORDER BY row LIMIT ?2)
