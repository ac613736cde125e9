SELECT i.row, i.stamp, i.traceparent FROM inbox i JOIN sealed s ON s.row = i.sealed
WHERE i.id = ?1
  AND i.state IN ('parked', 'quarantined')
  -- What was not kept or was deleted cannot run again.
  AND i.kept = 1 AND s.data_key IS NOT NULL
