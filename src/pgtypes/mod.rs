//! Arrow ⇄ PostgreSQL types: encode rows, decode parameters. Pure.
