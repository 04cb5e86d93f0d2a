//! A throw-away PostgreSQL cluster on a socket in a folder of its own, or the server that `MINTAGE_TEST_POSTGRES` names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

/// Databases on a server, which stops when the last of these is dropped.
pub(super) struct Cluster {
    server: Arc<Server>,
    /// Sets its databases apart from those of other tests.
    mark: String,
    made: BTreeSet<String>,
}

pub(super) struct Server {
    child: Option<Child>,
    /// Where its socket is; the folder goes with it.
    folder: Option<TempDir>,
    url: String,
    /// Where it listens, if not on its socket alone.
    pub(super) port: u16,
}

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());

impl Cluster {
    /// Starts a server, or joins the one that runs; nothing where there are no programs for it.
    pub(super) fn start() -> Option<Self> {
        let mut running = RUNNING.lock().unwrap();
        if let Some(server) = running.upgrade() {
            return Some(Self::on(server));
        }
        let server = Arc::new(if let Ok(url) = std::env::var("MINTAGE_TEST_POSTGRES") {
            Server { child: None, folder: None, url, port: 0 }
        } else {
            let Some(programs) = programs() else {
                let required = std::env::var_os("MINTAGE_TEST_REQUIRE").is_some_and(|value| value == "1");
                assert!(!required, "the programs of PostgreSQL are not here");
                return None;
            };
            Server::start(&programs, 0, &[])
        });
        *running = Arc::downgrade(&server);
        Some(Self::on(server))
    }

    fn on(server: Arc<Server>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("mintage_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { server, mark, made: BTreeSet::new() }
    }

    /// Makes an empty database unless it is there, and returns its address.
    pub(super) fn database(&mut self, name: &str) -> String {
        let name = format!("{}_{name}", self.mark);
        let server = &self.server.url;
        if self.made.insert(name.clone()) {
            self.server.tell(&format!("CREATE DATABASE {name}"));
        }
        let (address, query) =
            server.split_once('?').map_or((server.as_str(), ""), |(address, query)| (address, query));
        let base = address.rsplit_once('/').map_or(address, |(base, _)| base);
        format!("{base}/{name}?{query}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One of our own goes with its folder.
        if self.server.child.is_none() {
            self.made.iter().for_each(|name| self.server.tell(&format!("DROP DATABASE {name} WITH (FORCE)")));
        }
    }
}

/// The folder of the server's programs, the newest first.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.into_iter().rev().find(|folder| folder.join("initdb").is_file())
}

impl Server {
    /// Starts one that listens on this machine, and presents a certificate if it is given one with its key.
    pub(super) fn with_tls(programs: &Path, presented: Option<(&Path, &Path)>) -> Self {
        // Free a moment ago; should another take it, the server says so and the test fails.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let files: Vec<(&str, &Path)> = presented
            .map_or(Vec::new(), |(certificate, key)| vec![("ssl_cert_file", certificate), ("ssl_key_file", key)]);
        Self::start(programs, port, &files)
    }

    fn start(programs: &Path, port: u16, presented: &[(&str, &Path)]) -> Self {
        let folder = TempDir::with_prefix("mintage-pg-").unwrap();
        // The server refuses to run as root.
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            let owned = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
            assert!(owned.success(), "there is no user `postgres` to run the server");
        }
        let command = |program: &str| {
            let program = programs.join(program);
            let mut command = Command::new(if is_root { Path::new("setpriv") } else { &program });
            if is_root {
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(&program);
            }
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let data = folder.path().join("data");
        let mut initdb = command("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8", "-D"]).arg(&data);
        assert!(initdb.status().unwrap().success(), "initdb failed");
        // The server wants its key for itself.
        let own = |(setting, path): &(&str, &Path)| {
            let copy = folder.path().join(setting);
            let install = if is_root { vec!["-o", "postgres"] } else { Vec::new() };
            let installed = Command::new("install").args(install).args(["-m", "600"]).arg(path).arg(&copy).status();
            assert!(installed.unwrap().success());
            format!("{setting}={}", copy.display())
        };
        let presents: Vec<String> = presented.iter().map(own).collect();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut server = command("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-N", "200"]);
        server.args(["-c", if port == 0 { "listen_addresses=" } else { "listen_addresses=127.0.0.1" }]);
        if port != 0 {
            server.args(["-p", &port.to_string()]);
        }
        for setting in &presents {
            server.args(["-c", "ssl=on", "-c", setting]);
        }
        let child = server.stderr(log).spawn().unwrap();
        let at = if port == 0 { String::new() } else { format!("&port={port}") };
        let url = format!("postgres:///postgres?host={}&user=postgres{at}", folder.path().display());
        let server = Self { child: Some(child), folder: Some(folder), url, port };
        server.wait();
        server
    }

    fn tell(&self, sql: &str) {
        postgres::Client::connect(&self.url, postgres::NoTls).unwrap().batch_execute(sql).unwrap();
    }

    /// Waits until it answers.
    fn wait(&self) {
        let began = std::time::Instant::now();
        while let Err(error) = postgres::Client::connect(&self.url, postgres::NoTls) {
            assert!(began.elapsed().as_secs() < 60, "{error}: {}", self.log());
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        let folder = self.folder.as_ref().map(|folder| folder.path().join("log"));
        folder.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // SIGINT: end at once, in order. `setpriv` has become the server itself.
            let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            if stopped.is_ok_and(|status| status.success()) {
                let _ = child.wait();
            }
        }
    }
}
