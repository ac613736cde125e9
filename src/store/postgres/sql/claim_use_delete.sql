-- The original may no longer be kept.
DELETE FROM claim_use WHERE sealed = $1
