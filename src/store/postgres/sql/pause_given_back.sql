-- Its time was given back; it stays as long as what persons ordered does.
UPDATE pause SET since = until WHERE kind = $1 AND name = $2
