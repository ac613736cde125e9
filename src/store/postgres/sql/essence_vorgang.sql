SELECT 'vorgang ' || state || ' ' || owner, count(*) FROM vorgang GROUP BY state, owner
