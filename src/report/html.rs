//! A report as one page for people: nothing is fetched, nothing runs, and what somebody else wrote stays text.

mod chart;
mod escape;

use std::fmt::Write;

use super::figures::Cell;
use super::{Expiring, PrimaryKey, Report, Step, User};
use crate::time::{DAY, Timestamp};
use chart::{Chart, Mark};
use escape::Escaped;

/// The most users that the page lists; tables of a spreadsheet list all.
const MAX_USERS: usize = 1_000;

const STYLE: &str = include_str!("html/page.css");

/// Spells the page.
pub fn page(report: &Report) -> String {
    let (from, to) = (date(report.from), date(report.to));
    let mut page = String::with_capacity(32 << 10);
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Usage report, {from} to {to}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>Usage report</h1>\n<p><time>{from}</time> to <time>{to}</time>, as of <time>{}</time></p>\n{}\
         </header>\n<main>\n",
        report.as_of,
        source(report),
    );
    tiles(&mut page, report);
    seats(&mut page, report);
    sessions(&mut page, report);
    expiring(&mut page, report);
    users(&mut page, report);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// Says what reported the sessions, as far as it is known.
fn source(report: &Report) -> String {
    let general = &report.general;
    let said = [
        general.tier.as_ref().map(|tier| format!("tier <bdi>{}</bdi>", Escaped(tier))),
        general.operator_version.as_ref().map(|version| format!("reported by version <bdi>{}</bdi>", Escaped(version))),
        general.last_operator_event.map(|at| format!("last reported <time>{at}</time>")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    if said.is_empty() { String::new() } else { format!("<p>{}</p>\n", said.join(", ")) }
}

fn tiles(page: &mut String, report: &Report) {
    let most = report.steps.iter().map(|step| step.seats).max().unwrap_or_default();
    let tiles = [
        (who(report.primary_key), report.active_users().to_string()),
        ("sessions", report.session_count().to_string()),
        ("days of sessions", super::decimal(report.session_seconds(), DAY.unsigned_abs(), 1)),
        ("seats at most", most.to_string()),
        ("licenses acquired", report.general.total_licenses.to_string()),
        ("pipeline sessions", report.ci.session_count.to_string()),
        ("pipelines at once", report.ci.most_at_once.to_string()),
        ("sessions, all time", report.all_time.session_count.to_string()),
    ];
    page.push_str("<dl class=\"tiles\">\n");
    for (name, value) in tiles {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>\n");
}

fn seats(page: &mut String, report: &Report) {
    let held = |step: &Step| Mark { day: step.day, value: step.seats, cap: step.cap };
    let over = report.steps.iter().filter(|step| step.cap.is_some_and(|cap| step.seats > cap)).count();
    let most = report.steps.iter().map(|step| step.seats).max().unwrap_or_default();
    let mut summary = if most > 0 { format!("At most {most} at once.") } else { "No seat was held.".to_owned() };
    if over > 0 {
        let unit = if report.days_per_step > 1 { "steps" } else { "days" };
        let _ = write!(summary, " Over the cap in {over} of {} {unit}.", report.steps.len());
    }
    let chart = Chart { id: "seats", title: "Seats over time", unit: "seats", summary, report, steps: true };
    chart.write(page, &report.steps.iter().map(held).collect::<Vec<_>>());
}

fn sessions(page: &mut String, report: &Report) {
    // A step of several days shows what a day of it has on average.
    let per_day = |step: &Step| {
        let days = report.days_per_step.max(1);
        Mark { day: step.day, value: (step.session_count + days / 2) / days, cap: None }
    };
    let summary = format!(
        "{} sessions began in the period, {} a day on average.",
        report.session_count(),
        super::decimal(report.session_count().saturating_mul(DAY.unsigned_abs()), report.seconds(), 1),
    );
    let chart = Chart { id: "sessions", title: "Sessions per day", unit: "sessions", summary, report, steps: false };
    chart.write(page, &report.steps.iter().map(per_day).collect::<Vec<_>>());
}

fn expiring(page: &mut String, report: &Report) {
    page.push_str("<section aria-labelledby=\"expiring\">\n<h2 id=\"expiring\">Expiring soon</h2>\n");
    if report.expiring.is_empty() {
        page.push_str("<p>No license expires soon.</p>\n</section>\n");
        return;
    }
    let left = |license: &Expiring| license.expires_at.since(report.as_of).div_euclid(DAY);
    let longest = report.expiring.iter().map(left).max().unwrap_or_default().max(1);
    page.push_str("<ul class=\"expiring\">\n");
    for license in &report.expiring {
        let days = left(license);
        let width = 100 * days.clamp(0, longest) / longest;
        let label = license.label.as_ref().map(|label| format!(" — <bdi>{}</bdi>", Escaped(label))).unwrap_or_default();
        let when = match days {
            i64::MIN..0 => "expired".to_owned(),
            0 => "today".to_owned(),
            1 => "in 1 day".to_owned(),
            _ => format!("in {days} days"),
        };
        let _ = writeln!(
            page,
            "<li><p><bdi>{}</bdi>{label} <span class=\"quiet\"><bdi>{}</bdi></span></p>\n\
             <p class=\"when\">{when} <time>{}</time></p>\n\
             <svg class=\"span\" aria-hidden=\"true\" preserveAspectRatio=\"none\" viewBox=\"0 0 100 1\">\
             <rect class=\"rest\" width=\"100\" height=\"1\"/><rect width=\"{width}\" height=\"1\"/></svg></li>",
            Escaped(&license.tenant_id),
            Escaped(&license.license_id),
            license.expires_at,
        );
    }
    page.push_str("</ul>\n</section>\n");
}

fn users(page: &mut String, report: &Report) {
    let mut most_first: Vec<&User> = report.users.iter().collect();
    most_first.sort_by_key(|user| std::cmp::Reverse(user.session_seconds));
    let _ = write!(page, "<section aria-labelledby=\"users\">\n<h2 id=\"users\">{}</h2>\n", super::USERS);
    if most_first.is_empty() {
        page.push_str("<p>There was no session.</p>\n</section>\n");
        return;
    }
    if most_first.len() > MAX_USERS {
        let all = most_first.len();
        let _ =
            writeln!(page, "<p>The {MAX_USERS} that used most, of {all}; the CSV, XLSX and JSON reports have all.</p>");
        most_first.truncate(MAX_USERS);
    }
    page.push_str(
        "<div class=\"scroll\" role=\"region\" aria-labelledby=\"users\" tabindex=\"0\">\n<table>\n<thead><tr>",
    );
    for (at, column) in report.primary_key.columns().enumerate() {
        let class = if at > 2 { " class=\"number\"" } else { "" };
        let _ = write!(page, "<th scope=\"col\"{class}>{}</th>", column.replace('_', " "));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for user in most_first {
        page.push_str("<tr>");
        for cell in user.cells(report) {
            let _ = match &cell {
                Cell::Text(text) if text.is_empty() => write!(page, "<th scope=\"row\" class=\"quiet\">not said</th>"),
                Cell::Text(text) => write!(page, "<th scope=\"row\"><bdi>{}</bdi></th>", Escaped(text)),
                Cell::Moment(moment) => write!(page, "<td><time>{moment}</time></td>"),
                Cell::Count(count) => write!(page, "<td class=\"number\">{count}</td>"),
                Cell::Decimal(number) => write!(page, "<td class=\"number\">{number}</td>"),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn who(key: PrimaryKey) -> &'static str {
    match key {
        PrimaryKey::ClientHostname => "host names",
        PrimaryKey::ClientUsername => "client user names",
        PrimaryKey::MachineId => "machines",
        PrimaryKey::Username => "user names",
    }
}

/// Spells the day of a moment, UTC.
fn date(moment: Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}
