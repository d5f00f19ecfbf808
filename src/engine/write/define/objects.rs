//! DROP and COMMENT ON of objects that are no relations: of most kinds there are none, and of the others those that PostgreSQL
//! brings along, which nobody may drop.

use datafusion::common::TableReference;

use super::super::{Change, unsupported};
use super::drop::{with_article, wrong_kind};
use super::schemas;
use crate::dialect::{Form, GrantCommand, NamedObject, ObjectCommand, PUBLIC, TypeName};
use crate::engine::SessionInfo;
use crate::engine::control::EXTENSIONS;
use crate::engine::names::Relation;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::{format_type, object_named, text_of_reg};

pub(super) fn carry_out(change: &Change, command: &ObjectCommand) -> Result<()> {
    let state = change.state();
    let Some(session) = SessionInfo::of(state.config_options()) else {
        return Err(unsupported("a statement about such objects outside of a session"));
    };
    let lookup = Lookup { change, session };
    match command {
        ObjectCommand::Drop { objects, if_exists } => {
            objects.iter().try_for_each(|object| lookup.drop(object, *if_exists))
        }
        ObjectCommand::Comment(object) => lookup.comment(object),
        ObjectCommand::Grant(GrantCommand::Objects { grants, objects, grantees }) => {
            lookup.check_grantees(grantees)?;
            objects.iter().try_for_each(|object| lookup.grant(object, *grants, grantees))
        }
        ObjectCommand::Grant(GrantCommand::Defaults { grants, roles, schemas, kind, grantees }) => {
            lookup.check_grantees(roles)?;
            lookup.check_grantees(grantees)?;
            schemas.iter().try_for_each(|schema| schemas::check_exists(change, schema))?;
            // what is new is everybody's: granting more changes nothing, and less is not kept; of the others there are none
            let is_kept = *grants || ["FUNCTIONS", "ROUTINES", "TYPES"].contains(&kind.as_str());
            match is_kept || !grantees.iter().any(|name| is_everybody(name)) {
                true => Ok(()),
                false => Err(unsupported("ALTER DEFAULT PRIVILEGES … REVOKE")
                    .with_hint("GRANT and REVOKE on a table, once it is there, say whose it is")),
            }
        }
    }
}

/// What came of looking for an object.
enum Found {
    /// What messages call it.
    There(String),
    /// What a notice says, and the error.
    Missing(String, Error),
}

struct Lookup<'a> {
    change: &'a Change,
    session: &'a SessionInfo,
}

fn missing(kind: ErrorKind, what: String) -> Found {
    let message = format!("{what} does not exist");
    missing_as(&what, Error::new(kind, message))
}

/// Where the error has other words than the notice.
fn missing_as(what: &str, error: Error) -> Found {
    Found::Missing(format!("{what} does not exist"), error)
}

