-- Across Mandanten: only for the steps' lookup.
SELECT m.id, s.mandant, s.partner, m.sealed
FROM mirror_key k JOIN mirror m ON m.row = k.mirror JOIN stamp s ON s.row = m.stamp
WHERE k.key = ?1 ORDER BY m.row
