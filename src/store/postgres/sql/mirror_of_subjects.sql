-- Records of these children with the message that put each last.
SELECT id, subject_key, cause FROM mirror WHERE subject_key = ANY($1::bigint[])
