-- Run once, by the superuser, when PostgreSQL makes its empty data folder.
-- The fleet's own login owns its database and nothing else: no superuser, whom `moodreel query` would refuse.
\getenv password POSTGRES_PASSWORD
CREATE ROLE moodreel LOGIN PASSWORD :'password';
CREATE DATABASE moodreel OWNER moodreel;
-- Without a password the superuser gets in over the container's own socket alone: docker compose exec postgres psql
ALTER ROLE postgres PASSWORD NULL;
