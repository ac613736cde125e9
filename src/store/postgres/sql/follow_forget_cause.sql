-- What was sent because of these messages.
DELETE FROM followed WHERE nr IN (SELECT nr FROM outbox WHERE cause = ANY($1::uuid[]))
