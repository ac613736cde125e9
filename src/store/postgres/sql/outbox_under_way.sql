-- The index of open rows is read, however many have left.
SELECT destination, count(*) FILTER (WHERE state IN ('queued', 'retrying')),
  min(queued) FILTER (WHERE state IN ('queued', 'retrying')), count(*) FILTER (WHERE state IN ('parked', 'unclear'))
FROM outbox WHERE state <> 'sent' GROUP BY destination ORDER BY destination
