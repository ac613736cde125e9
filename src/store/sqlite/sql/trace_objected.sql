-- Whether anything is objected under a key on which a decision rests.
SELECT 1 FROM vorgang_spur s JOIN objection_key k ON k.key = s.key WHERE s.vorgang = ?1 LIMIT 1
