-- The number is part of what the wrapping is bound to, so the key is wrapped when the number is known.
UPDATE subject_key SET wrapped = ?2 WHERE row = ?1
