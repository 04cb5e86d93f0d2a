//! A report as JSON: with RFC 3339 times for programs that ask for one, and as the payload of a signed document, whose
//! times are integer seconds.

mod read;

pub use read::parse;

use super::{PrimaryKey, Report, Signed, User};
use crate::json::Writer;
use crate::time::Timestamp;

/// The largest payload of a signed report, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// Spells a report for whoever asked for it; everything is a member of one object, in camelCase.
pub fn readable(report: &Report) -> String {
    spell(report, None)
}

/// Spells a report as the payload of a signed document.
pub fn payload(signed: &Signed) -> String {
    spell(&signed.report, Some(signed))
}

/// How times are spelled.
#[derive(Clone, Copy)]
enum Times {
    Readable,
    Seconds,
}

struct Spelling {
    out: Writer,
    times: Times,
}

fn spell(report: &Report, signed: Option<&Signed>) -> String {
    let times = if signed.is_some() { Times::Seconds } else { Times::Readable };
    let out = Writer::with_capacity(250 * report.users.len() + 80 * report.steps.len() + 1_000);
    let mut it = Spelling { out, times };
    it.out.begin_object();
    it.all_time(report);
    it.moment("asOf", report.as_of);
    it.ci(report);
    it.count("daysPerStep", report.days_per_step);
    it.expiring(report);
    it.general(report);
    it.text("licenseId", signed.map(|signed| signed.license_id.as_str()));
    it.text("primaryKey", Some(report.primary_key.as_str()));
    it.text("proofId", signed.map(|signed| signed.proof_id.as_str()));
    it.steps(report);
    it.out.name("userMetrics").begin_array();
    report.users.iter().for_each(|user| it.user(user, report));
    it.out.end_array();
    it.out.end_object();
    it.out.finish()
}

impl Spelling {
    fn count(&mut self, name: &'static str, count: u64) {
        self.out.name(name).integer(count.into());
    }

    fn moment(&mut self, name: &'static str, at: Timestamp) {
        match self.times {
            Times::Readable => self.out.name(name).plain(at),
            Times::Seconds => self.out.name(name).integer(at.seconds().into()),
        }
    }

    fn text(&mut self, name: &'static str, text: Option<&str>) {
        text.iter().for_each(|text| self.out.name(name).string(text));
    }

    fn all_time(&mut self, report: &Report) {
        self.out.name("allTimeMetrics").begin_object();
        self.count("totalCiSessionCount", report.all_time.ci_session_count);
        self.count("totalSessionCount", report.all_time.session_count);
        self.count("totalSessionTimeSeconds", report.all_time.session_seconds);
        self.out.end_object();
    }

    fn ci(&mut self, report: &Report) {
        self.out.name("ciMetrics").begin_object();
        match report.ci.average_seconds {
            Some(seconds) => self.count("avgCiSessionDurationSeconds", seconds),
            None => self.out.name("avgCiSessionDurationSeconds").null(),
        }
        self.count("currentRunningSessions", report.ci.running);
        self.count("maxConcurrentCiSessions", report.ci.most_at_once);
        self.count("totalCiSessions", report.ci.session_count);
        self.out.end_object();
    }

    fn expiring(&mut self, report: &Report) {
        self.out.name("expiringSoon").begin_array();
        for license in &report.expiring {
            self.out.begin_object();
            self.moment("expiresAt", license.expires_at);
            self.text("label", license.label.as_deref());
            self.text("licenseId", Some(&license.license_id));
            self.text("tenantId", Some(&license.tenant_id));
            self.out.end_object();
        }
        self.out.end_array();
    }

    fn general(&mut self, report: &Report) {
        self.out.name("generalMetrics").begin_object();
        self.count("activeUsers", report.active_users());
        report.general.last_operator_event.iter().for_each(|at| self.moment("lastOperatorEvent", *at));
        self.text("operatorVersion", report.general.operator_version.as_deref());
        self.out.name("reportPeriod").begin_object();
        self.moment("from", report.from);
        self.moment("to", report.to);
        self.out.end_object();
        self.text("tier", report.general.tier.as_deref());
        self.count("totalLicenses", report.general.total_licenses);
        self.out.end_object();
    }

    fn steps(&mut self, report: &Report) {
        self.out.name("steps").begin_array();
        for step in &report.steps {
            self.out.begin_object();
            step.cap.iter().for_each(|cap| self.count("cap", *cap));
            self.moment("day", step.day);
            self.count("seats", step.seats);
            self.count("sessions", step.session_count);
            self.out.end_object();
        }
        self.out.end_array();
    }

    fn user(&mut self, user: &User, report: &Report) {
        let key = |wanted: PrimaryKey| user.key.as_deref().filter(|_| wanted == report.primary_key);
        self.out.begin_object();
        // A decimal is no integer, and so a string.
        self.text("averageDailySessions", Some(&report.daily(user.session_count)));
        self.count("averageSessionDurationSeconds", user.average_seconds());
        self.text("clientHostname", key(PrimaryKey::ClientHostname));
        self.text("clientUsername", key(PrimaryKey::ClientUsername));
        self.moment("firstActive", user.first_active);
        self.moment("lastSeen", user.last_seen);
        self.text("machineId", key(PrimaryKey::MachineId));
        self.count("totalSessionCount", user.session_count);
        self.count("totalSessionTimeSeconds", user.session_seconds);
        self.text("username", key(PrimaryKey::Username));
        self.out.end_object();
    }
}
