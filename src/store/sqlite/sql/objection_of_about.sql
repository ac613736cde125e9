-- Open ones of an office under a key that were made before a moment; what blocks it whenever it was.
SELECT o.row FROM objection_about a JOIN objection o ON o.row = a.objection
WHERE a.key = ?1 AND o.amt = ?2 AND o.closed IS NULL AND (o.made < ?3 OR o.why = 'unreadable')
