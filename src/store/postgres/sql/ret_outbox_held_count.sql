-- How many sends wait for a person for too long, and the oldest.
SELECT count(*), min(o.settled) FROM outbox o WHERE o.state IN ('parked', 'unclear') AND o.settled < $1
