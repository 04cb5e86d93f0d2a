//! The description of the API, printed from the routes and schemas themselves.

use std::collections::BTreeMap;

use super::answers::PROBLEM;
use super::route::{Caller, Gives, Method, Route, Takes};
use super::routes::TABLE;
use super::schema::{Holds, Schema};
use crate::json::Writer;

const JSON: &str = "application/json";

/// Statuses that every route may answer with.
const ANY_ROUTE: [u16; 3] = [400, 421, 500];

/// Returns the description: `OpenAPI` 3.1, canonical JSON.
pub fn describe() -> String {
    let mut schemas = BTreeMap::new();
    collect(&PROBLEM, &mut schemas);
    for route in TABLE {
        if let Takes::Json(schema) | Takes::Document(schema) = route.takes {
            collect(schema, &mut schemas);
        }
        if let Gives::Json(schema) = route.gives {
            collect(schema, &mut schemas);
        }
        if let Some((_, schema)) = route.no {
            collect(schema, &mut schemas);
        }
    }
    let mut out = Writer::default();
    out.begin_object();
    out.name("components").begin_object();
    out.name("schemas").begin_object();
    for (name, schema) in schemas {
        write_schema(out.name(name), schema);
    }
    out.end_object();
    out.name("securitySchemes").raw(concat!(
        r#"{"adminKey":{"in":"header","name":"X-Admin-Api-Key","type":"apiKey"},"#,
        r#""bearer":{"scheme":"bearer","type":"http"},"#,
        r#""licenseKey":{"in":"header","name":"X-License-Key","type":"apiKey"}}"#
    ));
    out.end_object();
    out.name("info").begin_object();
    out.name("description")
        .string("Mints, verifies and inspects software licenses: the operations of the command line over HTTP.");
    out.name("license").raw(r#"{"identifier":"MIT OR Apache-2.0","name":"MIT OR Apache-2.0"}"#);
    out.name("title").string("mintage");
    out.name("version").string(env!("CARGO_PKG_VERSION"));
    out.end_object();
    out.name("openapi").string("3.1.0");
    out.name("paths").begin_object();
    let mut paths: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    TABLE.iter().for_each(|route| paths.entry(route.paths[0]).or_default().push(route));
    for (path, mut routes) in paths {
        routes.sort_by_key(|route| route.method.as_str());
        out.name(path).begin_object();
        routes.iter().for_each(|route| write_route(out.name(route.method.as_str()), route));
        out.end_object();
    }
    out.end_object();
    out.end_object();
    out.finish()
}

fn write_route(out: &mut Writer, route: &Route) {
    out.begin_object();
    out.name("operationId").string(&operation_id(route));
    write_parameters(out, route);
    if let Some(schema) = match route.takes {
        Takes::Nothing => None,
        Takes::Json(schema) | Takes::Document(schema) => Some(schema),
    } {
        out.name("requestBody").begin_object();
        out.name("content").begin_object();
        out.name(JSON).begin_object();
        route.example.iter().for_each(|example| out.name("example").raw(example));
        refer(out.name("schema"), schema);
        out.end_object();
        if matches!(route.takes, Takes::Document(_)) {
            write_content(out, "text/plain", |out| out.raw(r#"{"minLength":1,"type":"string"}"#));
        }
        out.end_object();
        out.name("required").bool(true);
        out.end_object();
    }
    out.name("responses").begin_object();
    let mut statuses: Vec<u16> = [200].into_iter().chain(ANY_ROUTE).chain(route.refusals.iter().copied()).collect();
    if route.method == Method::Post {
        statuses.extend([408, 413]);
    }
    if route.blocks {
        statuses.extend([404, 409, 503]);
    }
    if route.caller != Caller::Anyone {
        statuses.extend([401, 404, 429]);
    }
    statuses.extend(route.no.iter().map(|(status, _)| *status));
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        out.key(&status.to_string()).begin_object();
        out.name("content").begin_object();
        match (status, route.gives) {
            (200, Gives::Json(schema)) => write_content(out, JSON, |out| refer(out, schema)),
            (200, Gives::Other(content_type)) => {
                write_content(out, content_type, |out| out.raw(r#"{"type":"string"}"#));
            }
            (200, Gives::AnyOf(content_types)) => {
                for content_type in content_types {
                    let schema = if *content_type == JSON { r#"{"type":"object"}"# } else { r#"{"type":"string"}"# };
                    write_content(out, content_type, |out| out.raw(schema));
                }
            }
            _ => {
                let no = route.no.filter(|(no, _)| *no == status).map_or(&PROBLEM, |(_, schema)| schema);
                write_content(out, JSON, |out| refer(out, no));
            }
        }
        out.end_object();
        out.name("description").string(if status == 200 { "The answer" } else { "Why there is none" });
        out.end_object();
    }
    out.end_object();
    match route.caller {
        Caller::Admin => out.name("security").raw(r#"[{"adminKey":[]},{"bearer":[]}]"#),
        Caller::Anyone => {}
        Caller::Program => out.name("security").raw(r#"[{"licenseKey":[]},{"adminKey":[]},{"bearer":[]}]"#),
    }
    out.name("summary").string(route.about);
    out.end_object();
}

fn write_parameters(out: &mut Writer, route: &Route) {
    let has_id = route.paths[0].contains("{id}");
    if !has_id && route.query.is_empty() {
        return;
    }
    out.name("parameters").begin_array();
    if has_id {
        out.raw(r#"{"example":"lic-1","in":"path","name":"id","required":true,"schema":{"type":"string"}}"#);
    }
    for member in route.query {
        out.begin_object();
        out.name("description").string(member.about);
        out.name("in").string("query");
        out.name("name").string(member.name);
        out.name("required").bool(member.required);
        write_held(out.name("schema"), member.holds, None);
        out.end_object();
    }
    out.end_array();
}

/// Names an operation after its path: `post /api/v1/keys/revoke` is `keysRevoke`.
fn operation_id(route: &Route) -> String {
    let path = route.paths[0].trim_start_matches("/api/v1").trim_matches('/');
    let words = path.split(['/', '-', '.', '{', '}']).filter(|word| !word.is_empty());
    let mut id = String::from(if route.method == Method::Get { "get" } else { "" });
    if path.is_empty() {
        id.push_str("Page");
    }
    for word in words {
        match word.chars().next() {
            Some(first) if !id.is_empty() => id.extend(first.to_uppercase().chain(word.chars().skip(1))),
            _ => id.push_str(word),
        }
    }
    id
}

fn write_content(out: &mut Writer, content_type: &'static str, schema: impl FnOnce(&mut Writer)) {
    out.name(content_type).begin_object();
    schema(out.name("schema"));
    out.end_object();
}

fn refer(out: &mut Writer, schema: &Schema) {
    out.begin_object();
    out.name("$ref").string(&format!("#/components/schemas/{}", schema.name));
    out.end_object();
}

fn collect(schema: &'static Schema, found: &mut BTreeMap<&'static str, &'static Schema>) {
    if found.insert(schema.name, schema).is_none() {
        schema.members.iter().for_each(|member| collect_held(member.holds, found));
    }
}

fn collect_held(holds: Holds, found: &mut BTreeMap<&'static str, &'static Schema>) {
    match holds {
        Holds::List(held) | Holds::Map(held) | Holds::Maybe(held) => collect_held(*held, found),
        Holds::Object(schema) => collect(schema, found),
        _ => {}
    }
}

fn write_schema(out: &mut Writer, schema: &Schema) {
    out.begin_object();
    out.name("additionalProperties").bool(schema.open);
    out.name("description").string(schema.about);
    let mut members: Vec<_> = schema.members.iter().collect();
    members.sort_by_key(|member| member.name);
    out.name("properties").begin_object();
    for member in &members {
        out.name(member.name);
        match member.holds {
            // What a body may leave out may as well be `null` in it.
            holds if !member.required && !matches!(holds, Holds::Any | Holds::Maybe(_)) => {
                write_maybe(out, holds, Some(member.about));
            }
            holds => write_held(out, holds, Some(member.about)),
        }
    }
    out.end_object();
    let required: Vec<_> = members.iter().filter(|member| member.required).collect();
    if !required.is_empty() {
        out.name("required").begin_array();
        required.iter().for_each(|member| out.string(member.name));
        out.end_array();
    }
    out.name("type").string("object");
    out.end_object();
}

fn write_maybe(out: &mut Writer, holds: Holds, about: Option<&str>) {
    out.begin_object();
    out.name("anyOf").begin_array();
    write_held(out, holds, None);
    out.raw(r#"{"type":"null"}"#);
    out.end_array();
    write_about(out, about);
    out.end_object();
}

fn write_about(out: &mut Writer, about: Option<&str>) {
    about.filter(|about| !about.is_empty()).iter().for_each(|about| out.name("description").string(about));
}

fn write_held(out: &mut Writer, holds: Holds, about: Option<&str>) {
    if let Holds::Maybe(held) = holds {
        return write_maybe(out, *held, about);
    }
    out.begin_object();
    match holds {
        Holds::Map(held) => write_held(out.name("additionalProperties"), *held, None),
        Holds::Object(schema) => {
            out.name("allOf").begin_array();
            refer(out, schema);
            out.end_array();
        }
        _ => {}
    }
    write_about(out, about);
    match holds {
        Holds::Bool => out.name("type").string("boolean"),
        Holds::Count => {
            out.name("maximum").integer(i64::MAX.into());
            out.name("minimum").integer(0);
            out.name("type").string("integer");
        }
        Holds::Integer => out.name("type").string("integer"),
        Holds::List(held) => {
            write_held(out.name("items"), *held, None);
            out.name("type").string("array");
        }
        Holds::Map(_) => out.name("type").string("object"),
        Holds::OneOf(words) => {
            out.name("enum").begin_array();
            words.iter().for_each(|word| out.string(word));
            out.end_array();
            out.name("type").string("string");
        }
        Holds::Document | Holds::Text | Holds::When => out.name("type").string("string"),
        Holds::Time => {
            out.name("format").string("date-time");
            out.name("type").string("string");
        }
        Holds::Any | Holds::Maybe(_) | Holds::Object(_) => {}
    }
    out.end_object();
}
