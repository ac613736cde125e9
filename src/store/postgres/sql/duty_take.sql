-- Takes a duty that nobody holds: it was given back, its lease is over, or it lies further ahead than any lease lasts because
-- the clock jumped back. What this worker of this process holds from before is taken anew: that term is over.
INSERT INTO duty AS d (name, worker, lauf, fence, since, lease_until) VALUES ($1, $2, $3, 1, $4, $5)
ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, lauf = excluded.lauf, fence = d.fence + 1, since = excluded.since,
  lease_until = excluded.lease_until
WHERE d.lease_until IS NULL OR d.lease_until <= $4 OR d.lease_until > $6 OR (d.lauf = excluded.lauf AND d.worker = excluded.worker)
RETURNING d.fence
