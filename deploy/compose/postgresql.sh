#!/bin/sh
# At the first start of a zone's PostgreSQL: a role and a database of its own for each process that listens. One password: it is this server's.
set -eu
for process in log coordinator gateway; do
  psql --quiet --set=ON_ERROR_STOP=1 --username postgres --set=name="xinqiao_$process" --set=password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8';
SQL
done
