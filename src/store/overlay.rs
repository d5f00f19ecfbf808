//! A store in which one holder writes Delta logs that nobody else sees.

/// Log writes go to a private upper store, everything else to the base.
#[derive(Debug)]
pub struct OverlayStore {}
