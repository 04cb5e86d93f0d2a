use std::io::{Cursor, Write};

use super::*;
use crate::manifest::identity::Assembly;

fn identity(bytes: &[u8]) -> Option<Identity> {
    identify(&bytes[..bytes.len().min(4)], Cursor::new(bytes))
}

/// A library of no code: one module, one assembly with a key, and the attribute that carries a version for people.
fn assembly() -> Vec<u8> {
    let strings =
        b"\0<Module>\0System.Reflection\0AssemblyInformationalVersionAttribute\0.ctor\0Acme.Core\0mscorlib\0\0";
    let at = |name: &[u8]| {
        let place = strings.windows(name.len()).position(|window| window == name).unwrap();
        u16::try_from(place).unwrap().to_le_bytes()
    };
    // The key of the standard, whose token every framework knows; then the value of the attribute.
    let mut blobs = vec![0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
    let value = u16::try_from(blobs.len()).unwrap().to_le_bytes();
    blobs.extend([14, 1, 0, 9]);
    blobs.extend(b"1.2.0+abc\0\0");
    let mut tables = vec![0, 0, 0, 0, 2, 0, 0, 1];
    let valid: u64 = 1 | 1 << 0x01 | 1 << 0x02 | 1 << 0x0a | 1 << 0x0c | 1 << 0x20;
    tables.extend(valid.to_le_bytes());
    tables.extend([0; 8]);
    tables.extend([1_u32; 6].map(u32::to_le_bytes).concat());
    let row = |tables: &mut Vec<u8>, columns: &[[u8; 2]]| tables.extend(columns.concat());
    let zero = [0; 2];
    row(&mut tables, &[zero, at(b"<Module>"), zero, zero, zero]);
    row(&mut tables, &[[6, 0], at(b"AssemblyInf"), at(b"System.Ref")]);
    row(&mut tables, &[zero, zero, at(b"<Module>"), zero, zero, [1, 0], [1, 0]]);
    row(&mut tables, &[[1 << 3 | 0b1, 0], at(b".ctor"), zero]);
    row(&mut tables, &[[1 << 5 | 0b1110, 0], [1 << 3 | 0b11, 0], value]);
    row(&mut tables, &[zero, zero, [1, 0], [2, 0], [3, 0], [4, 0], zero, zero, [1, 0], at(b"Acme.Core"), zero]);
    let mut metadata = b"BSJB\x01\0\x01\0\0\0\0\0\x0c\0\0\0v4.0.30319\0\0\0\0\x03\0".to_vec();
    let streams: [(&[u8], &[u8]); 3] = [(b"#~\0\0", &tables), (b"#Strings\0\0\0\0", strings), (b"#Blob\0\0\0", &blobs)];
    let mut place = metadata.len() + streams.iter().map(|(name, _)| 8 + name.len()).sum::<usize>();
    for (name, stream) in streams {
        metadata.extend(u32::try_from(place).unwrap().to_le_bytes());
        metadata.extend(u32::try_from(stream.len()).unwrap().to_le_bytes());
        metadata.extend(name);
        place += stream.len();
    }
    streams.iter().for_each(|(_, stream)| metadata.extend(*stream));
    image(&metadata)
}

/// Puts metadata into a PE file with one section at address 0x2000, which holds the header of the runtime first.
fn image(metadata: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 64];
    file[..2].copy_from_slice(b"MZ");
    file[60] = 64;
    file.extend(b"PE\0\0\x4c\x01\x01\0");
    file.extend([0; 12]);
    file.extend([224, 0, 0, 0]);
    let mut optional = vec![0; 224];
    optional[..2].copy_from_slice(&0x10b_u16.to_le_bytes());
    optional[208..212].copy_from_slice(&0x2000_u32.to_le_bytes());
    file.extend(optional);
    let raw = file.len() + 40;
    let mut section = vec![0; 40];
    let size = u32::try_from(72 + metadata.len()).unwrap();
    section[12..16].copy_from_slice(&0x2000_u32.to_le_bytes());
    section[16..20].copy_from_slice(&size.to_le_bytes());
    section[20..24].copy_from_slice(&u32::try_from(raw).unwrap().to_le_bytes());
    file.extend(section);
    let mut runtime = vec![0; 72];
    runtime[8..12].copy_from_slice(&0x2048_u32.to_le_bytes());
    runtime[12..16].copy_from_slice(&u32::try_from(metadata.len()).unwrap().to_le_bytes());
    file.extend(runtime);
    file.extend(metadata);
    file
}

