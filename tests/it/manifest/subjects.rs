//! What real files say they are, held against the tools of their makers.

use super::exported::find;
use super::*;
use crate::interop::present;

/// How many files of a kind are looked at.
const MOST: usize = 200;

/// The core library of Debian's mono.
const CORE: &str = "/usr/lib/mono/4.5/mscorlib.dll";

/// Whether monodis and an assembly to read are here.
fn has_mono() -> bool {
    present("monodis", ["--assembly", CORE])
}

/// Copies files into `app` under a number each, and returns what the manifest says each of them is.
fn identities(bench: &Bench, files: &[PathBuf]) -> Vec<Option<Vec<(String, String)>>> {
    for (number, file) in files.iter().enumerate() {
        bench.write(&format!("app/{number:04}"), fs::read(file).unwrap());
    }
    bench.minted(&[]);
    let statement = bench.statement();
    let value = json::parse(statement.as_bytes()).unwrap();
    let Value::Array(files) = find(find(&value, "predicate"), "files") else { panic!("{statement}") };
    let identity = |file: &Value<'_>| match file {
        Value::Object(members) => {
            let (_, identity) = members.iter().find(|(name, _)| name == "identity")?;
            let Value::Object(members) = identity else { return None };
            let texts = members.iter().map(|(name, value)| match value {
                Value::String(text) => (name.to_string(), text.to_string()),
                other => panic!("{other:?}"),
            });
            Some(texts.collect())
        }
        other => panic!("{other:?}"),
    };
    files.iter().map(identity).collect()
}

/// Finds regular files below a folder that one wants, in order.
fn below(folder: &str, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut open = vec![PathBuf::from(folder)];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() && wanted(&path) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    let step = found.len().div_ceil(MOST).max(1);
    found.into_iter().step_by(step).collect()
}

fn member<'a>(identity: &'a [(String, String)], name: &str) -> Option<&'a str> {
    identity.iter().find(|(member, _)| member == name).map(|(_, value)| value.as_str())
}

fn is_assembly(path: &Path) -> bool {
    matches!(path.extension().and_then(OsStr::to_str), Some("dll" | "exe"))
}

#[test]
fn assemblies_say_what_monodis_reads_in_them() {
    if has_mono() {
        assert!(compared_with_monodis(&below("/usr/lib/mono", is_assembly)) > 0);
    }
}

/// Looks into every wheel in the folder `MINTAGE_TEST_WHEELS`.
#[test]
fn assemblies_of_wheels_say_what_monodis_reads_in_them() {
    let wheels = std::env::var_os("MINTAGE_TEST_WHEELS").unwrap_or_default();
    // `test -d` is the probe, so that a run which must have the wheels fails without them.
    if !has_mono() || !present("test", [OsStr::new("-d"), &wheels]) {
        return;
    }
    let bench = Bench::new();
    for wheel in below(wheels.to_str().unwrap(), |path| path.extension() == Some(OsStr::new("whl"))) {
        let mut unpack = Command::new("python3");
        unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(bench.path("wheels"));
        assert_eq!(feed(unpack, b"").status, Some(0));
    }
    assert!(compared_with_monodis(&below(bench.path("wheels").to_str().unwrap(), is_assembly)) > 0);
}

/// Returns how many of the files are assemblies, after each was held against what monodis says of it.
fn compared_with_monodis(files: &[PathBuf]) -> usize {
    let bench = Bench::new();
    let mut compared = 0;
    for (file, identity) in files.iter().zip(identities(&bench, files)) {
        let output = Command::new("monodis").arg("--assembly").arg(file).output().unwrap();
        let oracle = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = |label: &str| {
            let line = oracle.lines().find_map(|line| line.strip_prefix(label));
            line.map(|line| line.trim_start_matches([' ', ':']).trim().to_owned())
        };
        let (Some(name), Some(identity)) = (told("Name"), &identity) else {
            assert_eq!(told("Name"), None, "{}: {identity:?}", file.display());
            assert!(identity.is_none(), "{}: {identity:?}", file.display());
            continue;
        };
        assert_eq!(member(identity, "name"), Some(name.as_str()), "{}", file.display());
        assert_eq!(member(identity, "version").map(str::to_owned), told("Version"), "{}", file.display());
        let culture = told("Culture").filter(|culture| !culture.is_empty()).unwrap_or("neutral".to_owned());
        assert_eq!(member(identity, "culture"), Some(culture.as_str()), "{}", file.display());
        // The cache of assemblies names its folders by the token.
        if let Some(token) =
            file.to_str().and_then(|path| path.split_once("/gac/")?.1.rsplit_once('_')?.1.split_once('/'))
        {
            assert_eq!(member(identity, "publicKeyToken"), Some(token.0), "{}", file.display());
        }
        compared += 1;
    }
    compared
}

