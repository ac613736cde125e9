-- A Vorgang shares its number with its content, which is found by the key.
DELETE FROM vorgang v USING sealed s WHERE s.subject_key = $1 AND v.nr = s.nr
