//! [`Metrics`]: what is counted, and how it is told.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::Method;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::problem::Problem;
use crate::ledger::figures::Figures;
use crate::time::Timestamp;

/// What a server counts. The names of the license's metrics are those of the field, under this program's own prefix.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Routed, Histogram, fn() -> Histogram>,
    pub(super) connections: Gauge,
    state: Family<Held, Gauge>,
    days_remaining: Gauge,
    validated_age: Gauge,
    rejections: Family<Capped, Counter>,
    heartbeats: Family<Beaten, Counter>,
    job_run: Family<Done, Gauge>,
    job_success: Family<Done, Gauge>,
    job_seconds: Family<Done, Gauge<f64, AtomicU64>>,
    job_failures: Family<Done, Counter>,
    ledger_up: Family<Kept, Gauge>,
    ledger_seconds: Family<Kept, Gauge<f64, AtomicU64>>,
    ledger_queue: Family<Kept, Gauge>,
    licenses: Family<HeldState, Gauge>,
    full: Gauge,
    activations: [Gauge; 2],
    seats: [Gauge; 3],
}

/// Where the answers on one path are counted; what nearly every answer needs is looked up once.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) path: &'static str,
    posted: OnceLock<Counter>,
    seconds: OnceLock<Histogram>,
}

impl Tally {
    /// Starts with the pattern of a path; `other` where no route stands.
    pub(super) fn of(path: &'static str) -> Arc<Self> {
        Arc::new(Self { path, posted: OnceLock::new(), seconds: OnceLock::new() })
    }
}

