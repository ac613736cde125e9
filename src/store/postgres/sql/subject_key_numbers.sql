-- Numbers for keys that are about to be made: the wrapping is bound to the number.
SELECT nextval('schluessel') FROM generate_series(1, $1::bigint)
