//! The API's description: checked in, and what the routes do. `UPDATE=1 cargo test --test it described` rewrites it.

use std::path::Path;

use mintage::json::{self, Value};

use super::Server;

const PATH: &str = "examples/deploy/openapi.json";

#[test]
fn the_description_that_is_checked_in_is_that_of_the_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    let described = Server::vendor().get("/openapi.json").body;
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &described).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == described, "{PATH} has drifted; `UPDATE=1 cargo test --test it described` rewrites it");
}

#[test]
fn every_route_that_is_described_is_there() {
    let server = Server::vendor();
    let described = server.get("/openapi.json").body;
    let member = |value: Value<'static>, name: &str| {
        let members = value.into_object(name).unwrap();
        members.into_iter().find(|(found, _)| found == name).unwrap().1
    };
    let described: &'static str = described.leak();
    let paths = member(json::parse(described.trim().as_bytes()).unwrap(), "paths").into_object("paths").unwrap();
    assert!(paths.len() >= 10);
    for (path, operations) in paths {
        for (method, _) in operations.into_object("path").unwrap() {
            let path = path.replace(['{', '}'], "");
            let request = super::request(&method.to_uppercase(), &path, &[]).body(axum::body::Body::empty());
            let answer = server.send(request.unwrap());
            assert!(!answer.body.contains("there is no route") && answer.status != 405, "{method} {path}");
        }
    }
}
