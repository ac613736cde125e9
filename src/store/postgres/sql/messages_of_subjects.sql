-- Messages that speak of what these keys seal, and when each came.
SELECT i.id, i.received FROM sealed s JOIN inbox i ON i.nr = s.nr WHERE s.subject_key = ANY($1::bigint[])
