//! Which models a run is about: dbt's selectors.
