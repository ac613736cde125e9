SELECT i.row, i.id, i.state, i.conflict, i.codes, i.content, i.sealed, w.inbox IS NOT NULL
FROM inbox i LEFT JOIN waiting w ON w.inbox = i.row
WHERE i.id = ?1
