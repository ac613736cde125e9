SELECT i.row, i.id, i.sealed FROM inbox_subject k JOIN inbox i ON i.row = k.inbox WHERE k.key = ?1
