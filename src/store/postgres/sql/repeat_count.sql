-- Repeats that were answered, in one order for all processes.
INSERT INTO repeats AS r (mandant, partner, n)
SELECT m, p, count(*) FROM unnest($1::text[], $2::text[]) AS u(m, p) GROUP BY m, p ORDER BY m, p
ON CONFLICT (mandant, partner) DO UPDATE SET n = r.n + excluded.n
