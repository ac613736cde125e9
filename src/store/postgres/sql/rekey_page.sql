-- Records whose search keys are of the version before, office after office, with the keys that they have.
SELECT m.nr, m.id, m.cause, (SELECT array_agg(k.key) FROM mirror_key k WHERE k.mirror = m.nr)
FROM mirror m WHERE (m.schluessel_von IS DISTINCT FROM m.cause OR coalesce(m.schluessel_version, 0) < 2) ORDER BY m.stamp, m.nr LIMIT $1::bigint
