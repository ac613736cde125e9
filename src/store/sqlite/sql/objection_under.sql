-- One is enough.
SELECT o.amt, o.delivery, o.why, o.message, o.made, o.since, o.closed, o.closed_by, o.released, o.released_by, o.released_for
FROM objection_key k JOIN objection o ON o.row = k.objection WHERE k.key = ?1 LIMIT 1
