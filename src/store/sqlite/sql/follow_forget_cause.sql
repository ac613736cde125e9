-- What was sent because of this message.
DELETE FROM followed WHERE outbox IN (SELECT row FROM outbox WHERE cause = ?1)
