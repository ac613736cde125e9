-- All that speak of a child, made up to a moment.
SELECT o.row FROM objection_about a JOIN objection o ON o.row = a.objection WHERE a.key = ?1 AND o.made <= ?2
