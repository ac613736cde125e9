-- How much waits for a person for too long, and the oldest.
SELECT count(*), min(o.settled) FROM outbox o WHERE o.settled < ?1 AND o.state IN ('parked', 'unclear')
