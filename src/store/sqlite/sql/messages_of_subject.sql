-- Messages that speak of what a key seals, and those that put it last.
SELECT i.id FROM sealed s JOIN inbox i ON i.sealed = s.row WHERE s.subject_key = ?1
UNION SELECT cause FROM mirror WHERE subject_key = ?1
