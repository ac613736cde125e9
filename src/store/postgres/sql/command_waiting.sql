-- Whether any command waits.
SELECT 1 FROM command WHERE state = 'waiting' LIMIT 1
