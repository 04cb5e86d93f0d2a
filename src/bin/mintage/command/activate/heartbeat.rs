//! `activate --heartbeat`: asks the issuer's server whether an activation still counts.

use std::process::ExitCode;
use std::time::Duration;

use mintage::code::Code;
use mintage::dsse::Envelope;
use mintage::json::{Value, Writer, canonical};
use mintage::policy::MachineContext;
use mintage::proof::Proof;

use crate::clock;
use crate::failure::Failure;
use crate::online::{Server, members, refusal, string};
use crate::render::Terminal;

/// Asks once, or until the answer is no. That the server cannot be reached is no answer, and ends nothing.
pub(super) fn run(envelope: &Envelope, arguments: &super::Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let (instance, online) = (&arguments.activation.instance, &arguments.online);
    let proof = Proof::parse(envelope.unverified_payload())
        .map_err(|error| Failure::new(error.code(), format_args!("the proof: {error}")))?;
    if let Some(released_at) = instance.released_at(&proof)? {
        let message = format!("proof {} was given back on {released_at}", proof.proof_id);
        return Err(Failure::new(Code::Released, message).into());
    }
    is_here(&proof, arguments, terminal)?;
    let server = arguments.server.open()?;
    if online.once {
        let answer = beat(&server, &proof, arguments, terminal)?;
        terminal.value(|| answer)?;
        terminal.note(&format!("the activation {} counts", proof.proof_id));
        return Ok(ExitCode::SUCCESS);
    }
    let mut pause = online.first_after;
    loop {
        clock::wait(Duration::from_secs(pause));
        pause = online.every;
        match beat(&server, &proof, arguments, terminal) {
            Ok(answer) => {
                terminal.value(|| answer)?;
                terminal.note(&format!("the activation {} counts; asking again in {pause} s", proof.proof_id));
            }
            Err(error) if error.downcast_ref().is_some_and(Failure::is_unable) => {
                terminal.warning(&format!("{error}; asking again in {pause} s"));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Holds this machine against the one that was activated, whose name is all that the server is told: a copy of its proof and
/// its folder is no activation.
fn is_here(proof: &Proof, arguments: &super::Arguments, terminal: &Terminal) -> anyhow::Result<()> {
    let bound = &proof.fingerprint;
    let MachineContext::This(machine) = arguments.here().context(&[bound], terminal)? else { return Ok(()) };
    let comparison = bound.compare(&machine);
    match comparison.code() {
        Some(code) => Err(Failure::new(code, comparison.detail).into()),
        None => Ok(()),
    }
}

/// Asks once. The nonce of the next heartbeat is kept before anything else is done with the answer; should that fail, the
/// server answers the one before again.
fn beat(server: &Server, proof: &Proof, arguments: &super::Arguments, terminal: &Terminal) -> anyhow::Result<String> {
    let instance = &arguments.activation.instance;
    let nonce = instance.nonce(&proof.instance_key)?.unwrap_or_else(|| proof.heartbeat_nonce.to_string());
    let mut out = Writer::default();
    out.begin_object();
    out.name("licenseId").string(&proof.license_id);
    proof.fingerprint.write(out.name("machineFingerprint"));
    out.name("nonce").string(&nonce);
    out.name("proofId").string(&proof.proof_id);
    out.end_object();
    let answer = server.post("heartbeat", &out.finish(), terminal)?;
    let unusable = || Failure::new(Code::ServerUnreachable, "the server's answer to the heartbeat cannot be used");
    let members = members(&answer).ok_or_else(unusable)?;
    let says = |name: &str| match members.iter().find(|(found, _)| found == name) {
        Some((_, Value::Bool(said))) => Ok(*said),
        _ => Err(unusable()),
    };
    if !says("success")? {
        let (code, message) = (string(&members, "code"), string(&members, "error"));
        let (code, message) = code.zip(message).ok_or_else(unusable)?;
        let is_gone = ["nonce-mismatch", "released", "wrong-machine"].contains(&code.as_str());
        return Err(refusal(&code, &message, if is_gone { "activate this machine again" } else { "" }).into());
    }
    let next = string(&members, "newNonce").ok_or_else(unusable)?;
    instance.keep_nonce(&proof.instance_key, &next, clock::now()?)?;
    if says("isRevoked")? {
        let until =
            string(&members, "graceUntilUtc").map_or_else(String::new, |until| format!(", and counts until {until}"));
        let message = format!("license {} was withdrawn{until}", proof.license_id);
        return Err(Failure::new(Code::Revoked, message).into());
    }
    Ok(canonical(&Value::Object(members)))
}
