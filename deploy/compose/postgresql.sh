#!/bin/sh
# At the first start of a zone's PostgreSQL: for each process that listens a role with a password of its own, and a database that nobody else enters.
set -eu
for process in log coordinator gateway; do
  password=$(printenv "$(echo "$process" | tr '[:lower:]' '[:upper:]')_PASSWORD" || true)
  if [ -z "$password" ]; then
    echo "the password of xinqiao_$process is missing: see the head of docker-compose.yml" >&2
    exit 1
  fi
  psql --quiet --set=ON_ERROR_STOP=1 --username postgres --set=name="xinqiao_$process" --set=password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8';
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done
