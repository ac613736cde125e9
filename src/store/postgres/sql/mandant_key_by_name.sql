-- The key of a Mandant.
SELECT nr, id, mandant, wrapped FROM mandant_key WHERE mandant = $1
