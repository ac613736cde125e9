-- Records by id with their search keys, which are also their guards; held until the end of the transaction. By number: in the order of
-- the numbers a small table was read from end to end, and still when it had grown.
SELECT m.id, m.nr, m.subject_key, (SELECT array_agg(k.key) FROM mirror_key k WHERE k.mirror = m.nr),
  (SELECT s.partner FROM stamp s WHERE s.nr = m.stamp)
FROM mirror m WHERE m.nr = ANY (ARRAY (SELECT f.nr FROM mirror f WHERE f.id = ANY($1::uuid[]))) ORDER BY m.nr FOR UPDATE OF m
