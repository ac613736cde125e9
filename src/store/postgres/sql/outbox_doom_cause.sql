-- What still has to leave because of these messages. Held locked: who settles such a row comes before (then it is sent and not
-- in this list) or after (then it finds the mark).
INSERT INTO outbox_doomed (nr)
SELECT o.nr FROM (SELECT nr FROM outbox WHERE cause = ANY($1::uuid[]) AND state IS DISTINCT FROM 'sent' ORDER BY nr FOR UPDATE) AS o
ON CONFLICT DO NOTHING
