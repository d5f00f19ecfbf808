//! `pg_catalog`, `information_schema` and the functions clients call on them, served from the catalog rows.
