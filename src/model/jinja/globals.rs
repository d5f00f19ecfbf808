//! The functions and objects of dbt's Jinja.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use parking_lot::Mutex;
use serde_json::Value as Json;

use super::json::{from_value, to_value};
use super::{NodeInfo, Record, Renderer, Unknown};
use crate::model::diagnostic::Place;
use crate::model::files::TextFile;
use crate::names::{TableName, quote_ident};

type Shared = Arc<Mutex<Record>>;

/// Gives a template its globals: those of the project, and those of its node.
pub(super) fn install(
    env: &mut Environment<'static>,
    renderer: &Renderer,
    node: &NodeInfo,
    file: &TextFile,
    record: &Shared,
) {
    install_names(env, renderer, record);
    install_variables(env, renderer);
    install_messages(env, file);
    env.add_global("config", Value::from_object(Config { record: record.clone(), place: config_place(file) }));
    env.add_global("this", relation(node.relation.clone()));
    let info = to_value(&serde_json::json!({
        "name": node.name,
        "alias": node.relation.name,
        "schema": node.relation.schema,
        "path": node.path,
        "original_file_path": node.path,
        "package_name": renderer.project,
        "resource_type": "model",
        "unique_id": format!("model.{}.{}", renderer.project, node.name),
    }));
    env.add_global("model", info.clone());
    env.add_global("node", info);
    env.add_global("project_name", renderer.project.clone());
    env.add_global("execute", renderer.known.is_some());
    env.add_function("is_incremental", || false);
    env.add_global(
        "target",
        to_value(&serde_json::json!({
            "name": renderer.env.target,
            "profile_name": "lakewire",
            "type": "postgres",
            "database": "lake",
            "dbname": "lake",
            "schema": "public",
        })),
    );
}

/// Where the file calls `config(`; its first line if a macro does.
fn config_place(file: &TextFile) -> Place {
    file.text
        .find("config(")
        .map_or_else(|| Place::start_of(&file.shown), |at| Place::at_offset(&file.shown, &file.text, at))
}

/// `ref` and `source`.
fn install_names(env: &mut Environment<'static>, renderer: &Renderer, record: &Shared) {
    let (known, sink) = (renderer.known.clone(), record.clone());
    env.add_function("ref", move |first: String, rest: Rest<String>, options: Kwargs| -> Result<Value, Error> {
        let _ = (options.get::<Option<Value>>("v"), options.get::<Option<Value>>("version"));
        options.assert_all_used()?;
        let name = match rest.as_slice() {
            [] => first,
            [name] => name.clone(),
            _ => return Err(invalid("ref takes a model, or a project and a model")),
        };
        let Some(known) = &known else { return Ok(relation(TableName::new("", name))) };
        let mut record = sink.lock();
        match known.models.get(&name) {
            Some(table) => {
                record.refs.push(table.clone());
                Ok(relation(table.clone()))
            }
            None => {
                record.unknown.push(Unknown::Ref(name.clone()));
                Ok(relation(TableName::new("", name)))
            }
        }
    });
    let (known, sink) = (renderer.known.clone(), record.clone());
    env.add_function("source", move |source: String, table: String| -> Value {
        let name = TableName::new(source.clone(), table.clone());
        let Some(known) = &known else { return relation(name) };
        let mut record = sink.lock();
        match known.sources.get(&(source.clone(), table.clone())) {
            Some(found) => {
                record.refs.push(found.clone());
                relation(found.clone())
            }
            None => {
                record.unknown.push(Unknown::Source(source, table));
                relation(name)
            }
        }
    });
}

/// `var` and `env_var`.
fn install_variables(env: &mut Environment<'static>, renderer: &Renderer) {
    let vars = renderer.vars.clone();
    env.add_function("var", move |name: String, default: Option<Value>| match (vars.get(&name), default) {
        (Some(value), _) => Ok(to_value(value)),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(invalid(format!(
            "required var \"{name}\" is not set; add it to vars in dbt_project.yml, or give var() a default"
        ))),
    });
    let lookup = renderer.env.env_var.clone();
    env.add_function("env_var", move |name: String, default: Option<String>| {
        lookup(&name)
            .or(default)
            .ok_or_else(|| invalid(format!("environment variable {name} is not set, and env_var() has no default")))
    });
}

