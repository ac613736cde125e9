-- The originals may no longer be kept.
DELETE FROM claim_use WHERE sealed = ANY($1::bigint[])
