-- Records whose search keys are of the version before, office after office.
SELECT m.row, m.id, m.cause, m.sealed FROM mirror m WHERE m.schluessel_stand IS NOT m.cause ORDER BY m.stamp LIMIT ?1
