-- Which of these rows ($1) stand there since their message ($2) ran before.
SELECT o.id FROM unnest($1::uuid[], $2::uuid[]) AS n(id, cause) JOIN outbox_id d ON d.id = n.id JOIN outbox o ON o.nr = d.nr
WHERE o.cause = n.cause
