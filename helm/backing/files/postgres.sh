#!/bin/sh
# Starts Postgres; makes the cluster on the first start, and the roles and databases that are missing on every start.
# Passwords are files below /run/passwords, one for each role, and reach Postgres over its socket alone.
set -eu
export PGDATA=/data/postgres PGHOST=/tmp
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA"
    initdb --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 >/tmp/initdb.log ||
        { cat /tmp/initdb.log; exit 1; }
    # The socket lies in this pod alone.
    printf 'local all all trust\nhost all all all scram-sha-256\n' >"$PGDATA/pg_hba.conf"
fi
pg_ctl start --silent --wait --options "-c listen_addresses='' -c unix_socket_directories=/tmp" >/dev/null
sql() { psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username=postgres "$@"; }
for file in /run/passwords/*; do
    role=$(basename "$file")
    # Set anew on each start, so that a changed Secret counts.
    sql --set role="$role" --set password="$(cat "$file")" --dbname=postgres <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password';
SQL
done
while read -r database owner readers; do
    [ -n "$database" ] || continue
    sql --set database="$database" --set owner="$owner" --dbname=postgres <<'SQL'
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
    for reader in $readers; do
        sql --set database="$database" --set owner="$owner" --set reader="$reader" --dbname="$database" <<'SQL'
GRANT CONNECT ON DATABASE :"database" TO :"reader";
GRANT USAGE ON SCHEMA public TO :"reader";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT ON TABLES TO :"reader";
SQL
    done
done </etc/slipway/databases
pg_ctl stop --silent --wait --mode fast >/dev/null
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp -c max_connections="$MAX_CONNECTIONS"
