-- Which messages came with one of these transport ids, newest first.
SELECT id FROM inbox WHERE transport = ANY($1::bytea[]) ORDER BY nr DESC LIMIT 200
