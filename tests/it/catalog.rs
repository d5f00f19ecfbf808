//! Releases, overlays and publishing, on real Delta tables.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt;
use lakewire::catalog::{Catalog, ObjectKind, Overlay, Position, Sequence};
use lakewire::error::ErrorKind;
use lakewire::names::{ReleaseId, TableName};
use lakewire::store::{LakeStore, StoreOptions};
use lakewire::table::{TableSettings, Tables, WriteMode, WriteSpec};

async fn open(lake: &Path) -> Arc<Catalog> {
    let options = StoreOptions { fsync: false, ..StoreOptions::default() };
    let lake = LakeStore::open(lake.to_str().unwrap(), &options).unwrap();
    Catalog::open(lake.clone(), Tables::new(lake)).await.unwrap()
}

fn batch(values: &[i64]) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values.to_vec()))]).unwrap()
}

fn name(table: &str) -> TableName {
    table.parse().unwrap()
}

async fn write(overlay: &Arc<Overlay>, table: &str, mode: WriteMode, values: &[i64]) {
    let batch = batch(values);
    let schema = batch.schema();
    let stream = futures::stream::iter([Ok(batch)]).boxed();
    overlay.write_batches(&name(table), &WriteSpec::new(mode), None, schema, stream).await.unwrap();
}

/// Rows of a table as a scope of the catalog shows them: `None` where there is no such table.
async fn rows(scope: &lakewire::catalog::Scope, table: &str) -> Option<u64> {
    let object = scope.object(&name(table))?;
    scope.snapshot(&object).await.unwrap().rows()
}

