-- Retrievals for an auditor, newest first; of one message or record where it is named.
SELECT p.row, p.at, p.message, p.step, p.records, p.sealed, s.row, s.mandant, s.partner, s.acting_person, s.decided_by
FROM abrufprotokoll p LEFT JOIN stamp s ON s.row = p.stamp
WHERE p.row < ?1 AND p.at >= ?2 AND p.at < ?3 AND (?5 IS NULL OR p.message = ?5 OR instr(p.records, ?5) > 0)
ORDER BY p.row DESC LIMIT ?4
