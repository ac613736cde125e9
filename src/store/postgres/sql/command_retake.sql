-- Taken by processes that died before they could answer.
UPDATE command SET state = 'waiting', lauf = NULL WHERE state = 'taken' AND lauf = ANY($1::bigint[])
