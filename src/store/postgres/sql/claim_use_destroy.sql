-- The child's or Vorgang's key dies.
DELETE FROM claim_use WHERE sealed IN (SELECT nr FROM sealed WHERE subject_key = $1)
