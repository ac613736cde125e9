-- The months of which a table has a partition, oldest first.
SELECT substring(c.relname FROM '[0-9]+$')::integer FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = to_regclass('drehscheibe.' || $1::text) AND c.relname ~ '_[0-9]{6}$' ORDER BY 1
