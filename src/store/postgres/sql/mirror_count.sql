-- Every combination of attributes of the partner, then its records by index.
SELECT coalesce(sum((SELECT count(*) FROM mirror m WHERE m.stamp = s.nr)), 0)::bigint FROM stamp s WHERE s.partner = $1
