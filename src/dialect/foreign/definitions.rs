//! Those of `CREATE TABLE` and `CREATE VIEW`.

use datafusion::sql::sqlparser::ast::{CreateTable, CreateView};

use super::{Word, first};

/// What a field of the parser says of a clause.
trait Clause {
    fn is_there(&self) -> bool;
}

impl Clause for bool {
    fn is_there(&self) -> bool {
        *self
    }
}

impl<T> Clause for Option<T> {
    fn is_there(&self) -> bool {
        self.is_some()
    }
}

impl<T> Clause for Vec<T> {
    fn is_there(&self) -> bool {
        !self.is_empty()
    }
}

/// The first refused clause that is there, by its word. Each field of the structure is in one of the lists.
macro_rules! refused {
    ($structure:ident in $given:ident: planned [$($planned:ident)*] refused [$($field:ident $word:literal)*]) => {{
        let $structure { $($planned: _,)* $($field,)* } = $given;
        first(&[$(($word, $field.is_there())),*])
    }};
}

pub(super) fn in_table(table: &CreateTable) -> Word {
    // strict is how WITH NO DATA is marked
    refused!(CreateTable in table:
    planned [
        temporary global if_not_exists name columns constraints hive_distribution hive_formats table_options query
        like on_commit partition_by inherits partition_of for_values strict
    ]
    refused [
        or_replace "or" external "external" dynamic "dynamic" transient "transient" volatile "volatile"
        iceberg "iceberg" snapshot "snapshot" file_format "stored" location "location" without_rowid "rowid"
        clone "clone" version "version" comment "comment" on_cluster "cluster" cluster_by "cluster"
        clustered_by "clustered" primary_key "primary" order_by "order" copy_grants "copy"
        enable_schema_evolution "enable_schema_evolution" change_tracking "change_tracking"
        data_retention_time_in_days "data_retention_time_in_days"
        max_data_extension_time_in_days "max_data_extension_time_in_days"
        default_ddl_collation "default_ddl_collation" with_aggregation_policy "aggregation"
        with_row_access_policy "row" with_storage_lifecycle_policy "storage" with_tags "tag"
        external_volume "external_volume" base_location "base_location" catalog "catalog"
        catalog_sync "catalog_sync" storage_serialization_policy "storage_serialization_policy"
        target_lag "target_lag" warehouse "warehouse" refresh_mode "refresh_mode" initialize "initialize"
        require_user "require" diststyle "diststyle" distkey "distkey" sortkey "sortkey" backup "backup"
    ])
}

pub(super) fn in_view(view: &CreateView) -> Word {
    refused!(CreateView in view:
    planned [or_replace materialized name columns query options if_not_exists temporary with_no_schema_binding]
    refused [
        or_alter "alter" secure "secure" name_before_not_exists "if" cluster_by "cluster" comment "comment"
        copy_grants "copy" to "to" params "algorithm"
    ])
}
