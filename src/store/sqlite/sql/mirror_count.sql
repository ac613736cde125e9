-- Every combination of attributes of the partner, then its records by index; less what came and plus what went after the moment.
SELECT COALESCE((SELECT SUM((SELECT COUNT(*) FROM mirror m WHERE m.stamp = s.row)) FROM stamp s WHERE s.partner = ?1), 0)
  - COALESCE((SELECT SUM(l.delta) FROM lieferung l WHERE l.partner = ?1 AND l.moment > ?2), 0)
