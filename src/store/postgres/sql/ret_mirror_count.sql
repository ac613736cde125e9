-- How many records have one of these blind days.
SELECT count(*) FROM mirror m WHERE m.ende = ANY($1::bytea[]) AND m.ende_stand = m.cause
