-- What rests on a key and was decided and not delivered.
SELECT s.vorgang FROM vorgang_spur s JOIN vorgang v ON v.key = s.vorgang WHERE s.key = ?1 AND v.state = 'entschieden'
