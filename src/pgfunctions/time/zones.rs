//! `AT TIME ZONE`, which is `timezone(zone, time)`, and casts between the kinds of timestamps.

use super::call::{Intervals, Row, Text, Timestamp, Timestamptz, Ty, map2, row};
use super::casts::{instant, local};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::{Interval, Zone};

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("timezone", &[Ty::Text, Ty::Timestamptz], Ty::Timestamp, |_, args| {
        map2::<Text, Timestamptz, Timestamp>(args, |name, at| Ok(local(at, zone(name)?)))
    }),
    row("timezone", &[Ty::Text, Ty::Timestamp], Ty::Timestamptz, |_, args| {
        map2::<Text, Timestamp, Timestamptz>(args, |name, at| Ok(instant(at, zone(name)?)))
    }),
    row("timezone", &[Ty::Interval, Ty::Timestamptz], Ty::Timestamp, |_, args| {
        map2::<Intervals, Timestamptz, Timestamp>(args, |by, at| Ok(local(at, fixed(by)?)))
    }),
    row("timezone", &[Ty::Interval, Ty::Timestamp], Ty::Timestamptz, |_, args| {
        map2::<Intervals, Timestamp, Timestamptz>(args, |by, at| Ok(instant(at, fixed(by)?)))
    }),
];

/// A zone by its abbreviation, name or offset.
pub(super) fn zone(name: &str) -> Result<Zone> {
    Zone::of_text(name)
        .ok_or_else(|| Error::new(ErrorKind::InvalidParameter, format!("time zone \"{name}\" not recognized")))
}

fn fixed(offset: Interval) -> Result<Zone> {
    if offset.months != 0 || offset.days != 0 {
        return Err(Error::new(
            ErrorKind::InvalidParameter,
            format!("interval time zone \"{}\" must not include months or days", offset),
        ));
    }
    i32::try_from(offset.micros / 1_000_000)
        .map(Zone::Fixed)
        .map_err(|_| crate::pgtypes::time::out_of_range("time zone"))
}