/// A program of nothing but a note that holds a build id.
fn elf() -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    let wide = |number: u64| number.to_le_bytes();
    // Entry, table of segments, table of sections.
    file.extend([wide(0), wide(64), wide(0)].concat());
    file.extend(b"\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0");
    // A segment of type PT_NOTE behind the tables.
    file.extend(b"\x04\0\0\0\x04\0\0\0");
    file.extend([wide(120), wide(120), wide(120), wide(24), wide(24), wide(4)].concat());
    file.extend(b"\x04\0\0\0\x08\0\0\0\x03\0\0\0GNU\0\x01\x23\x45\x67\x89\xab\xcd\xef");
    file
}

fn jar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, text) in files {
        let file = archive.new_file(name).compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let mut writer = config.wrap(flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default()));
        writer.write_all(text.as_bytes()).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn named(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match identity(bytes) {
        Some(Identity::Jar { name, version }) => (name, version),
        other => panic!("{other:?}"),
    }
}

fn texts(name: &str, version: &str) -> (Option<String>, Option<String>) {
    (Some(name.to_owned()), Some(version.to_owned()))
}

#[test]
fn an_assembly_says_its_name_version_key_and_version_for_people() {
    let expected = Assembly {
        name: "Acme.Core".to_owned(),
        version: "1.2.3.4".to_owned(),
        culture: "neutral".to_owned(),
        public_key_token: Some("b77a5c561934e089".to_owned()),
        informational_version: Some("1.2.0+abc".to_owned()),
    };
    assert_eq!(identity(&assembly()), Some(Identity::Dotnet(expected)));
}

#[test]
fn an_assembly_that_breaks_off_has_no_identity() {
    let whole = assembly();
    for length in 0..whole.len() - 12 {
        assert_eq!(identity(&whole[..length]), None, "{length}");
    }
}

#[test]
fn an_elf_file_says_its_build_id() {
    assert_eq!(identity(&elf()), Some(Identity::Elf("0123456789abcdef".to_owned())));
    assert_eq!(identity(&elf()[..140]), None);
}

#[test]
fn a_jar_says_what_its_manifests_say() {
    let main = "Manifest-Version: 1.0\r\nImplementation-Title: Acme\r\n  Core\r\nimplementation-version: 1.2\r\n\r\n\
                Name: x\r\nImplementation-Version: 9\r\n";
    assert_eq!(named(&jar(&[("META-INF/MANIFEST.MF", main)])), texts("Acme Core", "1.2"));
    let bundle = "Bundle-SymbolicName: org.acme.core;singleton:=true\nBundle-Version: 2.0.1\n";
    assert_eq!(named(&jar(&[("META-INF/MANIFEST.MF", bundle)])), texts("org.acme.core", "2.0.1"));
    let pom = ("META-INF/maven/org.acme/core/pom.properties", "#x\nversion=3.1\ngroupId=org.acme\nartifactId=core\n");
    assert_eq!(named(&jar(&[("META-INF/MANIFEST.MF", "A: b\n"), pom])), texts("core", "3.1"));
    let other = ("META-INF/maven/org.acme/other/pom.properties", "version=4\nartifactId=other\n");
    assert_eq!(named(&jar(&[("META-INF/MANIFEST.MF", "A: b\n"), pom, other])), (None, None));
    assert_eq!(identity(&jar(&[("word/document.xml", "x")])), None);
}

#[test]
fn an_entry_that_unfolds_without_end_is_read_to_a_bound() {
    let bomb = format!("Implementation-Title: Acme\n{}", "A: b\n".repeat(2_000_000));
    assert_eq!(named(&jar(&[("META-INF/MANIFEST.MF", &bomb)])).0.as_deref(), Some("Acme"));
}

#[test]
fn what_is_none_of_these_has_no_identity() {
    for bytes in [&b""[..], b"M", b"MZ", b"\x7fELF", b"PK\x03\x04", b"#!/bin/sh\n", &[0; 4096]] {
        assert_eq!(identity(bytes), None, "{bytes:?}");
    }
}

#[test]
fn no_mutation_of_a_file_ends_in_a_panic() {
    let pom = ("META-INF/maven/org.acme/core/pom.properties", "version=3.1\nartifactId=core\n");
    let subjects = [assembly(), jar(&[("META-INF/MANIFEST.MF", "Bundle-Version: 1\n"), pom]), elf()];
    // A multiplicative generator with a fixed seed: the same mutations on every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    for subject in subjects {
        assert!(identity(&subject).is_some());
        for _ in 0..20_000 {
            let mut mutant = subject.clone();
            for _ in 0..=draw(4) {
                let at = draw(mutant.len());
                mutant[at] = [0, 1, 0x7f, 0x80, 0xff, u8::try_from(draw(256)).unwrap()][draw(6)];
            }
            mutant.truncate(mutant.len() - if draw(8) == 0 { draw(mutant.len() / 2) } else { 0 });
            let _ = identity(&mutant);
        }
    }
}
