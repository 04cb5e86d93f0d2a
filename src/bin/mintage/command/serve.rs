//! `mintage serve`.

mod jobs;
mod load;
mod settings;
mod sources;
mod store;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use mintage::code::Code;
use mintage::http::server::{self, Tls};
use mintage::http::{App, World};
use tokio::net::TcpListener;
use tracing::Level;

use self::settings::Settings;
use self::sources::Sources;
use self::watch::{Stop, Watch, Watched};
use crate::failure::{Failure, classify};
use crate::log::{Format, Log};
use crate::render::Terminal;
use crate::{clock, random};

/// Serve the same operations over HTTP
///
/// With --key it plays the vendor's part, with --license that of a customer's operator; what else is on follows from what
/// it is given, and is told when it starts. Every setting may stand in the environment or in --config too; a flag comes
/// before a variable, a variable before the file. Secrets are read from files, also from those of $CREDENTIALS_DIRECTORY
/// (admin-key, key, ledger, passphrase, license, license-key, tls-cert, tls-key), and again when these change. SIGHUP reads
/// everything again, --config too, and names in the log what only another start takes over; SIGTERM and SIGINT let requests
/// under way end.
///
/// On a ledger the servers judge their license anew a minute after the start and daily at 03:00 UTC, sweep what has expired,
/// sign a list of revocations that follows the ledger, and rotate the signing key where --rotate-days says so; each of these
/// on one server at a time. The license of the installation is that of $MINTAGE_LICENSE, else of --license, else what was
/// installed in the ledger; one that is refused is not passed over.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// TOML file of settings, named as these flags
    #[arg(long, value_name = "FILE", env = "MINTAGE_CONFIG")]
    config: Option<PathBuf>,
    /// Print the settings in force and stop
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let sources = Sources::new(arguments.settings.clone(), arguments.config.clone());
    let settings = match sources.read() {
        Ok(settings) => settings,
        Err(error) => return refused(error, &arguments.settings, terminal),
    };
    if arguments.print_config {
        for name in sources::unread_variables() {
            terminal.warning(&format!("{name} names no setting"));
        }
        let told = if terminal.json { format!("{}\n", settings.to_json()) } else { settings.to_toml() };
        terminal.data(told.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let known = settings.clone();
    start(Watched::new(sources, settings), terminal).or_else(|error| refused(error, &known, terminal))
}

/// Says why the server does not start: as a record where its log is read by programs, else as every command does.
fn refused(error: anyhow::Error, settings: &Settings, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if settings.log.as_deref() != Some("json") || terminal.json {
        return Err(error);
    }
    Log::start(Format::Json, level(settings));
    let (code, exit, hint) = classify(&error);
    let (code, hint) = (code.map(Code::as_str), hint.as_deref());
    tracing::error!(code, hint, error = format!("{error:#}"), "the server does not start");
    Ok(ExitCode::from(exit.status()))
}

fn start(watched: Watched, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let settings = &watched.settings;
    let (address, tls) = (address(settings)?, load::tls(settings)?);
    if !address.ip().is_loopback() && tls.is_none() && !settings.insecure_listen {
        let message = format!("{address} can be reached from other machines, and there is no TLS");
        let hint = "give --tls-cert and --tls-key, or say --insecure-listen when something in front encrypts";
        return Err(Failure::new(Code::Usage, message).hint(hint).into());
    }
    let (most, memory) = (settings.most_connections(), settings.document_mib());
    let roles = load::roles(settings, clock::now()?, None)?;
    // The last hand on the book must be outside of the runtime, which its threads may not wait in.
    let ledger = roles.ledger.clone();
    let format = if settings.log.as_deref() == Some("json") || terminal.json { Format::Json } else { Format::Text };
    Log::start(format, level(settings));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let world = World { now: Box::new(|| clock::now().ok()), fresh: Box::new(|| random::bytes().ok()) };
    let app = Arc::new(App::new(world, roles).with_document_memory(memory));
    runtime.context("the server cannot start")?.block_on(serve(watched, app, address, tls, most))?;
    drop(ledger);
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    watched: Watched,
    app: Arc<App>,
    address: SocketAddr,
    tls: Option<Tls>,
    most: usize,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::new(Code::ServerUnreachable, format_args!("{address} cannot be listened on: {error}"))
            .hint("stop what listens there, or choose another with --listen")
    })?;
    // Before anybody knows that the server is there, so that no signal finds it unprepared.
    let (stop, watch) = (Stop::new()?, Watch::new(watched, Arc::clone(&app), tls.clone()));
    let bound = listener.local_addr().context("the server has no address")?;
    for variable in sources::unread_variables() {
        tracing::warn!(variable, "a variable names no setting");
    }
    tracing::info!(address = %bound, tls = tls.is_some(), "listening");
    for (what, why_not) in app.roles().parts() {
        log_part(what, why_not);
    }
    let first = Arc::clone(&app);
    let settled = tokio::task::spawn_blocking(move || {
        first.adopt().and_then(|()| first.revalidate())?;
        first.follow().map_err(|problem| {
            let message = problem.cause.unwrap_or(problem.message);
            anyhow::Error::from(Failure::new(problem.code, message).unable())
        })
    });
    settled.await.context("the server cannot start")??;
    tokio::spawn(watch.run());
    tokio::spawn(jobs::run(Arc::clone(&app)));
    server::serve(app, listener, tls, most, stop.asked()).await.context("the server cannot start")?;
    tracing::info!("stopped");
    Ok(())
}

/// Says in the log whether a part is served, and why not.
fn log_part(what: &str, why_not: Option<&str>) {
    match why_not {
        None => tracing::info!(what, "serves"),
        Some(why) => tracing::info!(what, why, "does not serve"),
    }
}

fn address(settings: &Settings) -> anyhow::Result<SocketAddr> {
    let listen = settings.listen.as_deref().unwrap_or_default();
    listen.parse().map_err(|_| {
        let message = format!("`{listen}` is not an address and a port");
        Failure::new(Code::Usage, message).hint("write 127.0.0.1:7420 or [::1]:7420").into()
    })
}

fn level(settings: &Settings) -> Level {
    match settings.log_level.as_deref() {
        Some("error") => Level::ERROR,
        Some("warn") => Level::WARN,
        Some("debug") => Level::DEBUG,
        _ => Level::INFO,
    }
}
