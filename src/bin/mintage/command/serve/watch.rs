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

/// What is served, and the files that it was read from.
struct Files {
    watched: Watched,
    app: Arc<App>,
    tls: Option<Tls>,
}

/// What is read, and what was seen of it before it was: a file that changes meanwhile is read again.
pub(super) struct Watched {
    sources: Sources,
    pub(super) settings: Settings,
    /// Of the key that signs.
    key_file: Option<KeyFileDigest>,
    seen: Vec<Stamp>,
}

/// By what a change of a file is noticed; a link is followed, as mounted secrets are replaced by a new target.
type Stamp = Option<(u64, SystemTime, PathBuf)>;

impl Watched {
    pub(super) fn new(sources: Sources, settings: Settings) -> Self {
        let (key_file, seen) = (load::key_file(&settings), look(&settings));
        Self { sources, settings, key_file, seen }
    }
}

impl Watch {
    pub(super) fn new(watched: Watched, app: Arc<App>, tls: Option<Tls>) -> Self {
        Self { files: Files { watched, app, tls }, hangup: Hangup::new() }
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
    /// Reads everything again if it is asked for, or if something has changed.
    fn follow(&mut self, is_asked: bool) {
        let now = look(&self.watched.settings);
        if is_asked {
            tracing::info!("asked to read everything again");
        } else if now == self.watched.seen {
            return;
        }
        self.watched.seen = now;
        self.reload(is_asked);
    }

    /// Takes the new files as a whole, or none of them. The file of settings is read where that is asked for: who writes it
    /// by hand may save it half-way.
    fn reload(&mut self, is_asked: bool) {
        let loaded = clock::now().and_then(|now| {
            let Watched { sources, settings, .. } = &self.watched;
            let watched = Watched::new(sources.clone(), if is_asked { sources.read()? } else { settings.clone() });
            let settings = &watched.settings;
            let before = Before { roles: &self.app.roles(), key_file: self.watched.key_file };
            let roles = load::roles(settings, now, Some(&before))?;
            let tls = load::tls(settings)?;
            Ok((watched, roles, tls))
        });
        match loaded {
            Ok((watched, roles, tls)) => {
                for setting in watched.settings.not_taken_over(&self.watched.settings) {
                    tracing::warn!(setting, "the setting was changed, and holds from the next start on");
                }
                self.watched = watched;
                if let (Some(old), Some(new)) = (&self.tls, &tls) {
                    old.reload(new);
                }
                let before = self.app.roles();
                self.app.reload(roles);
                let roles = self.app.roles();
                for (what, why_not) in roles.parts().into_iter().filter(|part| !before.parts().contains(part)) {
                    super::log_part(what, why_not);
                }
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

fn look(settings: &Settings) -> Vec<Stamp> {
    settings.files().iter().map(|path| stamp(path)).collect()
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
