-- Combinations by number.
SELECT nr, mandant, partner, how, stage, test, key_id, acting_person, doc_version, decided_by FROM stamp
WHERE nr = ANY($1::bigint[])
