-- Open ones of a delivery, or only what it blocks.
SELECT row FROM objection WHERE delivery = ?1 AND closed IS NULL AND (why = 'unreadable' OR NOT ?2)
