-- What leaves only after this row and has not left: it never will.
SELECT o.row, o.id, o.sealed, o.lane FROM outbox o WHERE o.after = ?1 AND o.state <> 'sent'
