-- Records by id with their search keys, which are also their guards; held until the end of the transaction.
SELECT m.id, m.nr, m.subject_key, (SELECT array_agg(k.key) FROM mirror_key k WHERE k.mirror = m.nr)
FROM mirror m WHERE m.id = ANY($1::uuid[]) ORDER BY m.nr FOR UPDATE OF m
