-- Rows of the records under a key, in their order.
SELECT mirror FROM mirror_key WHERE key = ?1 ORDER BY mirror
