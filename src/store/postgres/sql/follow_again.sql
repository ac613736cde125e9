UPDATE followed SET due = $2, looks = looks + 1 WHERE nr = $1
