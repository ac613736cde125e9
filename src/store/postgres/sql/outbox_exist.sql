-- Which of these rows exist. Held, so that none is settled unseen until what leaves after it stands: else nobody would arm its lane.
SELECT o.id FROM outbox_id d JOIN outbox o ON o.nr = d.nr
WHERE d.id = ANY($1::uuid[]) ORDER BY o.nr FOR SHARE OF o
