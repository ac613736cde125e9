-- Keys made in advance, many at once.
INSERT INTO subject_key (nr, mandant_key, wrapped)
SELECT k.nr, $2::bigint, k.wrapped FROM unnest($1::bigint[], $3::bytea[]) AS k(nr, wrapped)
