//! PostgreSQL's own functions by number and by name, and what `\df` and `\sf` say of a function.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Float32Type, Int16Type, Int32Type};

use super::functions::format_type;
use super::postgres;
use crate::names::quote_ident;
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
    /// Types of arguments and results, in order, where it has results of names.
    every_argument: Vec<u32>,
    /// `i`, `o`, `b`, `v`, `t` of each of those; empty where all are plain arguments.
    modes: Vec<String>,
    /// SQL of what stands for the last arguments where they are left out.
    default_texts: Vec<&'static str>,
    language: u32,
    cost: f32,
    rows: f32,
    /// The function that helps to plan it.
    support: u32,
    leakproof: bool,
    pub source: &'static str,
    /// The body of one that is written in SQL's own words.
    pub sql_body: &'static str,
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
    let real = |row: usize, column: &str| -> f32 {
        let column = rows.column_by_name(column).and_then(|column| column.as_primitive_opt::<Float32Type>());
        column.map_or(0.0, |column| column.value(row))
    };
    let oids = |row: usize, column: &str| -> Vec<u32> {
        let oids = list(row, column).and_then(|oids| oids.as_primitive_opt::<Int32Type>().cloned());
        oids.map(|oids| oids.values().iter().filter_map(|oid| u32::try_from(*oid).ok()).collect()).unwrap_or_default()
    };
    let texts = |row: usize, column: &str| -> Vec<String> {
        let texts = list(row, column).and_then(|texts| texts.as_string_opt::<i32>().cloned());
        texts.map(|texts| texts.iter().map(|text| text.unwrap_or_default().to_owned()).collect()).unwrap_or_default()
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
        arguments: oids(row, "proargtypes"),
        defaults: number(row, "pronargdefaults") as usize,
        variadic: number(row, "provariadic"),
        argument_names: texts(row, "proargnames"),
        every_argument: oids(row, "proallargtypes"),
        modes: texts(row, "proargmodes"),
        default_texts: text(row, "proargdefaults").split(", ").filter(|text| !text.is_empty()).collect(),
        language: number(row, "prolang"),
        cost: real(row, "procost"),
        rows: real(row, "prorows"),
        support: number(row, "prosupport"),
        leakproof: flag(row, "proleakproof"),
        source: text(row, "prosrc"),
        sql_body: text(row, "prosqlbody"),
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

/// What PostgreSQL's functions of one name are.
#[derive(Debug, Clone, Copy)]
pub enum Nature {
    Aggregate,
    /// They give rows.
    Rows,
    /// Whether they give the same for the same whenever they are called; none where that depends on their arguments, and what
    /// tells it of a name and types.
    Plain {
        immutable: Option<bool>,
        of: fn(&str, &[u32]) -> Option<bool>,
    },
}

/// None of what is no function of PostgreSQL's.
pub fn nature(name: &str) -> Option<Nature> {
    let first = named(name).next()?;
    if first.kind == "a" {
        return Some(Nature::Aggregate);
    }
    if first.returns_set {
        return Some(Nature::Rows);
    }
    let immutable = first.volatility == "i";
    let alike = named(name).all(|other| (other.volatility == "i") == immutable);
    let of = |name: &str, types: &[u32]| {
        named(name).find(|routine| routine.arguments == types).map(|routine| routine.volatility == "i")
    };
    Some(Nature::Plain { immutable: alike.then_some(immutable), of })
}

/// The types that the functions of a name take, of those that can be called with so many arguments.
pub fn argument_types(name: &str, count: usize) -> impl Iterator<Item = Vec<Type>> {
    named(name).filter_map(move |routine| routine.taken(count)?.into_iter().map(Type::from_oid).collect())
}

/// From which type to which other values are taken without a word, by OID.
pub fn implicit_casts() -> HashSet<(u32, u32)> {
    casts(|context| context == "i")
}

/// From which type to which other there is a cast, by OID.
pub fn explicit_casts() -> HashSet<(u32, u32)> {
    casts(|_| true)
}

fn casts(wanted: impl Fn(&str) -> bool) -> HashSet<(u32, u32)> {
    let Some(rows) = postgres::rows("pg_catalog", "pg_cast") else { return HashSet::new() };
    let oids = |name: &str| rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
    let contexts = rows.column_by_name("castcontext").and_then(|column| column.as_string_opt::<i32>());
    let (Some(from), Some(to), Some(contexts)) = (oids("castsource"), oids("casttarget"), contexts) else {
        return HashSet::new();
    };
    let pairs = from.values().iter().zip(to.values()).zip(contexts);
    let pairs = pairs.filter(|(_, context)| context.is_some_and(&wanted));
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

    /// `name type, …`, as `pg_get_function_arguments` writes them, with what stands for those that are left out.
    pub fn argument_list(&self, with_defaults: bool) -> String {
        let mut taken = 0;
        let argument = |(at, oid): (usize, &u32)| {
            let mode = self.mode(at);
            let mut text = match mode {
                "o" => "OUT ",
                "b" => "INOUT ",
                "v" => "VARIADIC ",
                _ => "",
            }
            .to_owned();
            if let Some(name) = self.argument_names.get(at).filter(|name| !name.is_empty()) {
                text.push_str(&format!("{} ", quote_ident(name)));
            }
            text.push_str(&format_type(*oid, -1));
            if matches!(mode, "i" | "b" | "v") {
                let default = self.default_text(taken).filter(|_| with_defaults);
                text.extend(default.map(|default| format!(" DEFAULT {default}")));
                taken += 1;
            }
            text
        };
        let mut arguments: Vec<String> = self.every_argument().iter().enumerate().map(argument).collect();
        // what an ordered set is of comes after ORDER BY
        let Some(direct) = ordered_sets().get(&self.oid) else { return arguments.join(", ") };
        if *direct == arguments.len() {
            arguments.extend(arguments.last().cloned());
        }
        let ordered = arguments.split_off((*direct).min(arguments.len())).join(", ");
        format!("{} ORDER BY {ordered}", arguments.join(", ")).trim_start().to_owned()
    }

    /// The types of arguments and named results, in order.
    pub fn every_argument(&self) -> &[u32] {
        if self.every_argument.is_empty() { &self.arguments } else { &self.every_argument }
    }

    /// `i`, `o`, `b`, `v` or `t`: what the argument of that number among all is.
    pub fn mode(&self, argument: usize) -> &str {
        self.modes.get(argument).map_or("i", String::as_str)
    }

    pub fn language_name(&self) -> &'static str {
        match self.language {
            INTERNAL => "internal",
            C => "c",
            _ => "sql",
        }
    }

    /// SQL of what stands for the argument of that number, from 0, of those that are taken.
    pub fn default_text(&self, argument: usize) -> Option<&'static str> {
        let first = self.arguments.len().checked_sub(self.default_texts.len())?;
        self.default_texts.get(argument.checked_sub(first)?).copied()
    }

    /// The number, from 0, among those that are taken of the argument of that number among all.
    pub fn taken_as(&self, argument: usize) -> Option<usize> {
        let is_taken = |at: &usize| matches!(self.mode(*at), "i" | "b" | "v");
        is_taken(&argument).then(|| (0..argument).filter(is_taken).count())
    }

    pub fn result_type(&self) -> Option<String> {
        let set = if self.returns_set { "SETOF " } else { "" };
        (self.kind != "p").then(|| format!("{set}{}", format_type(self.result, -1)))
    }

    /// `name(type,type)`, as `regprocedure` writes it.
    pub fn signature(&self) -> String {
        let types: Vec<String> = self.arguments.iter().map(|oid| format_type(*oid, -1)).collect();
        format!("{}({})", quote_ident(self.name), types.join(","))
    }

    /// The statement that would make it.
    pub fn definition(&self) -> String {
        let properties = self.properties();
        let properties = match properties.is_empty() {
            true => String::new(),
            false => format!(" {}\n", properties.join(" ")),
        };
        let language = self.language_name();
        let body = match self.sql_body {
            "" => format!("AS $function${}$function$", self.source),
            body => body.to_owned(),
        };
        format!(
            "CREATE OR REPLACE FUNCTION pg_catalog.{}({})\n RETURNS {}\n LANGUAGE {language}\n{properties}{body}\n",
            quote_ident(self.name),
            self.argument_list(true),
            self.result_type().unwrap_or_default(),
        )
    }

    /// What its statement says beside arguments, result and body.
    fn properties(&self) -> Vec<String> {
        let words = [
            (self.kind == "w", "WINDOW"),
            (self.volatility == "i", "IMMUTABLE"),
            (self.volatility == "s", "STABLE"),
            (self.parallel == "s", "PARALLEL SAFE"),
            (self.parallel == "r", "PARALLEL RESTRICTED"),
            (self.strict, "STRICT"),
            (self.leakproof, "LEAKPROOF"),
        ];
        let mut properties: Vec<String> =
            words.iter().filter(|(said, _)| *said).map(|(_, word)| (*word).to_owned()).collect();
        let usual = if matches!(self.language, INTERNAL | C) { 1.0 } else { 100.0 };
        if self.cost != usual {
            properties.push(format!("COST {}", self.cost));
        }
        if self.rows > 0.0 && self.rows != 1000.0 {
            properties.push(format!("ROWS {}", self.rows));
        }
        properties.extend(by_oid(self.support).map(|support| format!("SUPPORT {}", support.name)));
        properties
    }
}

