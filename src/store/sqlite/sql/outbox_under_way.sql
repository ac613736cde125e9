-- The index of open rows is read, however many have left.
SELECT destination, sum(state IN ('queued', 'retrying')), min(CASE WHEN state IN ('queued', 'retrying') THEN queued END),
  sum(state IN ('parked', 'unclear'))
FROM outbox WHERE state <> 'sent' GROUP BY destination ORDER BY destination
