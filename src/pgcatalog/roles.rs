//! Roles and who is a member of which, as `pg_catalog` and `information_schema` tell them.

use std::collections::BTreeSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::columns::Columns;
use super::{OWNER, OWNER_OID};
use crate::catalog::memberships::DATABASE_OWNER;
use crate::engine::{Role, SessionInfo};

/// What stands for a password where PostgreSQL does not tell it.
const HIDDEN: &str = "********";

fn every_role(session: &SessionInfo, schema: &SchemaRef, password: Option<&'static str>) -> Result<RecordBatch> {
    let roles = session.roles();
    let is_owner = |role: &Role| session.is_owner(&role.name);
    Columns::of(&roles)
        .oid("oid", |role| role.oid)
        .text("rolname", |role| &role.name)
        .flag("rolsuper", is_owner)
        .flag("rolinherit", |_| true)
        .flag("rolcreaterole", is_owner)
        .flag("rolcreatedb", is_owner)
        .flag("rolcanlogin", |role| role.can_login)
        .flag("rolreplication", is_owner)
        .flag("rolbypassrls", is_owner)
        .int("rolconnlimit", |_| -1)
        .opt_text("rolpassword", |_| password)
        .build(schema)
}

pub(super) fn pg_roles(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    every_role(session, schema, Some(HIDDEN))
}

/// Without passwords: those of the configuration are told to nobody.
pub(super) fn pg_authid(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    every_role(session, schema, None)
}

fn users(session: &SessionInfo, schema: &SchemaRef, password: Option<&'static str>) -> Result<RecordBatch> {
    let roles: Vec<Role> = session.roles().into_iter().filter(|role| role.can_login).collect();
    let is_owner = |role: &Role| session.is_owner(&role.name);
    Columns::of(&roles)
        .text("usename", |role| &role.name)
        .oid("usesysid", |role| role.oid)
        .flag("usecreatedb", is_owner)
        .flag("usesuper", is_owner)
        .flag("userepl", is_owner)
        .flag("usebypassrls", is_owner)
        .opt_text("passwd", |_| password)
        .build(schema)
}

pub(super) fn pg_user(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    users(session, schema, Some(HIDDEN))
}

/// Without passwords, as [`pg_authid`].
pub(super) fn pg_shadow(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    users(session, schema, None)
}

/// Roles with each of their members, by OID.
fn members(session: &SessionInfo) -> Vec<(u32, u32)> {
    let roles = session.roles();
    let oid = |name: &str| roles.iter().find(|role| role.name == name).map(|role| role.oid);
    let memberships = session.memberships();
    let mut members: Vec<_> = memberships.all().filter_map(|(role, member)| Some((oid(role)?, oid(member)?))).collect();
    members.sort_unstable_by_key(|(role, member)| (*member, *role));
    members
}

/// Roles that nobody logs in as, with their members.
pub(super) fn pg_group(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let members = members(session);
    let groups: Vec<Role> = session.roles().into_iter().filter(|role| !role.can_login).collect();
    let of = |group: &Role| -> Vec<i32> {
        members.iter().filter(|(role, _)| *role == group.oid).map(|(_, member)| *member as i32).collect()
    };
    Columns::of(&groups)
        .text("groname", |role| &role.name)
        .oid("grosysid", |role| role.oid)
        .numbers("grolist", |role| Some(of(role)))
        .build(schema)
}

pub(super) fn pg_auth_members(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let members = members(session);
    Columns::of(&members)
        .oid("roleid", |(role, _)| *role)
        .oid("member", |(_, member)| *member)
        .oid("grantor", |_| OWNER_OID)
        .flag("admin_option", |_| false)
        .build(schema)
}

/// The roles that the user of the session acts as: the owner of the lake as every one.
pub(super) fn enabled(session: &SessionInfo) -> Vec<String> {
    let memberships = session.memberships();
    let own: BTreeSet<&str> = memberships.of(session.user());
    let is_mine = |role: &Role| session.is_owner(session.user()) || own.contains(role.name.as_str());
    session.roles().into_iter().filter(is_mine).map(|role| role.name).collect()
}

pub(super) fn enabled_roles(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let roles = enabled(session);
    Columns::of(&roles).text("role_name", |role| role.as_str()).build(schema)
}

/// Memberships of the roles that the user acts as.
pub(super) fn applicable_roles(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let (memberships, enabled) = (session.memberships(), enabled(session));
    let is_mine = |member: &str| enabled.iter().any(|role| role == member);
    let all: Vec<(&str, &str)> = std::iter::once((DATABASE_OWNER, OWNER))
        .chain(memberships.all())
        .filter(|(_, member)| is_mine(member))
        .collect();
    Columns::of(&all)
        .text("grantee", |(_, member)| *member)
        .text("role_name", |(role, _)| *role)
        .text("is_grantable", |_| "NO")
        .build(schema)
}
