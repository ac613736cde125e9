-- Messages by id, and whether they wait to run again.
SELECT i.nr, i.id, i.state, i.conflict, i.codes, i.content, w.inbox IS NOT NULL
FROM inbox_id d JOIN inbox i ON i.nr = d.nr LEFT JOIN waiting w ON w.inbox = i.nr
WHERE d.id = ANY($1::uuid[])
