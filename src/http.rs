//! The operations over HTTP: a route reads a request, runs the operation that the command of its name runs, and renders what
//! that gave. It decides nothing itself.
//!
//! [`router`] is the whole API without a socket; [`server::serve`] puts it behind one. The list of routes is a table, from
//! which the router and the API's description ([`describe`]) both come.

mod answers;
mod app;
mod auth;
mod call;
mod checked;
mod dispatch;
mod enclosed;
mod follow;
mod gate;
mod host;
mod jobs;
mod limit;
mod metrics;
mod openapi;
mod problem;
mod proxies;
mod request_ids;
mod room;
mod route;
mod routes;
mod schema;
pub mod server;
mod steps;
pub mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodFilter, on};

pub use app::{App, Given, Roles, Rotation, World};
pub use auth::{MIN_SECRET_BYTES, SecretError, Secrets};
pub use call::Peer;
pub use checked::Checked;
pub use host::Hosts;
pub use jobs::REFRESH_MINUTES;
pub use limit::Allowance;
pub use openapi::describe;
pub use problem::Problem;
pub use proxies::Proxies;
pub use routes::SESSIONS;

use dispatch::Way;
use metrics::Tally;
use route::Method;

/// Returns every route, and what answers where there is none.
pub fn router(app: Arc<App>) -> Router {
    let answer = move |way: Way, path| {
        let (app, tally) = (Arc::clone(&app), Tally::of(path));
        move |request: Request| dispatch::answer(Arc::clone(&app), way, Arc::clone(&tally), request)
    };
    let mut router = Router::new();
    for route in routes::TABLE {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        for path in route.paths {
            router = router.route(path, on(filter, answer(Way::Route(route), path)));
        }
    }
    router.fallback(answer(Way::Nowhere, "other")).method_not_allowed_fallback(answer(Way::Otherwise, "other"))
}
