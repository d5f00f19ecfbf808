//! Times through a real client: binary both ways, infinity, settings that are told, and the clock of a transaction.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, Timestamp, ToSql, Type};

use crate::support::{Server, error, value};

/// An interval, as it travels.
#[derive(Debug, PartialEq, Clone, Copy)]
struct Interval {
    micros: i64,
    days: i32,
    months: i32,
}

impl<'a> FromSql<'a> for Interval {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self {
            micros: i64::from_be_bytes(raw[..8].try_into()?),
            days: i32::from_be_bytes(raw[8..12].try_into()?),
            months: i32::from_be_bytes(raw[12..].try_into()?),
        })
    }
    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }
}

async fn one<T: for<'a> FromSql<'a>>(client: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> T {
    client.query_one(sql, parameters).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_travel_in_binary() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    let at = UNIX_EPOCH + Duration::from_micros(1_709_212_455_123_456);
    let shown: SystemTime = one(&client, "select timestamptz '2024-02-29 14:14:15.123456+01'", &[]).await;
    assert_eq!(shown, at);
    let sent: bool = one(&client, "select $1::timestamptz = '2024-02-29 13:14:15.123456+00'", &[&at]).await;
    assert!(sent);
    let month = Interval { micros: 7_200_000_000, days: -3, months: 14 };
    let given: Interval = one(&client, "select interval '1 year 2 mons -3 days 2 hours'", &[]).await;
    assert_eq!(given, month);
    let difference: Interval = one(&client, "select timestamp '2024-03-01 12:00' - timestamp '2024-02-01'", &[]).await;
    assert_eq!(difference, Interval { micros: 43_200_000_000, days: 29, months: 0 });
    let endless: Timestamp<SystemTime> = one(&client, "select timestamptz 'infinity' + interval '1 day'", &[]).await;
    assert_eq!(endless, Timestamp::PosInfinity);
    let endless: bool =
        one(&client, "select $1::timestamptz = '-infinity'", &[&Timestamp::<SystemTime>::NegInfinity]).await;
    assert!(endless);
    let days: i32 = one(&client, "select date '2024-03-01' - date '2024-02-01'", &[]).await;
    assert_eq!(days, 29);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_decide_how_times_are_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    client.batch_execute("set datestyle to 'German'; set timezone to 'Europe/Berlin'").await.unwrap();
    assert_eq!(value(&client, "select timestamptz '2024-07-01 12:00+00'").await, "01.07.2024 14:00:00 CEST");
    assert_eq!(value(&client, "select date '2.1.2024'").await, "02.01.2024");
    assert_eq!(
        value(&client, "select timestamptz '2024-03-30 12:00' + interval '1 day'").await,
        "31.03.2024 12:00:00 CEST"
    );
    client.batch_execute("set intervalstyle to 'iso_8601'").await.unwrap();
    assert_eq!(value(&client, "select interval '1 day 2 hours'").await, "P1DT2H");
    let (sqlstate, message) = error(&client, "set datestyle to 'nonsense'").await;
    assert_eq!(
        (sqlstate.as_str(), message.as_str()),
        ("22023", "invalid value for parameter \"DateStyle\": \"nonsense\"")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_stands_still_within_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    client.batch_execute("begin").await.unwrap();
    let first = value(&client, "select now()").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(value(&client, "select current_timestamp").await, first);
    assert_eq!(value(&client, &format!("select clock_timestamp() > '{first}'")).await, "t");
    client.batch_execute("commit").await.unwrap();
    assert_ne!(value(&client, "select now()").await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_of_times_is_not_collected() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), &["--set", "memory.per_query=16MiB"]);
    let client = server.connect().await;
    let sql = "select count(*), max(t) from generate_series(timestamp '2000-01-01', '2010-01-01', '1 minute') t";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 5_260_321);
}
