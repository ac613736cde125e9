-- The number of a combination, by its unique index.
SELECT nr FROM stamp WHERE mandant = $1 AND partner = $2 AND how = $3 AND stage = $4 AND test = $5
  AND key_id = $6 AND acting_person = $7 AND doc_version = $8 AND decided_by = $9
