-- Which messages came with a transport id, newest first.
SELECT id FROM inbox WHERE transport = ?1 ORDER BY row DESC LIMIT 20
