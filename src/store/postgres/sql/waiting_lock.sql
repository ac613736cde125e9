-- Nobody else settles these messages meanwhile: of two that resume one message the second finds it settled.
SELECT w.inbox FROM waiting w WHERE w.inbox IN (SELECT d.nr FROM inbox_id d WHERE d.id = ANY($1::uuid[]))
ORDER BY w.inbox FOR UPDATE
