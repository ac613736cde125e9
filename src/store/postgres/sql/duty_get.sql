-- Who holds a duty.
SELECT name, worker, fence, since, lease_until, lauf FROM duty WHERE name = $1 AND lease_until IS NOT NULL
