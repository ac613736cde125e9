-- The claims of a row.
SELECT name, data_key FROM claim_use WHERE sealed = $1
