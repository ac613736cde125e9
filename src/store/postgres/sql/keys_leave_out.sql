-- Draws so many numbers for nothing, so that none of them is given out twice; returns the last.
SELECT max(n) FROM (SELECT nextval('schluessel') AS n FROM generate_series(1, $1::bigint)) AS drawn
