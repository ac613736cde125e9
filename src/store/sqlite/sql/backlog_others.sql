DELETE FROM backlog WHERE connection = ?1 AND partner NOT IN (SELECT value FROM json_each(?2))
