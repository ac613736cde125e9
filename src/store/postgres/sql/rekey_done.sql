-- Notes that their keys are made; not where the record has changed meanwhile.
UPDATE mirror m SET schluessel_stand = n.stand
FROM unnest($1::bigint[], $2::uuid[]) AS n(nr, stand) WHERE m.nr = n.nr AND m.cause = n.stand
RETURNING m.nr
