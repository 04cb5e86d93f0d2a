//! `mintage fingerprint`, and how `mint` and `verify` bind a license to a machine.
//!
//! Stretching a network address or a serial is slow by design, so most machines here have neither.
#![cfg(target_os = "linux")]

mod bound;
mod compared;
mod enrolled;
mod oracle;

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Bench, ISSUED, Outcome, example};

const ID: &str = "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506";
const OTHER_ID: &str = "9a0b1c2d3e4f40516273849506a7b8c9";
const INSTANCE: &str = "i-0123456789abcdef0";
const CLUSTER: &str = "2d3c1a7e-7c0b-4a59-9a0e-7a0a5a1c9f10";
const UUID: &str = "4c4c4544-0042-3510-8054-b7c04f313233";

/// A fingerprint to take the salt from, so that digests are known.
const SALT: &str = concat!(
    r#"{"components":[{"digests":["00000000000000000000000000000001"],"kdf":"hmac-sha256","name":"os.machine-id","#,
    r#""weight":3}],"format":"fp1","product":"acme","profile":"host","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","#,
    r#""threshold":3,"total":3,"veto":[]}"#
);

/// A made-up machine: a folder of the bench.
pub(crate) struct Machine<'a> {
    bench: &'a Bench,
    name: &'static str,
}

impl<'a> Machine<'a> {
    fn new(bench: &'a Bench, name: &'static str, id: &str) -> Self {
        Self { bench, name }.file("etc/machine-id", id)
    }

    /// A machine of a cloud, where nothing is slow to digest.
    fn of_cloud(bench: &'a Bench, name: &'static str, id: &str, instance: &str) -> Self {
        Self::new(bench, name, id).file("sys/class/dmi/id/board_asset_tag", instance)
    }

    /// A machine with an interface and a disk.
    pub(crate) fn physical(bench: &'a Bench, name: &'static str, address: &str, serial: &str) -> Self {
        Self::new(bench, name, ID).interface("eno1", "pci0", address).disk(serial)
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.bench.write(&format!("{}/{path}", self.name), format!("{content}\n"));
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let path = self.bench.path(self.name).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn interface(self, name: &str, place: &str, address: &str) -> Self {
        let interface = format!("sys/devices/{place}/{name}");
        let machine = self
            .file(&format!("{interface}/type"), "1")
            .file(&format!("{interface}/addr_assign_type"), "0")
            .file(&format!("{interface}/address"), address)
            .link(&format!("sys/class/net/{name}"), &format!("/{interface}"));
        if place == "virtual" { machine } else { machine.link(&format!("{interface}/device"), "..") }
    }

    fn disk(self, serial: &str) -> Self {
        self.file("proc/self/mountinfo", "22 1 8:0 / / rw - ext4 /dev/sda rw")
            .file("sys/devices/sda/serial", serial)
            .link("sys/dev/block/8:0", "/sys/devices/sda")
    }

    fn fingerprint(&self, arguments: &[&str]) -> Outcome {
        self.bench.run(["fingerprint", "--sysroot", self.name].iter().chain(arguments))
    }

    /// Verifies `license` as of the day of its issue.
    fn verify(&self, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["-q", "verify", "license.lic", "--at", ISSUED, "--trust", &trust, "--sysroot", self.name];
        self.bench.run(fixed.iter().chain(arguments))
    }
}

impl Bench {
    /// Mints `license.lic`, bound as said.
    fn mint_bound(&self, fingerprint: &str) {
        let token = self.mint(&["--tenant", "acme", "--expires", "never", "--fingerprint", fingerprint]);
        self.write("license.lic", token);
    }
}

/// What `verify` says of the machine; what else it says is not for these tests to pin.
fn of_machine(mut outcome: Outcome) -> Outcome {
    let line = outcome.stdout().lines().find(|line| line.contains("  machine  ")).unwrap();
    outcome.stdout = format!("{line}\n").into_bytes();
    outcome
}

fn done(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Some(0), "{outcome}");
    outcome.stdout()
}
