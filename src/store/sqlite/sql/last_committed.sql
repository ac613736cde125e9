-- When the newest message that is there was committed.
SELECT max(committed) FROM inbox
