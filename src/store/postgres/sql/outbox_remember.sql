UPDATE outbox SET remembered = $2 WHERE nr = $1
