//! `mintage mint unlock`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::dsse::{Envelope, Kind};
use mintage::operation::document::armored;
use mintage::time::Timestamp;
use mintage::unlock::Unlock;

use crate::clock;
use crate::command::mint_proof::{read_request, refuse};
use crate::keys::Signer;
use crate::output::Output;
use crate::qr::QrArgs;
use crate::render::Terminal;

/// Mint an unlock: leave for one machine to forget what its verifier remembers
///
/// For a state file that was damaged, or that a wrong clock got into. It answers a request of that machine (`fingerprint
/// --request`) and is used there once, with `verify --state FILE --unlock FILE`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    signer: Signer,
    /// The request, as its machine wrote it: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// From when on the machine remembers anew; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    /// Write the unlock armored for mail, every line with its own check
    #[arg(long)]
    armor: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    qr: QrArgs,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    arguments.output.check()?;
    let now = clock::now()?;
    let issued_at = arguments.issued_at.as_deref().map_or(Ok(now), |at| Timestamp::parse_when(at, now))?;
    let request = match read_request(&arguments.request, terminal)? {
        Ok(request) => request,
        Err(refusal) => return refuse(&[refusal], terminal),
    };
    let key = arguments.signer.open()?;
    let unlock = Unlock { fingerprint: request.fingerprint, nonce: request.nonce, issued_at };
    let json = Envelope::sign(Kind::Unlock, unlock.to_payload().into_bytes(), &[&key]).to_json();
    let text = if arguments.armor { armored("unlock", &json) } else { format!("{json}\n") };
    let pictures = arguments.qr.draw(&json, arguments.output.overwrite())?;
    arguments.output.hand_out(text, || json, terminal)?;
    pictures.show(terminal);
    terminal.note(&format!("minted an unlock for the request with nonce {}", unlock.nonce));
    Ok(ExitCode::SUCCESS)
}
