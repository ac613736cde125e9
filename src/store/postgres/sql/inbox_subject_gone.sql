-- Of these children the deleted ones: a tombstone stands, and no record.
SELECT k.key FROM unnest($1::bytea[]) AS k(key)
WHERE EXISTS (SELECT 1 FROM tombstone t WHERE t.key = k.key)
  AND NOT EXISTS (SELECT 1 FROM mirror_key m WHERE m.key = k.key)
