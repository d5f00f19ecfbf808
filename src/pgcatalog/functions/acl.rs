//! `aclexplode`, which `dialect` unnests: the single privileges of an access list, `{who=rw*/by}`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BooleanBuilder, Int32Builder, ListArray, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::pgcatalog::{OWNER, OWNER_OID, layout, role_oid};

/// PostgreSQL's letters, with the words that `privilege_type` has.
const PRIVILEGES: &[(char, &str)] = &[
    ('r', "SELECT"),
    ('a', "INSERT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

pub fn function() -> ScalarUDF {
    ScalarUDF::from(Exploded { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exploded {
    signature: Signature,
}

fn members() -> Fields {
    let column = |name, pg_type| layout::field_of(name, pg_type, true);
    vec![
        column("grantor", "oid"),
        column("grantee", "oid"),
        column("privilege_type", "text"),
        column("is_grantable", "bool"),
    ]
    .into()
}

/// One item of an access list.
#[derive(Debug, PartialEq)]
struct Grant<'a> {
    grantor: &'a str,
    grantee: &'a str,
    /// Each with whether it may be passed on.
    privileges: Vec<(&'static str, bool)>,
}

/// Nothing for an item that is none.
fn grant(item: &str) -> Option<Grant<'_>> {
    let (grantee, rest) = item.rsplit_once('=')?;
    let (letters, grantor) = rest.split_once('/')?;
    let mut privileges = Vec::new();
    let mut letters = letters.chars().peekable();
    while let Some(letter) = letters.next() {
        let (_, word) = PRIVILEGES.iter().find(|(known, _)| *known == letter)?;
        privileges.push((*word, letters.next_if_eq(&'*').is_some()));
    }
    Some(Grant { grantor, grantee, privileges })
}

/// 0 is everybody.
fn oid(role: &str) -> i32 {
    let oid = match role {
        "" => 0,
        OWNER => OWNER_OID,
        other => role_oid(other),
    };
    oid.cast_signed()
}

impl ScalarUDFImpl for Exploded {
    fn name(&self) -> &str {
        "aclexplode"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Struct(members()), true))
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&call.args)?;
        let lists =
            columns.first().map(|column| cast(column, &DataType::new_list(DataType::Utf8, true))).transpose()?;
        let lists = lists.as_ref().and_then(|column| column.as_list_opt::<i32>());
        let lists = lists.ok_or_else(|| DataFusionError::Execution(format!("{} takes an array", self.name())))?;
        let (mut grantors, mut grantees) = (Int32Builder::new(), Int32Builder::new());
        let (mut words, mut passed_on) = (StringBuilder::new(), BooleanBuilder::new());
        let mut lengths = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let before = grantors.len();
            let items = lists.is_valid(row).then(|| lists.value(row));
            for item in items.iter().flat_map(|items| items.as_string::<i32>().iter().flatten()) {
                let Some(grant) = grant(item) else { continue };
                for (word, passes_on) in grant.privileges {
                    grantors.append_value(oid(grant.grantor));
                    grantees.append_value(oid(grant.grantee));
                    words.append_value(word);
                    passed_on.append_value(passes_on);
                }
            }
            lengths.push(grantors.len() - before);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(grantors.finish()),
            Arc::new(grantees.finish()),
            Arc::new(words.finish()),
            Arc::new(passed_on.finish()),
        ];
        let items: ArrayRef = Arc::new(StructArray::try_new(members(), columns, None)?);
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        let exploded = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(exploded)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, grant};

    #[test]
    fn an_item_is_its_privileges() {
        let privileges = vec![("SELECT", true), ("UPDATE", false)];
        assert_eq!(grant("ana=r*w/lakewire"), Some(Grant { grantor: "lakewire", grantee: "ana", privileges }));
        let privileges = vec![("USAGE", false)];
        assert_eq!(grant("=U/lakewire"), Some(Grant { grantor: "lakewire", grantee: "", privileges }));
        assert_eq!(grant("nonsense"), None);
    }
}
