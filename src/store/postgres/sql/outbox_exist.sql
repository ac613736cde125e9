-- Which of these rows exist. Held, so that none is settled unseen until what leaves after it stands: else nobody would arm its lane.
SELECT o.id FROM outbox o
WHERE o.nr = ANY (ARRAY (SELECT d.nr FROM outbox_id d WHERE d.id = ANY($1::uuid[]))) ORDER BY o.nr FOR SHARE OF o
