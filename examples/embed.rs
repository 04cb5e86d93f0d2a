//! Verifies a license when a product starts: `cargo run --example embed -- license.lic`.
#![expect(clippy::disallowed_methods, clippy::print_stderr, clippy::print_stdout, reason = "a product has both")]

use std::error::Error;
use std::process::ExitCode;
use std::time::SystemTime;

use mintage::time::Timestamp;
use mintage::{Context, Keyring, PublicKey, Token, judge};

/// The vendor's public key, compiled in; this one is `keys.example/vendor.pub`.
const VENDOR: &str = "MCowBQYDK2VwAyEAewXX3PQ8rJfa0myDrGqwrrTUV3Kvm7VVzOhgIk0+BDc=";

fn main() -> ExitCode {
    let Err(error) = check() else { return ExitCode::SUCCESS };
    eprintln!("no valid license: {error}");
    ExitCode::FAILURE
}

fn check() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "license.lic".to_owned());
    let text = std::fs::read_to_string(path)?;
    let mut context = Context::at(Timestamp::try_from(SystemTime::now())?);
    context.tenant = Some("acme".to_owned());
    let verdict = judge(&Token::parse(text.trim())?.verify(&Keyring::from(PublicKey::parse(VENDOR)?))?, &context);
    if !verdict.is_valid() {
        let refusals: Vec<_> = verdict.refusals.iter().map(|refusal| refusal.message.as_str()).collect();
        return Err(refusals.join("; ").into());
    }
    for limit in &verdict.effective_limits {
        println!("{} = {}", limit.key, limit.value);
    }
    Ok(())
}
