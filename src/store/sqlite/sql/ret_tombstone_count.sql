SELECT count(*), min(until) FROM tombstone WHERE until <= ?1
