-- Everything that is sealed under this child's or Vorgang's key.
DELETE FROM followed WHERE outbox IN (SELECT o.row FROM sealed s JOIN outbox o ON o.sealed = s.row WHERE s.subject_key = ?1)
