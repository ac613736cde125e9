-- Notes that their keys are made; not where the record has changed meanwhile.
UPDATE mirror m SET schluessel_stand = n.stand, schluessel_von = n.stand, schluessel_version = 2
FROM unnest($1::bigint[], $2::uuid[]) AS n(nr, stand) WHERE m.nr = n.nr AND m.cause = n.stand
RETURNING m.nr
