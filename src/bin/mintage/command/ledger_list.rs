//! `mintage ledger list`.

use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::json::Writer;
use mintage::ledger::license::{HeldState, LicenseFilter};
use mintage::operation::ledger::show::{self, Listed};
use mintage::time::Timestamp;

use crate::book::Book;
use crate::clock;
use crate::failure::Failure;
use crate::render::Terminal;
use crate::times::counted;

/// List licenses
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Those of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Those in this state
    #[arg(long, value_name = "STATE", value_parser = ["active", "expired", "revoked", "suspended"])]
    state: Option<String>,
    /// Those of which a token that counts was signed by this key, also one from before a renewal: its id, or the first 16
    /// digits of that
    #[arg(long, value_name = "KEYID")]
    key_id: Option<String>,
    /// Those that are active and expire within this span, such as 30d
    #[arg(long, value_name = "SPAN")]
    expiring_within: Option<String>,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let expiring = arguments.expiring_within.as_deref();
    let mut filter = LicenseFilter {
        tenant_id: arguments.tenant.clone(),
        state: arguments.state.as_deref().and_then(HeldState::parse),
        key_id: arguments.key_id.as_deref().map(str::to_ascii_lowercase),
        expiring_until: expiring.map(|span| Timestamp::parse_when(span, now)).transpose()?,
        ..LicenseFilter::default()
    };
    if let Some(key) = filter.key_id.as_deref().filter(|key| ![16, 64].contains(&key.len())) {
        let message = format!("`{key}` is no key id");
        return Err(Failure::new(Code::Usage, message).hint("give all 64 hex digits of it, or the first 16").into());
    }
    if filter.expiring_until.is_some() && filter.state.is_none() {
        filter.state = Some(HeldState::Active);
    }
    let ledger = arguments.book.open_swept(now, terminal)?;
    let mut rows = Vec::new();
    show::list::<anyhow::Error>(&ledger, &filter, now, |listed| {
        rows.push(listed);
        Ok(())
    })?;
    if terminal.json {
        let mut out = Writer::default();
        out.begin_object();
        out.name("licenses").begin_array();
        rows.iter().for_each(|listed| listed.write(&mut out));
        out.end_array();
        out.end_object();
        terminal.data(format!("{}\n", out.finish()).as_bytes())?;
    } else {
        terminal.columns(&rows.iter().map(cells).collect::<Vec<_>>())?;
    }
    for Listed { held, earlier } in &rows {
        for token in earlier {
            let (id, until) = (&held.license.license_id, token.grace_until);
            terminal.note(&format!("of {id} a token from before its renewal hangs on the key too, until {until}"));
        }
    }
    terminal.note(&counted(rows.len() as u64, "license"));
    Ok(ExitCode::SUCCESS)
}

fn cells(Listed { held, .. }: &Listed) -> Vec<String> {
    let license = &held.license;
    let most = license.max_activations.map_or_else(|| "any".to_owned(), |most| most.to_string());
    vec![
        license.license_id.clone(),
        license.tenant_id.clone(),
        held.state.to_string(),
        license.expires_at.to_string(),
        held.key_id.chars().take(16).collect(),
        format!("{} of {most} machines", held.activations),
    ]
}