/// OIDs of languages.
const INTERNAL: u32 = 12;
const C: u32 = 13;

/// How many arguments of their own the aggregates have that are of ordered sets, by OID.
fn ordered_sets() -> &'static HashMap<u32, usize> {
    static KNOWN: LazyLock<HashMap<u32, usize>> = LazyLock::new(|| {
        let read = || {
            let rows = postgres::rows("pg_catalog", "pg_aggregate")?;
            let oids = rows.column_by_name("aggfnoid")?.as_primitive_opt::<Int32Type>()?;
            let kinds = rows.column_by_name("aggkind")?.as_string_opt::<i32>()?;
            let counts = rows.column_by_name("aggnumdirectargs")?.as_primitive_opt::<Int16Type>()?;
            let all = oids.values().iter().zip(kinds).zip(counts.values());
            let ordered = all.filter(|((_, kind), _)| *kind != Some("n"));
            Some(
                ordered
                    .filter_map(|((oid, _), count)| Some((u32::try_from(*oid).ok()?, usize::try_from(*count).ok()?))),
            )
        };
        read().map(Iterator::collect).unwrap_or_default()
    });
    &KNOWN
}

/// The rows of `pg_proc` that are true here: of functions the server has, by these names, and of those that other
/// catalogs refer to. The names are the same throughout a process.
pub fn rows(names: &HashSet<String>) -> Option<&'static RecordBatch> {
    static KEPT: OnceLock<Option<RecordBatch>> = OnceLock::new();
    let made = KEPT.get_or_init(|| {
        let all = postgres::rows("pg_catalog", "pg_proc")?;
        let kept: HashSet<u32> = kept(names).map(|routine| routine.oid).collect();
        let mask: BooleanArray = INDEX.routines.iter().map(|routine| Some(kept.contains(&routine.oid))).collect();
        filter_record_batch(all, &mask).ok()
    });
    made.as_ref()
}

/// The routines of those rows.
pub fn kept(names: &HashSet<String>) -> impl Iterator<Item = &'static Routine> {
    let referred = referred();
    INDEX.routines.iter().filter(move |routine| names.contains(routine.name) || referred.contains(&routine.oid))
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
    fn arguments_are_told_as_by_postgres() {
        let told = |name: &str| named(name).next().map(|routine| routine.argument_list(true)).unwrap();
        assert_eq!(told("percentile_cont"), "double precision ORDER BY double precision");
        assert_eq!(told("rank"), "");
        assert_eq!(told("json_build_object"), "VARIADIC \"any\"");
        assert_eq!(told("parse_ident"), "str text, strict boolean DEFAULT true");
        let ordered = named("rank").find(|routine| routine.kind == "a").unwrap();
        assert_eq!(ordered.argument_list(true), "VARIADIC \"any\" ORDER BY VARIADIC \"any\"");
    }

    #[test]
    fn functions_that_nobody_has_are_left_out() {
        let rows = rows(&HashSet::from(["upper".to_owned()])).unwrap();
        let names: HashSet<&str> = rows.column(1).as_string::<i32>().iter().flatten().collect();
        assert!(names.contains("upper") && names.contains("int4in") && !names.contains("pg_promote"));
    }
}
