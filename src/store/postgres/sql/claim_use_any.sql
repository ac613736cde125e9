-- Which of these claims a row names, with one wrapped key each.
SELECT DISTINCT ON (u.name) u.name, u.data_key, s.mandant_key, s.subject_key FROM claim_use u JOIN sealed s ON s.nr = u.sealed
WHERE u.name = ANY($1::text[]) ORDER BY u.name
