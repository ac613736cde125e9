-- A message that a person may run again, locked against a second person.
SELECT i.nr, i.stamp, i.traceparent
FROM inbox_id d JOIN inbox i ON i.nr = d.nr JOIN sealed s ON s.nr = i.nr
WHERE d.id = $1
  AND i.state IN ('parked', 'quarantined')
  -- What was not kept or was deleted cannot run again.
  AND i.kept AND s.data_key IS NOT NULL
FOR UPDATE OF i
