//! What becomes of a fingerprint when a machine changes: machines are made up as files, read, enrolled and compared.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::component::{Kdf, lookup};
use super::enrol::enrol_by;
use super::*;

const ID: &str = "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506\n";
const OTHER_ID: &str = "9a0b1c2d3e4f40516273849506a7b8c9\n";
const UUID: &str = "4C4C4544-0042-3510-8054-B7C04F313233\n";
const OTHER_UUID: &str = "4C4C4544-0051-4D10-8032-C4C04F595A31\n";

/// A made-up Linux machine.
#[derive(Clone, Debug, Default)]
struct Sample {
    /// Files and what is in them.
    files: Vec<(String, &'static str)>,
    /// Symbolic links and where they lead.
    links: Vec<(String, String)>,
}

impl Sample {
    /// A host with two interfaces, a disk and firmware.
    fn host() -> Self {
        Self::default()
            .file("etc/machine-id", ID)
            .interface("eno1", "pci0000:00", "00:1b:21:aa:bb:01", "0")
            .interface("eno2", "pci0000:00", "00:1b:21:aa:bb:02", "0")
            .disk("S3Z9NB0K123456\n")
            .firmware("product_uuid", UUID)
            .firmware("board_serial", "/7XQ1N52/CNFCW0012300AB/\n")
    }

    /// A guest of QEMU, whose only interface has a locally administered address.
    fn guest() -> Self {
        Self::default()
            .file("etc/machine-id", ID)
            .interface("ens3", "pci0000:00", "52:54:00:12:34:56", "0")
            .disk("QM00001\n")
            .firmware("product_uuid", UUID)
    }

    fn file(mut self, path: impl Into<String>, content: &'static str) -> Self {
        let path = path.into();
        self.files.retain(|(other, _)| *other != path);
        self.files.push((path, content));
        self
    }

    fn link(mut self, path: impl Into<String>, target: impl Into<String>) -> Self {
        let path = path.into();
        self.links.retain(|(other, _)| *other != path);
        self.links.push((path, target.into()));
        self
    }

    fn interface(self, name: &str, place: &str, address: &'static str, assigned: &'static str) -> Self {
        let device = format!("sys/devices/{place}/{name}-device");
        let interface = format!("{device}/net/{name}");
        let sample = self
            .file(format!("{interface}/type"), "1\n")
            .file(format!("{interface}/address"), address)
            .file(format!("{interface}/addr_assign_type"), assigned)
            .link(format!("sys/class/net/{name}"), format!("../../../{interface}"));
        if place == "virtual" { sample } else { sample.link(format!("{interface}/device"), format!("/{device}")) }
    }

    fn without(mut self, part: &str) -> Self {
        self.files.retain(|(path, _)| !path.contains(part));
        self.links.retain(|(path, _)| !path.contains(part));
        self
    }

    fn disk(self, serial: &'static str) -> Self {
        let disk = "sys/devices/pci0000:00/0000:00:17.0/block/sda";
        self.file(
            "proc/self/mountinfo",
            "21 1 0:20 / /proc rw - proc proc rw\n22 1 8:2 / / rw shared:1 - ext4 /dev/sda2 rw\n",
        )
        .file(format!("{disk}/sda2/partition"), "2\n")
        .file(format!("{disk}/serial"), serial)
        .link("sys/dev/block/8:2", format!("../../../{disk}/sda2"))
    }

    fn firmware(self, name: &str, value: &'static str) -> Self {
        self.file(format!("sys/devices/virtual/dmi/id/{name}"), value)
            .link("sys/class/dmi/id", "../../devices/virtual/dmi/id")
    }

    fn write(&self) -> TempDir {
        let root = TempDir::new().unwrap();
        let parent = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (path, content) in &self.files {
            fs::write(parent(path), content).unwrap();
        }
        for (path, target) in &self.links {
            symlink(target, parent(path)).unwrap();
        }
        root
    }

    fn read(&self, profile: Profile, privilege: Privilege) -> Vec<Reading> {
        let root = self.write();
        read(root.path(), profile, privilege)
    }