/// What is told of the license of this installation.
#[derive(Clone, Copy, Debug)]
pub(super) struct LicenseGauges {
    /// The state's name.
    pub(super) state: &'static str,
    /// Whole days until the end; -1 when no license is held.
    pub(super) days_remaining: i64,
    /// Seconds since it was last validated; 0 when it never was.
    pub(super) validated_age: i64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Routed {
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Held {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Capped {
    limit: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Beaten {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Done {
    job: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kept {
    engine: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HeldState {
    state: &'static str,
}

const STATES: [&str; 5] = ["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"];

/// Upper bounds of the buckets of latencies, in seconds.
const BUCKETS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

fn latencies() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mintage");
        let requests = Family::default();
        let seconds = Family::new_with_constructor(latencies as fn() -> Histogram);
        let (connections, state, days_remaining) = (Gauge::default(), Family::default(), Gauge::default());
        let (validated_age, rejections) = (Gauge::default(), Family::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time from a request's head to its answer", seconds.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("license_state", "State of the license of this installation, one-hot", state.clone());
        let about = "Whole days until the license ends; -1 when none is held";
        registry.register("license_days_remaining", about, days_remaining.clone());
        let about = "Seconds since the license was last validated; 0 when it never was";
        registry.register("license_last_validated_age_seconds", about, validated_age.clone());
        let about = "Requests refused because a limit of the license was reached";
        registry.register("license_cap_rejections", about, rejections.clone());
        let heartbeats = Family::<Beaten, Counter>::default();
        // A counter that is there before it counts shows its first increase.
        let _ = heartbeats.get_or_create(&Beaten { outcome: "counts" });
        let about = "Heartbeats of activated machines: `counts`, or the code of the answer no";
        registry.register("heartbeats", about, Family::clone(&heartbeats));
        let (job_run, job_success) = (Family::<Done, Gauge>::default(), Family::<Done, Gauge>::default());
        let (job_seconds, job_failures) = (Family::<Done, Gauge<f64, AtomicU64>>::default(), Family::default());
        let about = "When a job was last begun, by any server of the ledger, in seconds since the epoch";
        registry.register("job_last_run_timestamp_seconds", about, job_run.clone());
        let about = "When the last run of a job that succeeded was begun, by any server of the ledger";
        registry.register("job_last_success_timestamp_seconds", about, job_success.clone());
        registry.register("job_seconds", "How long this server's last run of a job took", job_seconds.clone());
        registry.register("job_failures", "Runs of a job on this server that failed", job_failures.clone());
        let (ledger_up, ledger_seconds, ledger_queue) = (Family::default(), Family::default(), Family::default());
        let (licenses, full) = (Family::default(), Gauge::default());
        let (activations, seats): ([Gauge; 2], [Gauge; 3]) = Default::default();
        registry.register(
            "ledger_up",
            "Whether the ledger answered when it was last looked at",
            Family::clone(&ledger_up),
        );
        let about = "How long the ledger took to answer when it was last looked at";
        registry.register("ledger_read_seconds", about, Family::clone(&ledger_seconds));
        registry.register("ledger_queue", "Acts that wait to be made durable", Family::clone(&ledger_queue));
        registry.register("licenses", "Licenses of the ledger by state", Family::clone(&licenses));
        registry.register("licenses_full", "Active licenses whose every seat is held", full.clone());
        registry.register("activations", "Machines that hold an activation", activations[0].clone());
        registry.register("activations_cap", "How many may, of active licenses that say", activations[1].clone());
        registry.register("seats_held", "Seats that are held", seats[0].clone());
        registry.register("seats_cap", "How many may be, of active licenses that say", seats[1].clone());
        registry.register("seats_waiting", "Who stands in line for a seat", seats[2].clone());
        Self {
            registry,
            requests,
            seconds,
            connections,
            state,
            days_remaining,
            validated_age,
            rejections,
            heartbeats,
            job_run,
            job_success,
            job_seconds,
            job_failures,
            ledger_up,
            ledger_seconds,
            ledger_queue,
            licenses,
            full,
            activations,
            seats,
        }
    }
}

impl Metrics {
    /// Counts an answer on a path.
    pub(super) fn answered(&self, tally: &Tally, method: &Method, status: u16, took: Duration) {
        let route = tally.path;
        // What a caller can invent must not become a label.
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            _ => "other",
        };
        let count = || self.requests.get_or_create(&Answered { route, method, status }).clone();
        if (method, status) == ("POST", 200) {
            tally.posted.get_or_init(count).inc();
        } else {
            count().inc();
        }
        let seconds = tally.seconds.get_or_init(|| self.seconds.get_or_create(&Routed { route }).clone());
        seconds.observe(took.as_secs_f64());
    }

    /// Counts a request whose head could not be read.
    pub(super) fn unreadable(&self, status: u16) {
        self.requests.get_or_create(&Answered { route: "other", method: "other", status }).inc();
    }

    /// Tells everything in the text format of `OpenMetrics`.
    pub(super) fn tell(&self, license: Option<LicenseGauges>) -> Result<String, Problem> {
        if let Some(license) = license {
            for state in STATES {
                self.state.get_or_create(&Held { state }).set(i64::from(state == license.state));
            }
            self.days_remaining.set(license.days_remaining);
            self.validated_age.set(license.validated_age);
        }
        let mut told = String::new();
        text::encode(&mut told, &self.registry).map_err(Problem::internal)?;
        Ok(told)
    }

    /// Says how the ledger answered.
    pub(super) fn ledger(&self, engine: &'static str, is_up: bool, took: Duration) {
        self.ledger_up.get_or_create(&Kept { engine }).set(is_up.into());
        self.ledger_seconds.get_or_create(&Kept { engine }).set(took.as_secs_f64());
    }

    /// Says how many acts wait.
    pub(super) fn queue(&self, engine: &'static str, waiting: u64) {
        self.ledger_queue.get_or_create(&Kept { engine }).set(signed(waiting));
    }

    /// Says what stands in the ledger.
    pub(super) fn book(&self, figures: &Figures) {
        for state in ["active", "expired", "revoked", "suspended"] {
            let count = figures.licenses.iter().find(|(found, _)| found == state).map_or(0, |(_, count)| *count);
            self.licenses.get_or_create(&HeldState { state }).set(signed(count));
        }
        self.full.set(signed(figures.full));
        let Figures { activations, activations_cap, seats_held, seats_cap, seats_waiting, .. } = figures;
        for (gauge, count) in self.activations.iter().zip([activations, activations_cap]) {
            gauge.set(signed(*count));
        }
        for (gauge, count) in self.seats.iter().zip([seats_held, seats_cap, seats_waiting]) {
            gauge.set(signed(*count));
        }
    }

    /// Counts a run of a job here.
    pub(super) fn job_ran(&self, job: &str, began: Timestamp, succeeded: bool, took: Duration) {
        let done = Done { job: job.to_owned() };
        self.job_seconds.get_or_create(&done).set(took.as_secs_f64());
        self.job_told(job, Some(began), succeeded.then_some(began));
    }

    /// Takes over when a job was run, wherever that was.
    pub(super) fn job_told(&self, job: &str, began: Option<Timestamp>, succeeded: Option<Timestamp>) {
        let done = Done { job: job.to_owned() };
        // A job that never ran has no time, but is there to be asked for.
        self.job_failures.get_or_create(&done).inc_by(0);
        for (family, at) in [(&self.job_run, began), (&self.job_success, succeeded)] {
            if let Some(at) = at {
                family.get_or_create(&done).set(at.seconds());
            }
        }
    }

    /// Counts a run of a job that failed.
    pub(super) fn job_failed(&self, job: &str) {
        self.job_failures.get_or_create(&Done { job: job.to_owned() }).inc();
    }

    /// Tells of a limit before anything is refused for it: a counter that is there shows its first increase.
    pub(super) fn may_be_capped(&self, limit: &str) {
        let _ = self.rejections.get_or_create(&Capped { limit: limit.to_owned() });
    }

    /// Counts a refusal for a limit.
    pub(super) fn capped(&self, limit: &str) {
        self.rejections.get_or_create(&Capped { limit: limit.to_owned() }).inc();
    }

    /// Counts a heartbeat.
    pub(super) fn beaten(&self, outcome: &'static str) {
        self.heartbeats.get_or_create(&Beaten { outcome }).inc();
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
