-- Keys whose removal is committed.
SELECT subject_key FROM key_to_destroy
