//! PostgreSQL's own functions by number and by name, and what `\df` and `\sf` say of a function.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Int16Type, Int32Type};

use super::functions::format_type;
use super::postgres;
use crate::pgtypes::{PG_TYPE_KEY, Type};

/// A function of PostgreSQL's.
#[derive(Debug)]
pub struct Routine {
    pub oid: u32,
    pub namespace: u32,
    pub name: &'static str,
    /// `f`, `p`, `a`, `w`.
    pub kind: &'static str,
    pub returns_set: bool,
    pub strict: bool,
    /// `i`, `s`, `v`.
    pub volatility: &'static str,
    /// `s`, `r`, `u`.
    pub parallel: &'static str,
    pub result: u32,
    pub arguments: Vec<u32>,
    /// How many of the last of them may be left out.
    pub defaults: usize,
    /// Of which type the last stands for any number of arguments; 0: it does not.
    pub variadic: u32,
    /// With those of results, where it has any; empty where they have no names.
    pub argument_names: Vec<String>,
    pub source: &'static str,
}

#[derive(Debug, Default)]
struct Index {
    routines: Vec<Routine>,
    by_oid: HashMap<u32, usize>,
    by_name: HashMap<&'static str, Vec<usize>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let routines = postgres::rows("pg_catalog", "pg_proc").map(routines).unwrap_or_default();
    let mut index = Index { routines, ..Index::default() };
    for (at, routine) in index.routines.iter().enumerate() {
        index.by_oid.insert(routine.oid, at);
        index.by_name.entry(routine.name).or_default().push(at);
    }
    index
});

fn routines(rows: &'static RecordBatch) -> Vec<Routine> {
    let text = |row: usize, column: &str| -> &'static str {
        let column = rows.column_by_name(column).and_then(|column| column.as_string_opt::<i32>());
        column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row))
    };
    let number = |row: usize, column: &str| -> u32 {
        let Some(column) = rows.column_by_name(column) else { return 0 };
        let short = column.as_primitive_opt::<Int16Type>().map(|column| i32::from(column.value(row)));
        let number = short.or_else(|| column.as_primitive_opt::<Int32Type>().map(|column| column.value(row)));
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
    };
    let flag = |row: usize, column: &str| -> bool {
        let column = rows.column_by_name(column).and_then(|column| column.as_boolean_opt());
        column.is_some_and(|column| column.value(row))
    };
    let list = |row: usize, column: &str| {
        let column = rows.column_by_name(column).and_then(|column| column.as_list_opt::<i32>());
        column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    };
    let routine = |row: usize| Routine {
        oid: number(row, "oid"),
        namespace: number(row, "pronamespace"),
        name: text(row, "proname"),
        kind: text(row, "prokind"),
        returns_set: flag(row, "proretset"),
        strict: flag(row, "proisstrict"),
        volatility: text(row, "provolatile"),
        parallel: text(row, "proparallel"),
        result: number(row, "prorettype"),
        arguments: list(row, "proargtypes")
            .and_then(|oids| {
                let oids = oids.as_primitive_opt::<Int32Type>()?.clone();
                Some(oids.values().iter().filter_map(|oid| u32::try_from(*oid).ok()).collect())
            })
            .unwrap_or_default(),
        defaults: number(row, "pronargdefaults") as usize,
        variadic: number(row, "provariadic"),
        argument_names: list(row, "proargnames")
            .and_then(|names| {
                let names = names.as_string_opt::<i32>()?.clone();
                Some(names.iter().map(|name| name.unwrap_or_default().to_owned()).collect())
            })
            .unwrap_or_default(),
        source: text(row, "prosrc"),
    };
    (0..rows.num_rows()).map(routine).collect()
}

pub fn by_oid(oid: u32) -> Option<&'static Routine> {
    INDEX.by_oid.get(&oid).and_then(|at| INDEX.routines.get(*at))
}

/// All of a name.
pub fn named(name: &str) -> impl Iterator<Item = &'static Routine> {
    let found = INDEX.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    found.iter().filter_map(|at| INDEX.routines.get(*at))
}

/// The types that the functions of a name take, of those that can be called with so many arguments.
pub fn argument_types(name: &str, count: usize) -> impl Iterator<Item = Vec<Type>> {
    named(name).filter_map(move |routine| routine.taken(count)?.into_iter().map(Type::from_oid).collect())
}

/// From which type to which other values are taken without a word, by OID.
pub fn implicit_casts() -> HashSet<(u32, u32)> {
    let Some(rows) = postgres::rows("pg_catalog", "pg_cast") else { return HashSet::new() };
    let oids = |name: &str| rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
    let contexts = rows.column_by_name("castcontext").and_then(|column| column.as_string_opt::<i32>());
    let (Some(from), Some(to), Some(contexts)) = (oids("castsource"), oids("casttarget"), contexts) else {
        return HashSet::new();
    };
    let pairs = from.values().iter().zip(to.values()).zip(contexts).filter(|(_, context)| *context == Some("i"));
    pairs.filter_map(|((from, to), _)| Some((u32::try_from(*from).ok()?, u32::try_from(*to).ok()?))).collect()
}

