-- Records whose search keys are of the version before, office after office.
SELECT m.row, m.id, m.cause, m.sealed FROM mirror m WHERE (m.schluessel_von IS NOT m.cause OR coalesce(m.schluessel_version, 0) < 2) ORDER BY m.stamp LIMIT ?1
