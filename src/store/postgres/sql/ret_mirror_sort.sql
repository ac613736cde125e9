-- Notes the blind days; not where the record has changed meanwhile.
UPDATE mirror m SET ende = n.ende, ende_stand = n.stand
FROM unnest($1::bigint[], $2::bytea[], $3::uuid[]) AS n(nr, ende, stand) WHERE m.nr = n.nr AND m.cause = n.stand
