-- An account for people and therefore the machine's own time.
SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)