#[test]
fn the_core_library_of_mono_has_the_token_that_everyone_knows() {
    if !has_mono() {
        return;
    }
    let bench = Bench::new();
    let identity = identities(&bench, &[PathBuf::from(CORE)]).remove(0).unwrap();
    assert_eq!(member(&identity, "publicKeyToken"), Some("b77a5c561934e089"));
    assert!(member(&identity, "informationalVersion").is_some_and(|version| version.starts_with("4.")));
    let approvals = bench.manifest(&["-q", "--format", "muonroi"]);
    assert!(
        approvals
            .stdout()
            .contains(r#""assemblyName":"mscorlib","licenseId":null,"publicKeyToken":"b77a5c561934e089""#)
    );
}

#[test]
fn programs_say_what_readelf_reads_in_them() {
    let files = below("/usr/bin", |path| {
        let mut head = [0; 4];
        let read = fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
        read.is_ok() && head == *b"\x7fELF"
    });
    if !present("readelf", ["--version"]) {
        return;
    }
    let bench = Bench::new();
    for (file, identity) in files.iter().zip(identities(&bench, &files)) {
        let output = Command::new("readelf").arg("-n").arg(file).output().unwrap();
        let oracle = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = oracle.lines().find_map(|line| line.trim().strip_prefix("Build ID: "));
        let said = identity.as_deref().and_then(|identity| member(identity, "buildId"));
        assert_eq!(said, told, "{}", file.display());
    }
}

#[test]
fn jars_say_what_their_manifests_say() {
    let mut files = below("/usr/share", |path| path.extension() == Some(OsStr::new("jar")));
    let bench = Bench::new();
    if !present("python3", ["--version"]) {
        return;
    }
    let mut python = Command::new("python3");
    python.args(["-c", MADE_JAR]).current_dir(bench.path(""));
    assert_eq!(feed(python, b"").status, Some(0));
    files.push(bench.path("made.jar"));
    let identities = identities(&bench, &files);
    let mut named = 0;
    for (file, identity) in files.iter().zip(identities) {
        let output = Command::new("python3").args(["-c", JAR_VERSION]).arg(file).output().unwrap();
        let oracle = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let version = identity.as_deref().and_then(|identity| member(identity, "version")).unwrap_or_default();
        assert_eq!(version, oracle, "{}", file.display());
        named += usize::from(!version.is_empty());
    }
    assert!(named > 0, "no JAR had a version");
}

/// Makes a JAR whose manifest folds its lines.
const MADE_JAR: &str = r#"
import zipfile
text = "Manifest-Version: 1.0\r\nImplementation-Title: Made\r\nImplementation-Version: 7.\r\n 1\r\n\r\nName: x\r\n"
with zipfile.ZipFile("made.jar", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("META-INF/MANIFEST.MF", text)
"#;

/// An independent reader of the version of a JAR.
const JAR_VERSION: &str = r#"
import re, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
main, names = {}, archive.namelist()
if "META-INF/MANIFEST.MF" in names:
    text = archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace").replace("\r\n", "\n")
    for line in re.sub("\n ", "", text).split("\n\n")[0].split("\n"):
        name, colon, value = line.partition(":")
        if colon: main[name.strip().lower()] = value.strip()
poms = [name for name in names if re.match("META-INF/maven/.*/pom.properties$", name)]
pom = dict(line.split("=", 1) for line in archive.read(poms[0]).decode().splitlines() if "=" in line) if len(poms) == 1 else {}
print(main.get("implementation-version") or main.get("bundle-version") or pom.get("version", "").strip())
"#;
