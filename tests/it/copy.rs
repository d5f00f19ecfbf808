//! COPY … FROM STDIN, over the socket: what lands, what is refused, and what the client may do meanwhile.

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::Client;

use crate::support::{Server, error, psql, rows, value};

async fn server() -> (Server, Client, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    client.batch_execute("create table t (a int not null, b text, c numeric(10,2))").await.unwrap();
    (server, client, folder)
}

/// Sends the pieces as the data of a COPY; the count of rows, or SQLSTATE, message and context.
async fn copy(client: &Client, sql: &str, pieces: &[&[u8]]) -> Result<u64, (String, String, String)> {
    let sent = async {
        let sink = client.copy_in::<_, Bytes>(sql).await?;
        let mut sink = std::pin::pin!(sink);
        for piece in pieces {
            sink.send(Bytes::copy_from_slice(piece)).await?;
        }
        sink.finish().await
    };
    sent.await.map_err(|error| {
        let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
        let context = error.where_().unwrap_or_default().to_owned();
        (error.code().code().to_owned(), error.message().to_owned(), context)
    })
}

fn told(sqlstate: &str, message: &str, context: &str) -> Result<u64, (String, String, String)> {
    Err((sqlstate.to_owned(), message.to_owned(), context.to_owned()))
}

#[tokio::test]
async fn rows_land_whole_or_not_at_all() {
    let (_server, client, _folder) = server().await;
    let csv = "copy t from stdin (format csv)";
    assert_eq!(copy(&client, csv, &[b"1,x,1.5\n2,,\n"]).await, Ok(2));
    assert_eq!(copy(&client, "copy t (c, a) from stdin", &[b"7\t3", b"\n\\N\t4\n"]).await, Ok(2));
    assert_eq!(copy(&client, csv, &[]).await, Ok(0));
    for (sql, data, expected) in [
        (
            csv,
            "9,x,1\nq,y,2\n",
            told("22P02", "invalid input syntax for type integer: \"q\"", "COPY t, line 2, column a: \"q\""),
        ),
        (csv, "9,x\n", told("22P04", "missing data for column \"c\"", "COPY t, line 1: \"9,x\"")),
        (
            csv,
            "9,x,1\n,y,1\n",
            told(
                "23502",
                "null value in column \"a\" of relation \"t\" violates not-null constraint",
                "COPY t, line 2: \",y,1\"",
            ),
        ),
    ] {
        assert_eq!(copy(&client, sql, &[data.as_bytes()]).await, expected, "{sql}");
        // the connection goes on
        assert_eq!(value(&client, "select count(*) from t").await, "4");
    }
    for (sql, sqlstate, message) in [
        ("copy t (a, nosuch) from stdin", "42703", "column \"nosuch\" of relation \"t\" does not exist"),
        ("copy nosuch from stdin", "42P01", "relation \"nosuch\" does not exist"),
        ("copy t from stdin (format csv, quote 'ab')", "0A000", "COPY quote must be a single one-byte character"),
        (
            "copy t from '/tmp/x'",
            "42501",
            "must be superuser or have privileges of the pg_read_server_files role to COPY from a file",
        ),
    ] {
        assert_eq!(error(&client, sql).await, (sqlstate.to_owned(), message.to_owned()), "{sql}");
    }
    let all = rows(&client, "select a, b, c from t order by a").await;
    assert_eq!(all.concat(), ["1", "x", "1.50", "2", "NULL", "NULL", "3", "NULL", "7.00", "4", "NULL", "NULL"]);
}

#[tokio::test]
async fn columns_that_are_left_out_have_their_defaults() {
    let (_server, client, _folder) = server().await;
    let table = "create table d (a int, at timestamptz default now(), day date default current_date check (day <= current_date),
        soon timestamp default localtimestamp + interval '1 day' check (soon > now()), id uuid default gen_random_uuid(),
        n serial, twice int generated always as (a * 2) stored, s text default 'x' || current_user)";
    client.batch_execute(table).await.unwrap();
    assert_eq!(copy(&client, "copy d (a) from stdin", &[b"1\n2\n"]).await, Ok(2));
    client.batch_execute("insert into d (a) values (3)").await.unwrap();
    let shown =
        "select a, at <= now() and at > now() - interval '1 hour', day = current_date, soon > now(), n, twice, s from d
        order by a";
    for (row, number) in rows(&client, shown).await.into_iter().zip(1..) {
        assert_eq!(row.join(" "), format!("{number} t t t {number} {} xlakewire", number * 2));
    }
    assert_eq!(value(&client, "select count(distinct id) || ' ' || count(distinct at) from d").await, "3 2");
    // rows over several lines, in several batches: the line is that where the refused row begins
    let many: String = (0..20_000).map(|number| format!("{number},\"a\nb\"\n")).collect();
    let late = format!("{many}5,x,2999-01-01\n{many}");
    let late = late.replace("\"\n", "\",\n");
    let refused = copy(&client, "copy d (a, s, day) from stdin (format csv)", &[late.as_bytes()]).await;
    let message = "new row for relation \"d\" violates check constraint \"d_day_check\"";
    assert_eq!(refused, told("23514", message, "COPY d, line 40001"));
}

