//! The PostgreSQL wire: accept, session, simple and extended query, cancel, errors.