impl Lookup<'_> {
    fn drop(&self, object: &NamedObject, if_exists: bool) -> Result<()> {
        match self.find(object)? {
            Found::There(told) => {
                let message = format!("cannot drop {told} because it is required by the database system");
                Err(Error::new(ErrorKind::DependentObjects, message))
            }
            Found::Missing(notice, _) if if_exists => {
                self.change.notice("00000", format!("{notice}, skipping"));
                Ok(())
            }
            Found::Missing(_, error) => Err(error),
        }
    }

    fn comment(&self, object: &NamedObject) -> Result<()> {
        let is_database = object.kind.noun == "database";
        match self.find(object) {
            Ok(Found::There(told)) => self.change.notice("00000", format!("a comment on {told} is not kept")),
            // of the one that is open
            Err(error) if is_database && error.kind() == ErrorKind::ObjectInUse => {
                self.change.notice("00000", "a comment on the database is not kept".to_owned());
            }
            // as a dump that is read into a database of another name
            Ok(Found::Missing(_, error)) if is_database => self.change.warn("3D000", error.message().to_owned()),
            Ok(Found::Missing(_, error)) => return Err(error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn check_grantees(&self, names: &[String]) -> Result<()> {
        let meant = ["current_user", "current_role", "session_user"];
        let named = names.iter().filter(|name| !is_everybody(name) && !meant.contains(&name.as_str()));
        named.into_iter().try_for_each(|name| self.session.check_role(name))
    }

    /// Everybody may use what PostgreSQL brings along.
    fn grant(&self, object: &NamedObject, grants: bool, grantees: &[String]) -> Result<()> {
        match self.find(object)? {
            Found::Missing(_, error) => Err(error),
            // no function is made in a language, and no tablespace but the one is used
            Found::There(_) if grants || ["language", "tablespace"].contains(&object.kind.noun) => Ok(()),
            Found::There(_) if !grantees.iter().any(|name| is_everybody(name)) => Ok(()),
            Found::There(told) => Err(unsupported(&format!("REVOKE on {told} from PUBLIC"))),
        }
    }

    fn find(&self, object: &NamedObject) -> Result<Found> {
        let schemas = [&object.name, &object.of].into_iter().chain(object.types.iter().flatten().map(|t| &t.name));
        for name in schemas {
            if let [schema, _, ..] = name.as_slice()
                && self.session.metadata().namespace_named(schema).is_none()
            {
                return Ok(missing(ErrorKind::InvalidSchemaName, format!("schema \"{schema}\"")));
            }
        }
        let mut types = Vec::new();
        for named in object.types.iter().flatten() {
            match self.type_named(named) {
                Some(oid) => types.push(format_type(oid, -1)),
                None if named.name.is_empty() => types.push("NONE".to_owned()),
                None => return Ok(missing(ErrorKind::UndefinedObject, format!("type \"{}\"", named.told()))),
            }
        }
        match object.kind.form {
            Form::Name | Form::InSchema => self.plain(object),
            Form::Routine => self.routine(object, &types),
            Form::On => self.on_relation(object),
            Form::Using => self.of_method(object),
            Form::Operator => Ok(self.operator(object, &types)),
            Form::Cast => Ok(self.cast(object, &types)),
            Form::Transform => Ok(transform(object, &types)),
            Form::Mapping => Ok(self.mapping(object)),
        }
    }

    fn type_named(&self, named: &TypeName) -> Option<u32> {
        object_named(self.session, "type", &named.told())
    }

    fn plain(&self, object: &NamedObject) -> Result<Found> {
        let (noun, name) = (object.kind.noun, object.name.join("."));
        let quoted = format!("{noun} \"{name}\"");
        match noun {
            "database" if name == self.change.planner.database() => {
                return Err(Error::new(ErrorKind::ObjectInUse, "cannot drop the currently open database"));
            }
            "database" => return Ok(missing(ErrorKind::InvalidCatalogName, quoted)),
            "foreign table" => {
                return match self.change.planner.relation(&reference(&object.name)) {
                    Ok(Relation::Object(other)) => Err(wrong_kind(&name, noun, other.noun())),
                    _ => Ok(missing(ErrorKind::UndefinedObject, quoted)),
                };
            }
            "extension" if EXTENSIONS.contains(&name.as_str()) => return Ok(Found::There(format!("{noun} {name}"))),
            _ => {}
        }
        let Some(oid) = object_named(self.session, noun, &name) else {
            // a domain is a type
            let told = if noun == "domain" { format!("type \"{name}\"") } else { quoted };
            let mut message = format!("{told} does not exist");
            if noun == "collation" {
                message = format!("{told} for encoding \"UTF8\" does not exist");
            }
            return Ok(missing_as(&told, Error::new(ErrorKind::UndefinedObject, message)));
        };
        match noun {
            "domain" => Err(Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a domain"))),
            "type" if self.change.planner.relation(&reference(&object.name)).is_ok() => {
                let relation = self.change.planner.relation(&reference(&object.name))?;
                let kind = if let Relation::Object(known) = &relation { known.noun() } else { "table" };
                let message = format!("cannot drop type {name} because {kind} {name} requires it");
                let error = Error::new(ErrorKind::DependentObjects, message);
                Err(error.with_hint(format!("You can drop {kind} {name} instead.")))
            }
            "type" => Ok(Found::There(format!("type {}", format_type(oid, -1)))),
            "collation" => Ok(Found::There(format!("collation {}", text_of_reg(self.session, "regcollation", oid)))),
            _ => Ok(Found::There(format!("{noun} {name}"))),
        }
    }

    fn routine(&self, object: &NamedObject, types: &[String]) -> Result<Found> {
        let (noun, name) = (object.kind.noun, object.name.join("."));
        let bare = object.name.last().map(String::as_str).unwrap_or_default();
        // in errors a routine is a function
        let called = if noun == "routine" { "function" } else { noun };
        let found = match &object.types {
            None => object_named(self.session, "regproc", bare),
            Some(_) => object_named(self.session, "regprocedure", &format!("{bare}({})", types.join(","))),
        };
        if let Some(oid) = found {
            let told = text_of_reg(self.session, "regprocedure", oid);
            let is_ours = self.session.metadata().procedures.iter().any(|procedure| procedure.oid == oid);
            if noun == "procedure" && !is_ours {
                return Err(Error::new(ErrorKind::WrongObjectType, format!("{told} is not a procedure")));
            }
            return Ok(Found::There(format!("{called} {told}")));
        }
        let told = object.types.iter().flatten().map(TypeName::told).collect::<Vec<_>>().join(",");
        let arguments = if object.of_rows { "*".to_owned() } else { types.join(", ") };
        let message = match object.types {
            None => format!("could not find {} named \"{name}\"", with_article(called)),
            Some(_) => format!("{called} {name}({arguments}) does not exist"),
        };
        Ok(missing_as(&format!("{noun} {name}({told})"), Error::new(ErrorKind::UndefinedFunction, message)))
    }

    fn on_relation(&self, object: &NamedObject) -> Result<Found> {
        let (noun, name, table) = (object.kind.noun, object.name.join("."), object.of.join("."));
        match self.change.planner.relation(&reference(&object.of)) {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                Ok(missing(ErrorKind::UndefinedTable, format!("relation \"{table}\"")))
            }
            Err(error) => Err(error),
            Ok(_) => {
                let bare = object.of.last().map(String::as_str).unwrap_or_default();
                let of = if noun == "rule" { "relation" } else { "table" };
                let message = format!("{noun} \"{name}\" for {of} \"{bare}\" does not exist");
                let told = format!("{noun} \"{name}\" for relation \"{table}\"");
                Ok(missing_as(&told, Error::new(ErrorKind::UndefinedObject, message)))
            }
        }
    }

    fn of_method(&self, object: &NamedObject) -> Result<Found> {
        let (noun, name, method) = (object.kind.noun, object.name.join("."), object.of.join("."));
        if object_named(self.session, "access method", &method).is_none() {
            let message = format!("access method \"{method}\" does not exist");
            return Err(Error::new(ErrorKind::UndefinedObject, message));
        }
        let bare = object.name.last().map(String::as_str).unwrap_or_default();
        Ok(match object_named(self.session, noun, bare) {
            Some(_) => Found::There(format!("{noun} {name} for access method {method}")),
            None => {
                let message = format!("{noun} \"{name}\" does not exist for access method \"{method}\"");
                Found::Missing(message.clone(), Error::new(ErrorKind::UndefinedObject, message))
            }
        })
    }

    fn operator(&self, object: &NamedObject, types: &[String]) -> Found {
        let name = object.name.join(".");
        let bare = object.name.last().map(String::as_str).unwrap_or_default();
        match object_named(self.session, "regoperator", &format!("{bare}({})", types.join(","))) {
            Some(oid) => Found::There(format!("operator {}", text_of_reg(self.session, "regoperator", oid))),
            None => {
                let sides = types.iter().map(|side| if side == "NONE" { "" } else { side });
                let shown = sides.collect::<Vec<_>>().join(&format!(" {name} "));
                let message = format!("operator does not exist: {}", shown.trim());
                missing_as(&format!("operator {name}"), Error::new(ErrorKind::UndefinedFunction, message))
            }
        }
    }

    fn cast(&self, object: &NamedObject, types: &[String]) -> Found {
        let between = |types: &[String]| format!("cast from type {}", types.join(" to type "));
        let oids: Vec<u32> = object.types.iter().flatten().filter_map(|named| self.type_named(named)).collect();
        if let [from, to] = oids.as_slice()
            && crate::pgcatalog::explicit_casts().contains(&(*from, *to))
        {
            return Found::There(format!("cast from {}", types.join(" to ")));
        }
        let told: Vec<String> = object.types.iter().flatten().map(TypeName::told).collect();
        let message = format!("{} does not exist", between(types));
        missing_as(&between(&told), Error::new(ErrorKind::UndefinedObject, message))
    }

    fn mapping(&self, object: &NamedObject) -> Found {
        let (user, server) = (object.name.join("."), object.of.join("."));
        let is_known = ["public", "user", "current_user", "current_role", "session_user"].contains(&user.as_str());
        match self.session.check_role(&user) {
            Err(_) if !is_known => missing(ErrorKind::UndefinedObject, format!("role \"{user}\"")),
            _ => missing(ErrorKind::UndefinedObject, format!("server \"{server}\"")),
        }
    }
}

fn is_everybody(name: &str) -> bool {
    name == PUBLIC || name == "public"
}

fn transform(object: &NamedObject, types: &[String]) -> Found {
    let language = object.of.join(".");
    let of = |data_type: &str| format!("transform for type {data_type} language \"{language}\"");
    let told = object.types.iter().flatten().map(TypeName::told).collect::<String>();
    let message = format!("{} does not exist", of(&types.concat()));
    missing_as(&of(&told), Error::new(ErrorKind::UndefinedObject, message))
}

fn reference(name: &[String]) -> TableReference {
    match name {
        [schema, name] => TableReference::partial(schema.as_str(), name.as_str()),
        _ => TableReference::bare(name.last().map(String::as_str).unwrap_or_default()),
    }
}
