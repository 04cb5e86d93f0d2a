//! `mintage ledger show`.

use std::process::ExitCode;

use clap::Args;
use mintage::json::Writer;
use mintage::ledger::audit::Chained;
use mintage::operation::ledger::show::{self, Shown};

use crate::book::{Book, License};
use crate::clock;
use crate::render::Terminal;
use crate::times::counted;

/// Show a license: what was signed, its machines and its history
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    license: License,
    /// Print its token alone, as it was handed out
    #[arg(long, conflicts_with = "json")]
    token: bool,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let ledger = arguments.book.open_swept(now, terminal)?;
    let shown = show::show(&ledger, &arguments.license.id(&ledger)?, now)?;
    if terminal.json {
        let mut out = Writer::default();
        shown.write(&mut out);
        terminal.data(format!("{}\n", out.finish()).as_bytes())?;
    } else if arguments.token {
        terminal.data(format!("{}\n", shown.held.token).as_bytes())?;
    } else {
        people(&shown, terminal)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn people(shown: &Shown, terminal: &Terminal) -> anyhow::Result<()> {
    let (held, license) = (&shown.held, &shown.held.license);
    let number = |number: Option<u64>| number.map_or_else(|| "any number".to_owned(), |number| number.to_string());
    let mut rows = vec![("license", license.license_id.clone()), ("tenant", license.tenant_id.clone())];
    let texts = [("label", &license.label), ("product", &license.product), ("tier", &license.tier)];
    rows.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
    rows.push(("state", held.state.to_string()));
    rows.extend(held.reason.clone().map(|reason| ("reason", reason)));
    rows.push(("signer", held.key_id.clone()));
    rows.push(("issued", license.issued_at.to_string()));
    rows.push(("expires", license.expires_at.to_string()));
    if license.grace_period_days > 0 {
        rows.push(("grace until", license.grace_until().to_string()));
    }
    rows.extend(license.limits.iter().map(|(key, value)| ("limit", format!("{key} = {value}"))));
    rows.push(("seats", format!("{} of {}", shown.leases.len(), number(license.seats))));
    rows.push(("machines", format!("{} of {}", held.activations, number(license.max_activations))));
    for activation in &shown.activations {
        let since = format!("{} since {}", activation.proof_id, activation.activated_at);
        let until = activation.released_at.map_or_else(String::new, |at| format!(", released {at}"));
        rows.push(("machine", format!("{since}, seen {}{until}", activation.seen_at)));
    }
    for lease in &shown.leases {
        let until = if lease.borrowed { "borrowed until" } else { "until" };
        let (id, holder, end) = (&lease.lease_id, &lease.holder, lease.expires_at);
        let who = lease.username.as_ref().map_or_else(|| holder.clone(), |name| format!("{name}, on {holder},"));
        rows.push(("seat", format!("{id} by {who} {until} {end}")));
    }
    for (ahead, waiting) in shown.waiting.iter().enumerate() {
        rows.push(("waiting", format!("{}. {} since {}", ahead + 1, waiting.holder, waiting.since)));
    }
    for reported in &shown.usage {
        let (from, to, sessions, users) = (reported.from, reported.to, reported.sessions, reported.users);
        let seats = reported.most_seats;
        let (sessions, users, seats) = (counted(sessions, "session"), counted(users, "user"), counted(seats, "seat"));
        let line = format!("{from} to {to}: {sessions} of {users}, at most {seats} at once, by {}", reported.proof_id);
        rows.push(("usage", line));
    }
    rows.extend(shown.history.iter().map(|chained| ("history", line(chained))));
    let rows: Vec<(&str, &str)> = rows.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(terminal.table(&rows)?)
}

fn line(chained: &Chained) -> String {
    let entry = &chained.entry;
    let target = entry.target.as_ref().map_or_else(String::new, |target| format!(" {target}"));
    format!("{} {}{target} by {} {}", entry.at, entry.action, entry.actor, entry.detail)
}
