-- What was read is compared as it is sealed: each sealing is another one, so an equal value says that nobody wrote since.
UPDATE note SET value = $3 WHERE key = $1 AND value = $2
