-- Held until the end of the transaction.
SELECT since, until FROM pause WHERE kind = $1 AND name = $2 FOR UPDATE
