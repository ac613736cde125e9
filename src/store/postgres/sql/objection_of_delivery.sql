-- Open ones of a delivery, or only what it blocks.
SELECT nr FROM objection WHERE delivery = $1 AND closed IS NULL AND (why = 'unreadable' OR NOT $2) ORDER BY nr FOR UPDATE
