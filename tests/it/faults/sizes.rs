//! Inputs without end: refused after a bounded number of bytes, in bounded memory.

use insta::assert_snapshot;
use serde_json::Value;

use super::scene;
use crate::harness::{Bench, Outcome, feed};
use crate::interop::present;

const MIB: u64 = 1 << 20;

/// Runs the program with standard input of so many zero bytes and reports its peak resident memory.
const MEASURE: &str = r#"
import json, resource, subprocess, sys
zeros = subprocess.Popen(["head", "-c", sys.argv[1], "/dev/zero"], stdout=subprocess.PIPE)
run = subprocess.run(sys.argv[2:], stdin=zeros.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
zeros.stdout.close()
zeros.wait()
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"status": run.returncode, "stderr": run.stderr.decode(), "peak": peak}))
"#;

/// What a run on so many zero bytes left, and its peak memory in bytes.
fn measured(bench: &Bench, bytes: u64, arguments: &[&str]) -> Option<(Outcome, u64)> {
    if !present("python3", ["-c", "import resource"]) {
        return None;
    }
    let mut command = bench.command_of("python3");
    command.args(["-c", MEASURE, &bytes.to_string()]).arg(bench.command().get_program()).args(arguments);
    let output = feed(command, b"");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let status = value["status"].as_i64().and_then(|status| i32::try_from(status).ok());
    let stderr = value["stderr"].as_str().unwrap().as_bytes().to_vec();
    Some((Outcome { stdout: Vec::new(), stderr, status }, value["peak"].as_u64().unwrap()))
}

#[test]
fn an_endless_document_is_refused_in_little_memory() {
    let bench = scene();
    let endless = 2 << 30;
    for (arguments, status, bound) in [
        (&["verify", "-", "--trust", "vendor.pub"][..], 1, 32 * MIB),
        (&["verify", "/dev/stdin", "--trust", "vendor.pub"], 1, 32 * MIB),
        (&["verify", "eyJ9.AAAA", "--trust", "/dev/stdin"], 3, 32 * MIB),
        (
            &["mint", "--key", "vendor.key", "--passphrase-file", "/dev/zero", "--tenant", "a", "--expires", "1d"],
            0,
            32 * MIB,
        ),
        (&["keygen", "--passphrase-file", "-"], 3, 32 * MIB),
        (&["inspect", "-"], 1, 32 * MIB),
        (&["inspect", "/dev/stdin"], 1, 32 * MIB),
    ] {
        let Some((outcome, peak)) = measured(&bench, endless, arguments) else {
            return;
        };
        assert_eq!(outcome.status, Some(status), "{arguments:?}: {outcome}");
        assert!(peak < bound, "{arguments:?} took {} MiB", peak / MIB);
        assert!(status == 0 || outcome.stderr().contains("is larger than the "), "{arguments:?}: {outcome}");
    }
}

#[test]
fn a_batch_line_without_end_is_refused_in_little_memory() {
    let bench = scene();
    let verify = ["verify", "--batch", "-", "--trust", "vendor.pub"];
    let Some((outcome, peak)) = measured(&bench, 256 * MIB, &verify) else {
        return;
    };
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("1 lines judged: 0 valid, 1 refused (malformed 1)"), "{outcome}");
    assert!(peak < 64 * MIB, "{} MiB", peak / MIB);
}

#[test]
fn a_batch_of_nothing_but_zeros_mints_nothing() {
    let bench = scene();
    let mint = ["mint", "--key", "vendor.key", "--tenant", "acme", "--expires", "never", "--batch", "-"];
    let outcome = bench.run_with(mint, vec![0; 8 << 20]);
    assert_eq!((outcome.status, outcome.stdout()), (Some(1), ""), "{outcome}");
}

#[test]
fn what_is_inspected_is_held_to_the_limit_of_its_kind() {
    let bench = scene();
    let envelope = |kind: &str, payload: usize| {
        let (payload, signature) = ("A".repeat(payload / 4 * 4), format!("{}==", "A".repeat(86)));
        format!(
            r#"{{"payload":"{payload}","payloadType":"application/vnd.mintage.{kind}+json","signatures":[{{"keyid":"","sig":"{signature}"}}]}}"#
        )
    };
    let mib = 1 << 20;
    for (text, bound) in [
        ("A".repeat(200 << 10), "131072 bytes that are read"),
        (format!("{{\"a\":\"{}\"}}", "b".repeat(2 * mib)), "at most 1048576 are read of its kind"),
        (envelope("keyring", 2 * mib), "at most 1048576 are read of its kind"),
        (envelope("proof", 2 * mib), "at most 1048576 are read of its kind"),
    ] {
        bench.write("large", &text);
        let outcome = bench.run(["inspect", "large"]);
        assert!(outcome.status == Some(1) && outcome.stderr().contains(bound), "{outcome}");
    }
    bench.write("large", envelope("revocations", 2 * mib));
    assert!(!bench.run(["inspect", "large"]).stderr().contains("are read"));
}

#[test]
fn what_is_too_large_is_not_verified_either() {
    let bench = scene();
    bench.write("large", vec![0x7f; 131_073]);
    assert_snapshot!(bench.run(["inspect", "large"]), @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind     unknown
    refused  malformed: `large` is larger than the 131072 bytes that are read
    NOT VERIFIED: this is what the text claims; nothing has been checked
    ------- stderr -------
    mintage: error[malformed]: `large` is larger than the 131072 bytes that are read
    mintage: hint: name a document or a key; this is something else
    [exit status: 1]
    ");
}