impl Routine {
    /// The types of so many arguments, if it takes so many.
    fn taken(&self, count: usize) -> Option<Vec<u32>> {
        let most = self.arguments.len();
        let mut types = self.arguments.clone();
        if self.variadic != 0 {
            types.truncate(most.saturating_sub(1));
            types.resize(count.max(most), self.variadic);
        }
        let least = most - self.defaults.min(most);
        (least..=types.len()).contains(&count).then(|| types[..count].to_vec())
    }

    /// `name type, …`, as `pg_get_function_arguments` writes them.
    pub fn argument_list(&self) -> String {
        let argument = |(at, oid): (usize, &u32)| {
            let name = self.argument_names.get(at).filter(|name| !name.is_empty());
            let type_name = format_type(*oid, -1);
            name.map_or_else(|| type_name.clone(), |name| format!("{name} {type_name}"))
        };
        self.arguments.iter().enumerate().map(argument).collect::<Vec<_>>().join(", ")
    }

    pub fn result_type(&self) -> Option<String> {
        let set = if self.returns_set { "SETOF " } else { "" };
        (self.kind != "p").then(|| format!("{set}{}", format_type(self.result, -1)))
    }

    /// `name(type,type)`, as `regprocedure` writes it.
    pub fn signature(&self) -> String {
        let types: Vec<String> = self.arguments.iter().map(|oid| format_type(*oid, -1)).collect();
        format!("{}({})", self.name, types.join(","))
    }

    /// The statement that would make it.
    pub fn definition(&self) -> String {
        let mut properties = Vec::new();
        match self.volatility {
            "i" => properties.push("IMMUTABLE"),
            "s" => properties.push("STABLE"),
            _ => {}
        }
        match self.parallel {
            "s" => properties.push("PARALLEL SAFE"),
            "r" => properties.push("PARALLEL RESTRICTED"),
            _ => {}
        }
        if self.strict {
            properties.push("STRICT");
        }
        let properties = match properties.is_empty() {
            true => String::new(),
            false => format!(" {}\n", properties.join(" ")),
        };
        format!(
            "CREATE OR REPLACE FUNCTION pg_catalog.{}({})\n RETURNS {}\n LANGUAGE internal\n{properties}AS $function${}$function$\n",
            self.name,
            self.argument_list(),
            self.result_type().unwrap_or_default(),
            self.source
        )
    }
}

/// The rows of `pg_proc` that are true here: of functions the server has, by these names, and of those that other
/// catalogs refer to. The names are the same throughout a process.
pub fn rows(names: &HashSet<String>) -> Option<&'static RecordBatch> {
    static KEPT: OnceLock<Option<RecordBatch>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| {
        let all = postgres::rows("pg_catalog", "pg_proc")?;
        let referred = referred();
        let keeps = |routine: &Routine| names.contains(routine.name) || referred.contains(&routine.oid);
        let mask: BooleanArray = INDEX.routines.iter().map(|routine| Some(keeps(routine))).collect();
        filter_record_batch(all, &mask).ok()
    });
    kept.as_ref()
}

/// Numbers of the functions that operators, types, casts … are made of.
fn referred() -> HashSet<u32> {
    let mut oids = HashSet::new();
    let catalogs = [
        "pg_aggregate",
        "pg_am",
        "pg_amproc",
        "pg_cast",
        "pg_conversion",
        "pg_operator",
        "pg_range",
        "pg_ts_parser",
        "pg_ts_template",
        "pg_type",
    ];
    for rows in catalogs.iter().filter_map(|name| postgres::rows("pg_catalog", name)) {
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
            let refers = field.metadata().get(PG_TYPE_KEY).is_some_and(|pg_type| pg_type == "regproc");
            if (refers || field.name() == "castfunc")
                && let Some(column) = column.as_primitive_opt::<Int32Type>()
            {
                oids.extend(column.values().iter().filter_map(|oid| u32::try_from(*oid).ok()));
            }
        }
    }
    oids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_described_as_by_postgres() {
        let upper = named("upper").find(|routine| routine.arguments == [25]).unwrap();
        assert_eq!((upper.oid, upper.signature().as_str()), (871, "upper(text)"));
        assert_eq!(upper.result_type().as_deref(), Some("text"));
        let expected = "CREATE OR REPLACE FUNCTION pg_catalog.upper(text)\n RETURNS text\n LANGUAGE internal\n \
                        IMMUTABLE PARALLEL SAFE STRICT\nAS $function$upper$function$\n";
        assert_eq!(upper.definition(), expected);
    }

    #[test]
    fn functions_that_nobody_has_are_left_out() {
        let rows = rows(&HashSet::from(["upper".to_owned()])).unwrap();
        let names: HashSet<&str> = rows.column(1).as_string::<i32>().iter().flatten().collect();
        assert!(names.contains("upper") && names.contains("int4in") && !names.contains("pg_promote"));
    }
}
