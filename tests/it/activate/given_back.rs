//! `activate --deactivate`: an activation comes home.

use insta::assert_snapshot;

use super::{customer, example, instance_key};

#[test]
fn a_proof_stops_counting_here_at_once_and_its_key_is_gone() {
    let bench = customer();
    bench.activated();
    bench.write("copy.json", bench.read("installed.json"));
    let kid = instance_key(&bench);
    let outcome =
        bench.activate(&["--deactivate", "--proof", "installed.json", "--reason", "moved", "-o", "release.json"]);
    assert_snapshot!(outcome, @r"
    ------- stderr -------
    mintage: proof p-1 is given back; send the release to the issuer
    [exit status: 0]
    ");
    assert!(!bench.path("installed.json").exists());
    let folder = bench.path(".local/state/mintage");
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [format!("{kid}.released").as_str()]);
    let outcome = bench.verify_proof("copy.json", &[]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[released]"), "{outcome}");
    let again = bench.activate(&["--deactivate", "--proof", "copy.json"]);
    assert_eq!(again.status, Some(1), "{again}");
    assert!(again.stderr().contains("error[released]"), "{again}");
}

#[test]
fn the_vendor_verifies_a_release_beside_its_proof() {
    let bench = customer();
    bench.activated();
    bench.write("copy.json", bench.read("installed.json"));
    let given_back = bench.activate(&["--deactivate", "--proof", "installed.json", "--armor", "-o", "release.txt"]);
    assert_eq!(given_back.status, Some(0), "{given_back}");
    let vendor = customer();
    vendor.write("release.txt", bench.read("release.txt"));
    vendor.write("proof.json", bench.read("copy.json"));
    let trust = example("vendor.pub");
    let outcome = vendor.run(["verify", "release.txt", "--proof", "proof.json", "--trust", &trust]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    assert!(outcome.stdout().contains("pass  signature    by the instance key"), "{outcome}");
    let alone = vendor.run(["verify", "release.txt", "--trust", &trust]);
    assert_eq!(alone.status, Some(1), "{alone}");
    assert!(alone.stderr().contains("error[proof-required]"), "{alone}");
    // Another activation of the same license is not given back with it.
    let other = customer();
    other.activated();
    vendor.write("other.json", other.read("installed.json"));
    let mixed = vendor.run(["verify", "release.txt", "--proof", "other.json", "--trust", &trust]);
    assert_eq!(mixed.status, Some(1), "{mixed}");
    assert!(mixed.stderr().contains("error[bad-signature]: the release was not signed by the instance key"), "{mixed}");
}

#[test]
fn nobody_gives_away_the_activation_of_another_machine() {
    let (bench, other) = (customer(), customer());
    bench.activated();
    other.write("proof.json", bench.read("proof.json"));
    let outcome = other.activate(&["--deactivate", "--proof", "proof.json"]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[wrong-machine]"), "{outcome}");
    assert!(outcome.stdout.is_empty() && other.path("proof.json").exists());
}

#[test]
fn a_release_that_cannot_be_written_leaves_the_activation_in_force() {
    let bench = customer();
    bench.activated();
    let outcome = bench.activate(&["--deactivate", "--proof", "installed.json", "-o", "no/such/folder"]);
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert_eq!(bench.verify_proof("installed.json", &[]).status, Some(0));
}
