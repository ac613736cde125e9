-- Every combination of attributes of the partner, then its records by index.
SELECT COALESCE(SUM((SELECT COUNT(*) FROM mirror m WHERE m.stamp = s.row)), 0) FROM stamp s WHERE s.partner = ?1
