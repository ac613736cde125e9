-- Whether a partner has records whose search keys are of the version before; the first half costs one look where nobody has.
SELECT EXISTS (SELECT 1 FROM mirror o WHERE o.schluessel_stand IS NOT o.cause)
  AND EXISTS (SELECT 1 FROM stamp s WHERE s.partner = ?1
    AND EXISTS (SELECT 1 FROM mirror m WHERE m.stamp = s.row AND m.schluessel_stand IS NOT m.cause))