/// `log`, `exceptions`, and what would need a running database.
fn install_messages(env: &mut Environment<'static>, file: &TextFile) {
    let shown = file.shown.display().to_string();
    env.add_function(
        "log",
        move |message: Value, info: Option<bool>, options: Kwargs| -> Result<&'static str, Error> {
            let info = info.or(options.get("info")?).unwrap_or(false);
            if info {
                tracing::info!(file = %shown, "{message}");
            } else {
                tracing::debug!(file = %shown, "{message}");
            }
            Ok("")
        },
    );
    env.add_function("print", |message: Value| {
        tracing::info!("{message}");
        ""
    });
    env.add_global("exceptions", Value::from_object(Exceptions));
    env.add_global("adapter", Value::from_object(Unavailable("adapter")));
    env.add_global("run_query", Value::from_object(Unavailable("run_query")));
    env.add_global("statement", Value::from_object(Unavailable("statement")));
    env.add_global("load_result", Value::from_object(Unavailable("load_result")));
    env.add_global("return", Value::from_object(Unavailable("return")));
    env.add_filter("as_number", |value: Value| value);
    env.add_filter("as_bool", |value: Value| value);
    env.add_filter("as_native", |value: Value| value);
    env.add_filter("as_text", |value: Value| value.to_string());
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// A relation: prints as SQL, and has `schema`, `identifier`, `name`, `database`.
#[derive(Debug)]
struct Relation(TableName);

fn relation(name: TableName) -> Value {
    Value::from_object(Relation(name))
}

impl Object for Relation {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "schema" => Some(Value::from(self.0.schema.clone())),
            "identifier" | "name" | "table" => Some(Value::from(self.0.name.clone())),
            "database" => Some(Value::from("lake")),
            _ => None,
        }
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.schema.is_empty() { f.write_str(&quote_ident(&self.0.name)) } else { f.write_str(&self.0.quoted()) }
    }
}

/// `config(key=value, …)`, `config({…})`, `config.get(key, default)`, `config.require(key)`.
#[derive(Debug)]
struct Config {
    record: Shared,
    place: Place,
}

impl Config {
    fn set_all(&self, values: Json) {
        if let Json::Object(values) = values {
            let mut record = self.record.lock();
            for (key, value) in values {
                record.settings.set(&key, value, self.place.clone());
            }
        }
    }
}

impl Object for Config {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        for arg in args {
            let json = from_value(arg);
            if !json.is_object() {
                return Err(invalid("config() takes keywords, as in config(materialized='table')"));
            }
            self.set_all(json);
        }
        Ok(Value::from(""))
    }
    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let key = args.first().and_then(Value::as_str).unwrap_or_default();
        let found = self.record.lock().settings.get(key).map(to_value);
        match (method, found) {
            ("get" | "require", Some(value)) => Ok(value),
            ("get", None) => Ok(args.get(1).cloned().unwrap_or_else(|| Value::from(()))),
            ("require", None) => Err(invalid(format!("required config \"{key}\" is not set"))),
            _ => Err(invalid(format!("config has no method {method}"))),
        }
    }
}

#[derive(Debug)]
struct Exceptions;

impl Object for Exceptions {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let message = args.first().map(ToString::to_string).unwrap_or_default();
        match method {
            "raise_compiler_error" => Err(invalid(message)),
            "warn" => {
                tracing::warn!("{message}");
                Ok(Value::from(""))
            }
            _ => Err(invalid(format!("exceptions has no method {method}"))),
        }
    }
}

/// What dbt has and we do not: models are compiled before anything runs.
#[derive(Debug)]
struct Unavailable(&'static str);

impl Unavailable {
    fn refuse(&self) -> Error {
        invalid(format!("{} is not available: models are compiled before anything runs", self.0))
    }
}

impl Object for Unavailable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Value]) -> Result<Value, Error> {
        Err(self.refuse())
    }
    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        _method: &str,
        _args: &[Value],
    ) -> Result<Value, Error> {
        Err(self.refuse())
    }
}
