-- The strand's last link.
UPDATE strang SET glied = $2, chain = $3 WHERE nr = $1
