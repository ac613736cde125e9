-- Rows to send whose content is sealed under a child's or Vorgang's key.
SELECT o.row, o.id, o.lane, o.destination, o.sealed, s.mandant_key FROM sealed s JOIN outbox o ON o.sealed = s.row
WHERE s.subject_key = ?1 AND o.state <> 'sent'
