-- They stay on their ways, with more time.
UPDATE outbox o SET deadline = n.deadline FROM unnest($1::bigint[], $2::bigint[]) AS n(nr, deadline) WHERE o.nr = n.nr
