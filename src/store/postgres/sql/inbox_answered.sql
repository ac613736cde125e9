-- What an answer that is added later needs of the message it belongs to; nothing where the content was destroyed.
SELECT i.stamp, i.traceparent, s.mandant_key, s.subject_key
FROM inbox_id d JOIN inbox i ON i.nr = d.nr JOIN sealed s ON s.nr = i.nr
WHERE d.id = $1 AND s.data_key IS NOT NULL
