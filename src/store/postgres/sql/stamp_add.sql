-- A combination that is known already keeps its number.
INSERT INTO stamp (mandant, partner, how, stage, test, key_id, acting_person, doc_version, decided_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING
