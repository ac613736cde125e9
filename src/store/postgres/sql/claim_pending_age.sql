-- One more collection that a finished claim survives.
UPDATE claim_pending SET survived = survived + 1 WHERE lauf = $1
