-- Whether a partner has records whose search keys are of the version before; the first half costs one look where nobody has.
SELECT EXISTS (SELECT 1 FROM mirror o WHERE (o.schluessel_von IS NOT o.cause OR coalesce(o.schluessel_version, 0) < 2))
  AND EXISTS (SELECT 1 FROM stamp s WHERE s.partner = ?1
    AND EXISTS (SELECT 1 FROM mirror m WHERE m.stamp = s.row AND (m.schluessel_von IS NOT m.cause OR coalesce(m.schluessel_version, 0) < 2)))