    fn state(&self, name: &str, profile: Profile) -> ReadingState {
        let readings = self.read(profile, Privilege::Privileged);
        readings.into_iter().find(|reading| reading.name == name).unwrap().state
    }
}

fn read(root: &Path, profile: Profile, privilege: Privilege) -> Vec<Reading> {
    Linux { root: root.to_owned() }.read(&ReadOptions { privilege, profile, ..ReadOptions::default() })
}

fn ok(value: &str) -> ReadingState {
    ReadingState::Ok(vec![value.to_owned()])
}

/// Enrols one machine and compares it with another: the answer and the points.
fn compare(before: &Sample, after: &Sample, profile: Profile, privilege: Privilege) -> (Outcome, u32) {
    let enrolment = Enrolment { product: String::new(), salt: [3; 16], profile, weak: Weak::Refuse };
    let plain = |name: &str| lookup(name).map(|(weight, _)| (weight, Kdf::HmacSha256));
    let fp1 = enrol_by(&before.read(profile, privilege), &enrolment, plain).unwrap();
    let readings = after.read(profile, privilege);
    let comparison = Fingerprint::Fp1(fp1).compare(&Machine { readings, ..Machine::default() });
    (comparison.outcome, comparison.score)
}

#[test]
fn a_host_survives_repairs_and_its_disk_does_not_make_another() {
    use Outcome::{Drift, Match, Mismatch};
    let host = Sample::host;
    let docker = host()
        .interface("docker0", "virtual", "02:42:7c:00:00:01", "3")
        .interface("veth12ab", "virtual", "00:1b:21:00:00:09", "0")
        .interface("enx00e04c680001", "pci0000:00/0000:00:14.0/usb1/1-2", "00:e0:4c:68:00:01", "0")
        .interface("wlan0", "pci0000:00", "00:1b:21:cc:cc:cc", "1");
    let renamed = host().without("eno1").interface("eth7", "pci0000:00", "00:1b:21:aa:bb:01", "0");
    let one_nic = host().without("eno1").interface("eno3", "pci0000:00", "00:1b:21:aa:bb:03", "0");
    let both_nics = one_nic.clone().without("eno2");
    let random = host().interface("eno1", "pci0000:00", "00:1b:21:aa:bb:01", "1").interface(
        "eno2",
        "pci0000:00",
        "06:1b:21:aa:bb:02",
        "0",
    );
    let board =
        both_nics.clone().firmware("product_uuid", OTHER_UUID).firmware("board_serial", "/9YR2P63/CNFCW0099900CD/");
    let copied = board.clone().disk("S3Z9NB0K999999\n");
    let spoofed = copied.clone().interface("eno3", "pci0000:00", "00:1b:21:aa:bb:01", "3");
    let cases = [
        ("reboot", host(), (Match, 7), (Match, 11)),
        ("docker, a dock and a random address", docker, (Match, 7), (Match, 11)),
        ("interface renamed", renamed, (Match, 7), (Match, 11)),
        ("one of two interfaces replaced", one_nic, (Match, 7), (Match, 11)),
        ("both interfaces replaced", both_nics, (Drift, 5), (Drift, 9)),
        ("addresses made random", random, (Drift, 5), (Drift, 9)),
        ("disk replaced, system copied over", host().disk("S3Z9NB0K999999\n"), (Drift, 5), (Drift, 9)),
        ("system reinstalled", host().file("etc/machine-id", OTHER_ID), (Drift, 4), (Drift, 8)),
        ("disk and system new", host().disk("N\u{e9}w").file("etc/machine-id", OTHER_ID), (Mismatch, 2), (Drift, 6)),
        ("main board replaced", board, (Drift, 5), (Mismatch, 5)),
        ("disk image copied to another machine", copied, (Mismatch, 3), (Mismatch, 3)),
        ("disk image copied and address set by hand", spoofed, (Mismatch, 3), (Mismatch, 3)),
    ];
    for (name, after, ordinary, privileged) in cases {
        assert_eq!(compare(&host(), &after, Profile::Host, Privilege::Ordinary), ordinary, "{name}");
        assert_eq!(compare(&host(), &after, Profile::Host, Privilege::Privileged), privileged, "{name}, as root");
    }
}

#[test]
fn a_copied_image_does_not_pass_by_what_cloud_init_left_on_it() {
    let with = |sample: Sample| sample.file("var/lib/cloud/data/instance-id", "9c1e04aa-51aa-4d7d-8e6f-0a1b2c3d4e5f\n");
    let copied = Sample::host().without("eno").disk("S3Z9NB0K999999\n");
    let outcome = compare(&with(Sample::host()), &with(copied), Profile::Host, Privilege::Ordinary);
    assert_eq!(outcome, (Outcome::Mismatch, 3));
}

#[test]
fn a_copy_of_a_virtual_machine_fails_unless_it_is_exact() {
    use Outcome::{Match, Mismatch};
    let guest = Sample::guest;
    let new_nic = |sample: Sample| sample.interface("ens3", "pci0000:00", "52:54:00:65:43:21", "0");
    let ec2 = |tag| guest().firmware("board_asset_tag", tag);
    let cases = [
        ("exact copy", guest(), guest(), (Match, 5), (Match, 8)),
        ("copy with a new address", guest(), new_nic(guest()), (Mismatch, 3), (Mismatch, 6)),
        (
            "copy with the address and a new UUID",
            guest(),
            guest().firmware("product_uuid", OTHER_UUID),
            (Match, 5),
            (Mismatch, 5),
        ),
        ("copy on EC2", ec2("i-0123456789abcdef0\n"), ec2("i-0fedcba9876543210\n"), (Mismatch, 5), (Mismatch, 8)),
    ];
    for (name, before, after, ordinary, privileged) in cases {
        assert_eq!(compare(&before, &after, Profile::Vm, Privilege::Ordinary), ordinary, "{name}");
        assert_eq!(compare(&before, &after, Profile::Vm, Privilege::Privileged), privileged, "{name}, as root");
    }
}

#[test]
fn a_machine_id_of_a_system_not_yet_booted_is_no_identity() {
    for id in ["", "\n", "uninitialized\n", "00000000000000000000000000000000\n", "7:blkio:\n"] {
        let sample = Sample::host().file("etc/machine-id", id);
        assert!(matches!(sample.state("os.machine-id", Profile::Host), ReadingState::Invalid(_)), "{id}");
        assert_eq!(short_id(&sample.read(Profile::Host, Privilege::Ordinary)), None, "{id}");
    }
    let nothing = Sample::default().file("etc/hostname", "node-1\n");
    assert!(nothing.read(Profile::Vm, Privilege::Privileged).iter().all(|it| it.state == ReadingState::Absent));
}

#[test]
fn links_and_special_files_do_not_lead_out_of_the_root() {
    let host = || Sample::host().without("machine-id");
    let outside = Sample::default().file("id", ID).write();
    let escapes = outside.path().join("id").display().to_string();
    assert_eq!(host().link("etc/machine-id", escapes).state("os.machine-id", Profile::Host), ReadingState::Absent);
    assert_eq!(host().link("etc/machine-id", "missing").state("os.machine-id", Profile::Host), ReadingState::Absent);
    let inside = host().file("run/machine-id", ID).link("etc/machine-id", "/run/machine-id");
    assert_eq!(inside.state("os.machine-id", Profile::Host), ok(ID.trim()));
    let directory = host().file("etc/machine-id/file", ID);
    assert!(matches!(directory.state("os.machine-id", Profile::Host), ReadingState::Invalid(_)));
}

#[test]
fn the_note_names_what_was_ignored_and_gives_no_address_away() {
    let sample = Sample::guest()
        .interface("docker0", "virtual", "02:42:7c:00:00:01", "3")
        .interface("enx00e04c680001", "pci0000:00/0000:00:14.0/usb1/1-2", "00:e0:4c:68:00:01", "0")
        .interface("wlan0", "pci0000:00", "00:1b:21:cc:cc:cc", "1")
        .file("sys/class/net/bonding_masters", "bond0\n")
        .file("sys/class/net/lo/type", "772\n");
    let readings = sample.read(Profile::Host, Privilege::Ordinary);
    assert_eq!(readings[1].state, ReadingState::Absent);
    assert_eq!(
        readings[1].note,
        "ignored: docker0 (virtual), ens3 (a locally administered address), enx… (USB), wlan0 (a random address)"
    );
    assert_eq!(readings[2].note, "value `QM00001` is not unique; not used");
}

#[test]
fn the_disk_is_found_below_mappings_and_behind_made_up_numbers() {
    let host = || Sample::host().without("mountinfo").without("dev/block");
    let disk = "sys/devices/pci0000:00/0000:00:17.0/block/sda";
    let mapped = host()
        .file("proc/self/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n")
        .file("sys/devices/virtual/block/dm-1/size", "1\n")
        .file("sys/devices/virtual/block/dm-0/size", "1\n")
        .link("sys/dev/block/253:0", "/sys/devices/virtual/block/dm-0")
        .link("sys/devices/virtual/block/dm-0/slaves/dm-1", "../../dm-1")
        .link("sys/devices/virtual/block/dm-1/slaves/sda2", format!("/{disk}/sda2"))
        .link("sys/devices/virtual/block/dm-1/slaves/dm-0", "../../dm-0");
    let btrfs = host()
        .file("proc/self/mountinfo", "22 1 0:28 /@ / rw - btrfs /dev/mapper/root rw,subvol=/@\n")
        .link("dev/mapper/root", "../sda2")
        .file("dev/sda2", "")
        .link("sys/class/block/sda2", format!("../../../{disk}/sda2"));
    for sample in [Sample::host(), mapped, btrfs] {
        assert_eq!(sample.state("disk.root", Profile::Host), ok("S3Z9NB0K123456"));
    }
    for mounts in [
        "22 1 0:28 / / rw - overlay overlay rw\n",
        "22 1 8:9 / / rw - ext4 /dev/root rw\n",
        "22 1 ../../8:2 / / rw - ext4 none rw\n",
        "22 1 8:2 / /home rw - ext4 /dev/sda2 rw\n",
        "nonsense\n",
        "",
    ] {
        let sample = Sample::host().file("proc/self/mountinfo", mounts);
        assert_eq!(sample.state("disk.root", Profile::Host), ReadingState::Absent, "{mounts}");
    }
}

#[test]
fn the_first_name_of_a_disk_that_is_unique_counts() {
    let disk = "sys/devices/pci0000:00/0000:00:17.0/block/sda";
    let shared = || Sample::host().disk("overlayblk\n");
    assert!(matches!(shared().state("disk.root", Profile::Host), ReadingState::Placeholder(_)));
    let named = shared()
        .file(format!("{disk}/wwid"), "naa.5000000000000000\n")
        .file(format!("{disk}/device/cid"), "4501004d3831\n");
    assert_eq!(named.state("disk.root", Profile::Host), ok("4501004d3831"));
}

#[test]
fn a_cloud_names_its_instances_and_defaults_are_no_names() {
    let tag = |tag| Sample::guest().firmware("board_asset_tag", tag).state("cloud.instance-id", Profile::Host);
    assert_eq!(tag("i-0123456789abcdef0\n"), ok("i-0123456789abcdef0"));
    assert_eq!(tag("i-01234567\n"), ok("i-01234567"));
    for other in ["Amazon EC2\n", "i-\n", "i-0123456789abcdefg\n", "7783-7084-3265-9085-8269-3286-77\n"] {
        assert_eq!(tag(other), ReadingState::Absent, "{other}");
    }
    let id = |id| Sample::guest().file("var/lib/cloud/data/instance-id", id).state("cloud.instance-id", Profile::Vm);
    assert_eq!(id("9c1e04aa-51aa-4d7d-8e6f-0a1b2c3d4e5f\n"), ok("9c1e04aa-51aa-4d7d-8e6f-0a1b2c3d4e5f"));
    for default in ["iid-datasource-none\n", "nocloud\n", "iid-local01\n", "iid-dsovf\n"] {
        assert!(matches!(id(default), ReadingState::Placeholder(_)), "{default}");
    }
}

#[test]
fn surroundings_are_told_and_change_nothing() {
    let container = Sample::host().file(".dockerenv", "");
    let guess = |sample: &Sample| {
        let root = sample.write();
        Linux { root: root.path().to_owned() }.surroundings()
    };
    assert_eq!(guess(&Sample::host()), None);
    assert_eq!(guess(&container), Some(Surroundings::Container("/.dockerenv".to_owned())));
    let virtual_machine = Sample::guest().firmware("sys_vendor", "QEMU\n");
    assert_eq!(guess(&virtual_machine), Some(Surroundings::VirtualMachine("QEMU".to_owned())));
    let read = |sample: &Sample| sample.read(Profile::Host, Privilege::Privileged);
    assert_eq!(read(&container), read(&Sample::host()));
}

#[test]
fn a_document_made_with_stretching_matches_its_machine() {
    let sample = Sample::guest();
    let enrolment = Enrolment { product: "acme".to_owned(), salt: [5; 16], profile: Profile::Vm, weak: Weak::Refuse };
    let fp1 = enrol(&sample.read(Profile::Vm, Privilege::Ordinary), &enrolment).unwrap();
    assert_eq!(fp1.components[0].kdf, Kdf::Pbkdf2);
    let fingerprint = Fingerprint::Fp1(fp1);
    let root = sample.write();
    let readings = Linux { root: root.path().to_owned() }.read(&fingerprint.read_options());
    assert_eq!(fingerprint.compare(&Machine { readings, ..Machine::default() }).outcome, Outcome::Match);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn names_and_order_of_interfaces_change_nothing(order in Just([0_usize, 1, 2, 3]).prop_shuffle(), names in prop::collection::btree_set("[a-z]{2,8}[0-9]", 4)) {
        const ADDRESSES: [&str; 4] = ["00:1b:21:aa:bb:01", "00:1b:21:aa:bb:02", "02:42:7c:00:00:01", "b8:27:eb:01:02:03"];
        let names: Vec<_> = names.into_iter().collect();
        let sample = order.iter().zip(&names).fold(Sample::default(), |sample, (&at, name)| {
            sample.interface(name, if at == 1 { "virtual" } else { "pci0000:00" }, ADDRESSES[at], "0")
        });
        let expected = ReadingState::Ok(vec![ADDRESSES[0].to_owned(), ADDRESSES[3].to_owned()]);
        prop_assert_eq!(sample.state("net.mac", Profile::Host), expected);
    }
}
