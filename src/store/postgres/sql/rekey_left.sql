-- Which of these partners have records whose search keys are of the version before; the first look suffices where nobody has. Its order
-- and its bound keep it to one entry of the index of such records, whatever the server counted last.
SELECT DISTINCT s.partner FROM stamp s
WHERE (SELECT true FROM mirror o WHERE o.stamp >= 0 AND (o.schluessel_von IS DISTINCT FROM o.cause OR coalesce(o.schluessel_version, 0) < 2) ORDER BY o.stamp, o.nr LIMIT 1)
  AND s.partner = ANY($1::text[])
  AND EXISTS (SELECT 1 FROM mirror m WHERE m.stamp = s.nr AND (m.schluessel_von IS DISTINCT FROM m.cause OR coalesce(m.schluessel_version, 0) < 2))
