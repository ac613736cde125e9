-- Across Mandanten: only for the steps' lookup.
SELECT m.id, s.mandant, s.partner, m.sealed, m.changed FROM mirror m JOIN stamp s ON s.row = m.stamp WHERE m.row = ?1
