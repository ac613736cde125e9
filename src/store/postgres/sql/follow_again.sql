UPDATE followed SET due = $2, looks = looks + 1, kept = coalesce($3::bytea, kept) WHERE nr = $1
