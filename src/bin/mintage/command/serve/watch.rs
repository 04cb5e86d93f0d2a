//! What happens to a server from outside: signals, and files that change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use mintage::http::App;
use mintage::http::server::Tls;

use super::load::{self, Before, KeyFileDigest};
use super::settings::Settings;
use super::sources::Sources;
use crate::clock;

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Reads everything again when a file changes or a signal asks for it.
pub(super) struct Watch {
    files: Files,
    hangup: Hangup,
}

/// What is read, and what was seen of it last.
struct Files {
    sources: Sources,
    settings: Settings,
    app: Arc<App>,
    tls: Option<Tls>,
    /// Of the key that signs.
    key_file: Option<KeyFileDigest>,
    seen: Vec<Stamp>,
}

/// By what a change of a file is noticed; a link is followed, as mounted secrets are replaced by a new target.
type Stamp = Option<(u64, SystemTime, PathBuf)>;

impl Watch {
    pub(super) fn new(sources: Sources, settings: Settings, app: Arc<App>, tls: Option<Tls>) -> Self {
        let key_file = load::key_file(&settings);
        let mut files = Files { sources, settings, app, tls, key_file, seen: Vec::new() };
        files.seen = files.look();
        Self { files, hangup: Hangup::new() }
    }

    pub(super) async fn run(self) {
        let Self { mut files, mut hangup } = self;
        loop {
            let is_asked = tokio::select! {
                () = hangup.next() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            // A disk may be slow, and a passphrase is meant to be; connections are accepted meanwhile.
            let work = tokio::task::spawn_blocking(move || {
                files.follow(is_asked);
                files
            });
            files = match work.await {
                Ok(files) => files,
                Err(error) => return tracing::error!(%error, "files are no longer watched"),
            };
        }
    }
}

impl Files {
    fn look(&self) -> Vec<Stamp> {
        self.settings.files().iter().map(|path| stamp(path)).collect()
    }

    /// Reads everything again if it is asked for, or if something has changed.
    fn follow(&mut self, is_asked: bool) {
        let now = self.look();
        if is_asked {
            tracing::info!("asked to read everything again");
        } else if now == self.seen {
            return;
        }
        self.seen = now;
        self.reload(is_asked);
    }

    /// Takes the new files as a whole, or none of them. The file of settings is read where that is asked for: who writes it
    /// by hand may save it half-way.
    fn reload(&mut self, is_asked: bool) {
        let loaded = clock::now().and_then(|now| {
            let settings = if is_asked { self.sources.read()? } else { self.settings.clone() };
            let key_file = load::key_file(&settings);
            let before = Before { roles: &self.app.roles(), key_file: self.key_file };
            let roles = load::roles(&settings, now, Some(&before))?;
            let tls = load::tls(&settings)?;
            // Though they hold from the next start on, it should not be that which tells of a slip.
            load::connections(&settings).and(load::document_memory(&settings))?;
            Ok((settings, roles, tls, key_file))
        });
        match loaded {
            Ok((settings, roles, tls, key_file)) => {
                self.key_file = key_file;
                for setting in settings.not_taken_over(&self.settings) {
                    tracing::warn!(setting, "the setting was changed, and holds from the next start on");
                }
                let named_before = std::mem::replace(&mut self.settings, settings).files();
                if self.settings.files() != named_before {
                    self.seen = self.look();
                }
                if let (Some(old), Some(new)) = (&self.tls, &tls) {
                    old.reload(new);
                }
                self.app.reload(roles);
                if let Err(error) = self.app.adopt().and_then(|()| self.app.revalidate()) {
                    tracing::error!(%error, "the license of this installation could not be installed");
                }
                tracing::info!("read everything again");
            }
            Err(error) => {
                let cause = format!("{error:#}");
                tracing::error!(cause, "what changed cannot be used; the server goes on with what it had");
            }
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let (facts, target) = (path.metadata().ok()?, path.canonicalize().ok()?);
    Some((facts.len(), facts.modified().ok()?, target))
}

/// The signal that asks for a reload.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    fn new() -> Self {
        #[cfg(unix)]
        let this = Self { signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok() };
        #[cfg(not(unix))]
        let this = Self {};
        this
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            signal.recv().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// The signals that end a server, caught from the moment this is made.
pub(super) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    pub(super) fn new() -> anyhow::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let catch = |kind| signal(kind).context("signals cannot be caught");
            Ok(Self { signals: [catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits until the server is to stop.
    pub(super) async fn asked(self) {
        #[cfg(unix)]
        {
            let [mut terminate, mut interrupt] = self.signals;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}