/// Another engine's append: a commit straight into the table's log.
async fn foreign_append(lake: &Path, location: &str, values: &[i64]) {
    let options = StoreOptions { fsync: false, ..StoreOptions::default() };
    let store = LakeStore::open(lake.to_str().unwrap(), &options).unwrap();
    Tables::new(store).append_direct(location, &WriteSpec::new(WriteMode::Append), batch(values)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_shows_all_tables_at_once_and_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    assert_eq!(catalog.current().id(), ReleaseId(0));
    let before = catalog.scope();

    let overlay = catalog.begin();
    write(&overlay, "gold.a", WriteMode::Overwrite, &[1, 2, 3]).await;
    write(&overlay, "gold.b", WriteMode::Overwrite, &[4]).await;
    write(&overlay, "gold.a", WriteMode::Append, &[5]).await;
    overlay.put_view(&name("gold.v"), "select 1".into(), Vec::new(), None, None).unwrap();
    assert_eq!(rows(&overlay.scope(), "gold.a").await, Some(4), "own writes are seen inside");
    assert_eq!(rows(&catalog.scope(), "gold.a").await, None, "and nowhere else");

    let release = catalog.publish(&overlay, "test").await.unwrap().unwrap();
    assert_eq!(release.id(), ReleaseId(1));
    assert_eq!(rows(&before, "gold.a").await, None, "a scope does not change under its holder");
    for catalog in [&catalog, &open(folder.path()).await] {
        assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(4));
        assert_eq!(rows(&catalog.scope(), "gold.b").await, Some(1));
        let a = catalog.current().get(&name("gold.a")).unwrap().clone();
        assert_eq!(a.version(), Some(0), "two writes are one commit");
        assert!(matches!(&catalog.current().get(&name("gold.v")).unwrap().kind, ObjectKind::View { .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_overlay_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let overlay = catalog.begin();
    write(&overlay, "gold.a", WriteMode::Overwrite, &[1]).await;
    drop(overlay);
    assert_eq!(catalog.discover().await.unwrap(), 0);
    assert_eq!(rows(&catalog.scope(), "gold.a").await, None);
    assert!(!folder.path().join("gold/a/_delta_log").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_replaces_what_another_has_changed_gets_40001_and_succeeds_when_it_retries() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let first = catalog.begin();
    write(&first, "gold.a", WriteMode::Overwrite, &[1]).await;
    catalog.publish(&first, "make").await.unwrap();

    let (one, two) = (catalog.begin(), catalog.begin());
    write(&one, "gold.a", WriteMode::Append, &[2]).await;
    write(&two, "gold.a", WriteMode::Overwrite, &[3]).await;
    catalog.publish(&one, "one").await.unwrap();
    let error = catalog.publish(&two, "two").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SerializationFailure);
    assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(2));

    let again = catalog.begin();
    write(&again, "gold.a", WriteMode::Overwrite, &[3]).await;
    catalog.publish(&again, "again").await.unwrap();
    assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_publish_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (left, right) = (open(folder.path()).await, open(folder.path()).await);
    let publish = |catalog: Arc<Catalog>, side: &'static str| async move {
        for n in 0..10 {
            let overlay = catalog.begin();
            write(&overlay, &format!("gold.{side}{n}"), WriteMode::Overwrite, &[n]).await;
            catalog.publish(&overlay, side).await.unwrap().unwrap();
        }
    };
    tokio::join!(publish(left.clone(), "left"), publish(right.clone(), "right"));
    for catalog in [left, right, open(folder.path()).await] {
        let release = catalog.refresh().await.unwrap();
        assert_eq!(release.id(), ReleaseId(20));
        assert_eq!(release.objects.len(), 20);
        let mut oids: Vec<_> = release.objects.values().map(|object| object.oid).collect();
        oids.sort_unstable();
        oids.dedup();
        assert_eq!(oids.len(), 20, "OIDs are never given twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_commit_is_adopted_before_our_next_write_and_never_lost() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let overlay = catalog.begin();
    write(&overlay, "gold.a", WriteMode::Overwrite, &[1]).await;
    catalog.publish(&overlay, "make").await.unwrap();

    foreign_append(folder.path(), "gold/a", &[10, 11]).await;
    assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(1), "readers stay at the pin");

    // begun before the foreign commit was adopted: what replaces it conflicts, which is what adopts it
    let overlay = catalog.begin();
    write(&overlay, "gold.a", WriteMode::Overwrite, &[2]).await;
    let error = catalog.publish(&overlay, "replace").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SerializationFailure);
    assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(3), "the foreign rows are a release of their own now");

    // what only adds rows goes on top
    let overlay = catalog.begin();
    write(&overlay, "gold.a", WriteMode::Append, &[2]).await;
    foreign_append(folder.path(), "gold/a", &[12]).await;
    catalog.publish(&overlay, "append").await.unwrap();
    assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(5));
    let rows_known = match &catalog.current().get(&name("gold.a")).unwrap().kind {
        ObjectKind::Table { rows, .. } => *rows,
        _ => None,
    };
    assert_eq!(rows_known, Some(5), "the catalog's count of rows goes along");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_gives_its_name_to_another_at_once_stays_away() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let overlay = catalog.begin();
    write(&overlay, "gold.a", WriteMode::Overwrite, &[1]).await;
    catalog.publish(&overlay, "make").await.unwrap();
    for value in 2..4 {
        let overlay = catalog.begin();
        overlay.drop_object(&name("gold.a")).unwrap();
        write(&overlay, "gold.a", WriteMode::Overwrite, &[value, value]).await;
        catalog.publish(&overlay, "make anew").await.unwrap();
        assert_eq!(catalog.discover().await.unwrap(), 0, "its folder is known");
        assert_eq!(rows(&catalog.scope(), "gold.a").await, Some(2));
    }
    let overlay = catalog.begin();
    overlay.drop_object(&name("gold.a")).unwrap();
    catalog.publish(&overlay, "drop").await.unwrap();
    assert_eq!(catalog.discover().await.unwrap(), 0);
    assert!(catalog.current().objects.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_lake_give_no_value_of_a_sequence_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()).await, open(folder.path()).await);
    let id = uuid::Uuid::now_v7();
    let take = |catalog: Arc<Catalog>, turns: usize| {
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for turn in 0..turns {
                let count = turn % 40 + 1;
                let values = catalog.sequences().next(id, "s", &Sequence::default(), count).await.unwrap();
                assert_eq!(values.len(), count);
                taken.extend(values);
            }
            taken
        })
    };
    let tasks = [take(one.clone(), 60), take(other.clone(), 60), take(one.clone(), 60), take(other, 60)];
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    let (count, greatest) = (all.len(), *all.iter().max().unwrap());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "each value once");

    let reopened = open(folder.path()).await;
    let next = reopened.sequences().next(id, "s", &Sequence::default(), 1).await.unwrap();
    assert!(next[0] > greatest, "{next:?} comes after {greatest}");
    reopened.sequences().pass(id, &Sequence::default(), 1_000_000).await.unwrap();
    assert_eq!(reopened.sequences().next(id, "s", &Sequence::default(), 2).await.unwrap(), [1_000_001, 1_000_002]);
    let at = Position { value: 5, is_called: false };
    reopened.sequences().set(id, at).await.unwrap();
    assert!(one.sequences().position(id, &Sequence::default()).await.unwrap().0.is_called, "its own claim");
    assert_eq!(reopened.sequences().next(id, "s", &Sequence::default(), 1).await.unwrap(), [5]);
    let short = Sequence { max: 6, ..Sequence::default() };
    assert_eq!(reopened.sequences().next(id, "s", &Sequence { max: 40, ..short.clone() }, 1).await.unwrap(), [6]);
    let error = open(folder.path()).await.sequences().next(id, "s", &short, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SequenceLimitExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_others_are_found_and_served_at_their_head_and_dropped_ones_stay_away() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    foreign_append(folder.path(), "sales/orders", &[1, 2]).await;
    std::fs::create_dir_all(folder.path().join("sales/broken/_delta_log")).unwrap();
    std::fs::write(folder.path().join("sales/broken/_delta_log/00000000000000000000.json"), "not json").unwrap();
    assert_eq!(catalog.discover().await.unwrap(), 2);
    assert_eq!(rows(&catalog.scope(), "sales.orders").await, Some(2));
    foreign_append(folder.path(), "sales/orders", &[3]).await;
    assert_eq!(rows(&catalog.scope(), "sales.orders").await, Some(3), "at the head");

    let broken = catalog.current().get(&name("sales.broken")).unwrap().clone();
    assert!(matches!(broken.kind, ObjectKind::Broken { .. }), "{broken:?}");
    assert!(catalog.scope().snapshot(&broken).await.is_err(), "touching it gives its error");

    let overlay = catalog.begin();
    overlay.drop_object(&name("sales.orders")).unwrap();
    catalog.publish(&overlay, "drop").await.unwrap();
    assert_eq!(catalog.discover().await.unwrap(), 0, "a tombstone keeps it away");
    assert!(catalog.current().get(&name("sales.orders")).is_none());

    // the same name again is another table in another place
    let overlay = catalog.begin();
    write(&overlay, "sales.orders", WriteMode::Overwrite, &[9]).await;
    catalog.publish(&overlay, "make").await.unwrap();
    let orders = catalog.current().get(&name("sales.orders")).unwrap().clone();
    assert_ne!(orders.location(), Some("sales/orders"));
    assert_eq!(rows(&catalog.scope(), "sales.orders").await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_releases_can_be_read_by_number_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let mut instants = Vec::new();
    for n in 1..=5 {
        let overlay = catalog.begin();
        write(&overlay, "gold.a", WriteMode::Append, &[n]).await;
        let release = catalog.publish(&overlay, &format!("step {n}")).await.unwrap().unwrap();
        instants.push(release.info.committed_at);
    }
    let reopened = open(folder.path()).await;
    for (n, at) in (1u64..).zip(instants) {
        for release in [reopened.release(ReleaseId(n)).await.unwrap(), reopened.release_at(at).await.unwrap()] {
            assert_eq!(release.id(), ReleaseId(n));
            assert_eq!(rows(&reopened.scope_of(release), "gold.a").await, Some(n));
        }
    }
    let operations: Vec<_> = reopened.releases(3).await.unwrap().into_iter().map(|info| info.operation).collect();
    assert_eq!(operations, ["step 5", "step 4", "step 3"]);
    assert!(reopened.release(ReleaseId(99)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_of_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await;
    std::fs::write(folder.path().join("_lakewire/format.json"), r#"{"reader":9,"writer":9}"#).unwrap();
    let options = StoreOptions { fsync: false, ..StoreOptions::default() };
    let lake = LakeStore::open(folder.path().to_str().unwrap(), &options).unwrap();
    let error = Catalog::open(lake.clone(), Tables::new(lake)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FeatureNotSupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_of_a_thousand_tables_opens_without_reading_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let overlay = catalog.begin();
    futures::stream::iter(0..1000)
        .for_each_concurrent(16, |n| {
            let overlay = overlay.clone();
            async move { write(&overlay, &format!("gold.t{n}"), WriteMode::Overwrite, &[n]).await }
        })
        .await;
    catalog.publish(&overlay, "make").await.unwrap();

    // without their folders, whoever reads a log fails
    std::fs::rename(folder.path().join("gold"), folder.path().join("_away")).unwrap();
    let reopened = open(folder.path()).await;
    assert_eq!(reopened.discover().await.unwrap(), 0);
    let objects = reopened.scope().objects();
    assert_eq!(objects.len(), 1000);
    assert!(objects.iter().all(|object| object.columns.len() == 1 && object.columns[0].name == "n"));
    assert!(reopened.scope().snapshot(&objects[0]).await.is_err(), "the check above can fail");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_spares_starts_and_other_readers_the_releases_before_it() {
    const LOG: &str = "_lakewire/catalog/_delta_log";
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { fsync: false, ..StoreOptions::default() };
    let lake = LakeStore::open(folder.path().to_str().unwrap(), &options).unwrap();
    let settings = TableSettings { checkpoint_interval: 5, ..TableSettings::default() };
    let catalog = Catalog::open(lake.clone(), Tables::with(lake, settings)).await.unwrap();
    for n in 1..=12 {
        let overlay = catalog.begin();
        write(&overlay, "gold.a", WriteMode::Append, &[n]).await;
        write(&overlay, &format!("gold.t{n}"), WriteMode::Overwrite, &[n]).await;
        catalog.publish(&overlay, "step").await.unwrap();
    }
    catalog.close().await;
    assert!(folder.path().join(LOG).join("_last_checkpoint").exists());
    // release 9 has one, and so has the tenth commit of the table
    assert_eq!(catalog.tables().last_checkpoint("_lakewire/catalog").await, Some(9));
    assert_eq!(catalog.tables().last_checkpoint("gold/a").await, Some(9));

    // without the commits up to it, whoever reads them fails
    for version in 0..=8 {
        std::fs::remove_file(folder.path().join(LOG).join(format!("{version:020}.json"))).unwrap();
        std::fs::remove_file(folder.path().join(format!("gold/a/_delta_log/{version:020}.json"))).unwrap();
    }
    let reopened = open(folder.path()).await;
    assert_eq!(reopened.current().id(), ReleaseId(12));
    assert_eq!(rows(&reopened.scope(), "gold.a").await, Some(12));
    let read = reopened.tables().snapshot("_lakewire/catalog", None).await.unwrap();
    let schemas = 6;
    assert_eq!((read.version(), read.rows()), (12, Some(13 + schemas)));
    let overlay = reopened.begin();
    write(&overlay, "gold.a", WriteMode::Append, &[13]).await;
    reopened.publish(&overlay, "goes on").await.unwrap();
    assert_eq!(rows(&open(folder.path()).await.scope(), "gold.a").await, Some(13));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_brings_content_names_and_drops_back_as_a_new_release() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path()).await;
    let overlay = catalog.begin();
    write(&overlay, "gold.changed", WriteMode::Overwrite, &[1, 2]).await;
    write(&overlay, "gold.dropped", WriteMode::Overwrite, &[3]).await;
    write(&overlay, "gold.kept", WriteMode::Overwrite, &[4]).await;
    let good = catalog.publish(&overlay, "good").await.unwrap().unwrap();

    let overlay = catalog.begin();
    write(&overlay, "gold.changed", WriteMode::Overwrite, &[7, 8, 9]).await;
    write(&overlay, "gold.new", WriteMode::Overwrite, &[5]).await;
    overlay.drop_object(&name("gold.dropped")).unwrap();
    let bad = catalog.publish(&overlay, "bad").await.unwrap().unwrap();

    let back = catalog.rollback(good.id()).await.unwrap().unwrap();
    assert_eq!(back.id(), bad.id().next());
    let scope = open(folder.path()).await.scope();
    assert_eq!(rows(&scope, "gold.changed").await, Some(2));
    assert_eq!(rows(&scope, "gold.dropped").await, Some(1));
    assert_eq!(rows(&scope, "gold.new").await, None);
    assert_eq!(scope.object(&name("gold.changed")).unwrap().version(), Some(2), "history grows");
    assert_eq!(back.get(&name("gold.kept")), good.get(&name("gold.kept")));
    assert!(back.tombstones.iter().all(|tombstone| tombstone.name == name("gold.new")));
    assert_eq!(rows(&catalog.scope_of(bad), "gold.changed").await, Some(3), "the bad release can still be read");
    assert!(catalog.rollback(ReleaseId(99)).await.is_err());
}
