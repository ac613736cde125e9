-- Who holds what.
SELECT name, worker, fence, since, lease_until FROM duty WHERE lease_until IS NOT NULL ORDER BY name
