//! [`App::tick`]: what a server does by itself. On a ledger one server at a time does each of it, whichever is first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::app::{App, Roles, Rotation};
use super::gate::by_server;
use crate::key::SecretKey;
use crate::keyring::Purpose;
use crate::ledger::LedgerError;
use crate::ledger::job::Claimed;
use crate::operation::ledger::jobs::{Job, RETRY};
use crate::operation::ledger::{change, publish, rotate, seats};
use crate::policy::RevocationsContext;
use crate::time::Timestamp;

/// When jobs are due on this server.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The name under which this server holds leases.
    holder: String,
    due: BTreeMap<Job, Due>,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    /// What has failed waits for this.
    not_before: Timestamp,
}

impl App {
    /// Does what is due. To be called every few seconds, by nobody else at the same time.
    pub fn tick(&self) {
        let Ok(now) = self.now() else { return };
        if let Err(error) = self.adopt() {
            tracing::error!(%error, "the license of this installation could not be installed");
        }
        self.follow_or_say();
        for job in Job::ALL {
            let due = *self.jobs().due.entry(job).or_insert(Due { at: job.first(now), not_before: now });
            if now < due.at || now < due.not_before || !is_served(&self.roles(), job, now) {
                continue;
            }
            let minutes = self.roles().refresh_minutes.unwrap_or(REFRESH_MINUTES);
            let next = match self.run(job, due.at, now) {
                Ok(true) => Due { at: job.next(now, minutes), not_before: now },
                // Another runs it; should it die, this server takes over.
                Ok(false) => due,
                Err(error) => {
                    self.metrics.job_failed(job.as_str());
                    tracing::error!(job = job.as_str(), %error, "a job failed");
                    Due { not_before: now.saturating_add(RETRY), ..due }
                }
            };
            self.jobs().due.insert(job, next);
        }
        // What was made just now counts here at once.
        self.follow_or_say();
    }

    fn follow_or_say(&self) {
        if let Err(problem) = self.follow() {
            let cause = problem.cause.unwrap_or(problem.message);
            tracing::error!(cause, "what the ledger hands out could not be taken over");
        }
    }

    /// Runs a job under its lease; false while another holds it.
    fn run(&self, job: Job, due: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        let roles = self.roles();
        let Some(ledger) = &roles.ledger else {
            let start = Instant::now();
            self.work(job, &roles, now, now)?;
            self.metrics.job_ran(job.as_str(), now, true, start.elapsed());
            return Ok(true);
        };
        let holder = self.holder();
        let since = match job.claim(ledger, &holder, due, now)? {
            Claimed::Done(_) => return Ok(true),
            Claimed::Held(until) => {
                tracing::debug!(job = job.as_str(), %until, "another server runs a job");
                return Ok(false);
            }
            Claimed::Mine(since) => since,
        };
        let start = Instant::now();
        let done = self.work(job, &roles, since, now);
        let took = start.elapsed();
        let ended = self.now().unwrap_or(now);
        let in_time = job.finish(ledger, &holder, done.is_ok(), ended);
        self.metrics.job_ran(job.as_str(), now, done.is_ok(), took);
        done?;
        if !in_time? {
            tracing::warn!(
                job = job.as_str(),
                "a job took longer than its lease, and another server may have run it too"
            );
        }
        tracing::debug!(job = job.as_str(), ms = took.as_millis(), "a job was done");
        Ok(true)
    }

    fn work(&self, job: Job, roles: &Roles, since: Timestamp, now: Timestamp) -> Result<(), LedgerError> {
        match (job, &roles.ledger) {
            (Job::Revalidation, _) => self.revalidate(),
            (Job::ExpirySweep, Some(ledger)) => {
                let licenses = change::sweep(ledger, &by_server(now))?;
                let leases = seats::sweep(ledger, &by_server(now))?;
                if licenses + leases > 0 {
                    tracing::info!(licenses, leases, "what has expired was swept");
                }
                Ok(())
            }
            (Job::RevocationRefresh, Some(ledger)) => {
                let Some(signer) = &roles.signer else { return Ok(()) };
                if let Some(sequence) = publish::revocations(ledger, &by_server(now), signer, roles.named.as_deref())? {
                    tracing::info!(sequence, "a list of revocations was made");
                }
                Ok(())
            }
            (Job::KeyRotation, Some(ledger)) => {
                let Some(Rotation { rhythm, store, own }) = &roles.rotation else { return Ok(()) };
                let (keys, named) = ((own, store.as_ref()), roles.keyring_says.as_deref());
                if let Some(sequence) = rotate::rotate(ledger, &by_server(now), *rhythm, keys, named, since)? {
                    tracing::info!(sequence, "a keyring was made");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The name of this server among those of its ledger.
    fn holder(&self) -> String {
        let mut jobs = self.jobs();
        if jobs.holder.is_empty() {
            jobs.holder = self.fresh_id().unwrap_or_default();
        }
        jobs.holder.clone()
    }

    fn jobs(&self) -> MutexGuard<'_, State> {
        self.jobs.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often what was withdrawn is looked at where nobody says, in minutes.
pub const REFRESH_MINUTES: u64 = 15;

/// Whether a server was given what a job needs.
fn is_served(roles: &Roles, job: Job, now: Timestamp) -> bool {
    match job {
        Job::Revalidation => roles.license.is_some() || roles.ledger.is_some(),
        Job::ExpirySweep => roles.ledger.is_some(),
        Job::RevocationRefresh => {
            // A list that nobody would believe is not made.
            let may_sign = |signer: &Arc<SecretKey>| {
                let entry = roles.keyring.find(&signer.public().id());
                entry.is_some_and(|entry| entry.allows(Purpose::Revocations, Some(now)).is_ok())
            };
            roles.ledger.is_some() && roles.signer.as_ref().is_some_and(may_sign)
        }
        Job::KeyRotation => roles.ledger.is_some() && roles.rotation.is_some(),
    }
}

impl Roles {
    /// The sequence of the list of revocations that counts here.
    pub(super) fn revocation_sequence(&self) -> Option<u64> {
        match &self.revocations {
            RevocationsContext::List { list, .. } => Some(list.sequence),
            _ => None,
        }
    }
}
