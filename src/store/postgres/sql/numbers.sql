-- So many running numbers, each used once.
SELECT nextval('nummer') FROM generate_series(1, $1::bigint)
