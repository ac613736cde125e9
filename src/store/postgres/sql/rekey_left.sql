-- Which of these partners have records whose search keys are of the version before; the first look suffices where nobody has.
SELECT DISTINCT s.partner FROM stamp s
WHERE (SELECT EXISTS (SELECT 1 FROM mirror o WHERE o.schluessel_stand IS DISTINCT FROM o.cause))
  AND s.partner = ANY($1::text[])
  AND EXISTS (SELECT 1 FROM mirror m WHERE m.stamp = s.nr AND m.schluessel_stand IS DISTINCT FROM m.cause)