#[tokio::test]
async fn a_transaction_holds_what_it_copied() {
    let (server, client, _folder) = server().await;
    let other = server.connect().await;
    client.batch_execute("begin").await.unwrap();
    assert_eq!(copy(&client, "copy t from stdin csv", &[b"1,x,1\n"]).await, Ok(1));
    assert_eq!(value(&client, "select count(*) from t").await, "1");
    assert_eq!(value(&other, "select count(*) from t").await, "0");
    client.batch_execute("savepoint s").await.unwrap();
    assert!(copy(&client, "copy t from stdin csv", &[b"2,x,1\nbad\n"]).await.is_err());
    client.batch_execute("rollback to s").await.unwrap();
    assert_eq!(copy(&client, "copy t from stdin csv", &[b"3,x,1\n"]).await, Ok(1));
    client.batch_execute("commit").await.unwrap();
    assert_eq!(rows(&other, "select a from t order by a").await.concat(), ["1", "3"]);
}

#[tokio::test]
async fn a_client_that_gives_up_leaves_nothing() {
    let (server, client, _folder) = server().await;
    {
        let sink = client.copy_in::<_, Bytes>("copy t from stdin csv").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        sink.send(Bytes::from_static(b"1,x,1\n")).await.unwrap();
        // dropped unfinished: the driver sends CopyFail
    }
    assert_eq!(value(&client, "select count(*) from t").await, "0");
    let leaving = server.connect().await;
    let sink = leaving.copy_in::<_, Bytes>("copy t from stdin csv").await.unwrap();
    let mut sink = Box::pin(sink);
    sink.send(Bytes::from_static(b"1,x,1\n")).await.unwrap();
    let cancel = leaving.cancel_token();
    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    let error = sink.as_mut().finish().await.unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("57014"));
    assert_eq!(value(&leaving, "select count(*) from t").await, "0");
}

#[tokio::test]
async fn what_goes_out_comes_back() {
    let (server, client, folder) = server().await;
    client
        .batch_execute(
            "create table wide (b boolean, i bigint, f double precision, t text, d date, ts timestamp, tz timestamptz, y bytea);
             insert into wide values (true, -5, 'NaN', E'a\\tb\\n\"c\\\\', '0044-03-15', '2020-01-01 10:00:00.123456',
             '2020-01-01 10:00:00+02', '\\x00ff'), (null, null, null, null, null, null, null, null)",
        )
        .await
        .unwrap();
    for format in ["text", "csv", "binary"] {
        let file = folder.path().join(format!("wide.{format}"));
        let file = file.display();
        let out = format!("\\copy wide to '{file}' (format {format})");
        if psql(&server.url, &["-c", &out]).is_none() {
            return;
        }
        client
            .batch_execute("drop table if exists again; create table again as select * from wide where false")
            .await
            .unwrap();
        let text = psql(&server.url, &["-c", &format!("\\copy again from '{file}' (format {format})")]).unwrap();
        assert_eq!(text.trim(), "COPY 2");
        let sql = |table: &str| format!("select * from {table} order by i nulls last");
        assert_eq!(rows(&client, &sql("again")).await, rows(&client, &sql("wide")).await, "{format}");
    }
    let latin = folder.path().join("latin");
    std::fs::write(&latin, b"1,caf\xe9,1\n").unwrap();
    psql(&server.url, &["-c", &format!("\\copy t from '{}' (format csv, encoding 'latin1')", latin.display())]);
    assert_eq!(value(&client, "select b from t").await, "café");
    psql(&server.url, &["-c", &format!("\\copy t to '{}' (format csv, encoding 'latin1')", latin.display())]);
    assert_eq!(std::fs::read(&latin).unwrap(), b"1,caf\xe9,1.00\n");
}
