-- What an answer that is added later needs of the message it belongs to.
SELECT i.stamp, i.traceparent, s.mandant_key, s.subject_key FROM inbox i JOIN sealed s ON s.row = i.sealed
WHERE i.id = ?1 AND s.data_key IS NOT NULL
