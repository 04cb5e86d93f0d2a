//! [`Sysroot`]: reads small files below a root as if it were `/`, so that no symbolic link leads out of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// How many symbolic links one path may pass, as in Linux.
const MOST_LINKS: usize = 40;

/// A directory that stands for `/`.
pub(super) struct Sysroot<'a> {
    root: &'a Path,
}

/// Says why a file was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not there.
    Absent,
    /// This process cannot read it.
    Denied,
    /// It is no small regular file of text.
    Unfit(&'static str),
}

impl<'a> Sysroot<'a> {
    /// Takes the directory that stands for `/`; it may itself be reached through links.
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Whether the root is that of this process.
    pub(super) fn is_own(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Reads a regular file of at most `most` bytes of UTF-8. Nothing else is opened: a pipe or device would block or act.
    pub(super) fn read(&self, path: impl AsRef<Path>, most: u64) -> Result<String, Fault> {
        let path = self.root.join(self.resolve(path)?);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(Fault::Unfit("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        File::open(&path)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(Fault::Unfit("the file is larger than any of its kind"));
        }
        String::from_utf8(bytes).map_err(|_| Fault::Unfit("it is not UTF-8"))
    }

    /// Lists the names in a directory, sorted; none when it cannot be listed.
    pub(super) fn list(&self, path: impl AsRef<Path>) -> Result<Vec<OsString>, Fault> {
        let entries = fs::read_dir(self.root.join(self.resolve(path)?))?;
        let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>, Fault>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// Whether something is at a path.
    pub(super) fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.resolve(path).is_ok()
    }

    /// Follows every symbolic link of a path inside the root: an absolute one starts there again, and `..` ends there.
    /// Returns the path relative to the root.
    pub(super) fn resolve(&self, path: impl AsRef<Path>) -> Result<PathBuf, Fault> {
        let mut resolved = PathBuf::new();
        let mut waiting = reversed(path.as_ref());
        let mut links = 0;
        while let Some(step) = waiting.pop() {
            match step {
                Step::Root => resolved.clear(),
                Step::Up => drop(resolved.pop()),
                Step::Into(name) => {
                    resolved.push(name);
                    let here = self.root.join(&resolved);
                    if fs::symlink_metadata(&here)?.is_symlink() {
                        links += 1;
                        if links > MOST_LINKS {
                            return Err(Fault::Unfit("its symbolic links go round in a circle"));
                        }
                        resolved.pop();
                        waiting.extend(reversed(&fs::read_link(&here)?));
                    }
                }
            }
        }
        Ok(resolved)
    }
}

enum Step {
    Into(OsString),
    Root,
    Up,
}

/// Takes a path apart, the last step first.
fn reversed(path: &Path) -> Vec<Step> {
    let step = |component: Component<'_>| match component {
        Component::CurDir => None,
        Component::Normal(name) => Some(Step::Into(name.to_owned())),
        Component::ParentDir => Some(Step::Up),
        Component::Prefix(_) | Component::RootDir => Some(Step::Root),
    };
    path.components().rev().filter_map(step).collect()
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Absent,
            // Whatever else stops us from looking is no statement about the machine.
            _ => Self::Denied,
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn sample() -> tempfile::TempDir {
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir_all(outside.path().join("root/etc")).unwrap();
        fs::create_dir_all(outside.path().join("root/run")).unwrap();
        fs::write(outside.path().join("machine-id"), "outside").unwrap();
        fs::write(outside.path().join("root/run/machine-id"), "inside").unwrap();
        outside
    }

    #[test]
    fn links_lead_nowhere_but_inside() {
        let outside = sample();
        let root = outside.path().join("root");
        let sysroot = Sysroot::new(&root);
        let link = root.join("etc/machine-id");
        for target in ["/run/machine-id", "../run/machine-id", "../../../../../run/machine-id", "/../run/./machine-id"]
        {
            symlink(target, &link).unwrap();
            assert_eq!(sysroot.read("etc/machine-id", 64), Ok("inside".to_owned()), "{target}");
            assert_eq!(sysroot.resolve("/etc/machine-id"), Ok(PathBuf::from("run/machine-id")), "{target}");
            fs::remove_file(&link).unwrap();
        }
        for target in [outside.path().join("machine-id"), "../../machine-id".into()] {
            symlink(&target, &link).unwrap();
            assert_eq!(sysroot.read("etc/machine-id", 64), Err(Fault::Absent), "{target:?}");
            fs::remove_file(&link).unwrap();
        }
    }

    #[test]
    fn links_of_directories_are_followed_inside_too() {
        let outside = sample();
        let root = outside.path().join("root");
        symlink("/run", root.join("var")).unwrap();
        assert_eq!(Sysroot::new(&root).read("var/machine-id", 64), Ok("inside".to_owned()));
        assert_eq!(Sysroot::new(&root).list("var"), Ok(vec!["machine-id".into()]));
    }

    #[test]
    fn links_that_go_round_end() {
        let outside = sample();
        symlink("b", outside.path().join("a")).unwrap();
        symlink("a", outside.path().join("b")).unwrap();
        assert!(matches!(Sysroot::new(outside.path()).resolve("a"), Err(Fault::Unfit(_))));
    }

    #[test]
    fn only_small_regular_files_of_text_are_read() {
        let outside = sample();
        let sysroot = Sysroot::new(outside.path());
        fs::write(outside.path().join("binary"), [0xff]).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(outside.path().join("socket")).unwrap();
        assert_eq!(sysroot.read("machine-id", 7), Ok("outside".to_owned()));
        for path in ["machine-id", "binary", "socket", "root"] {
            assert!(matches!(sysroot.read(path, 6), Err(Fault::Unfit(_))), "{path}");
        }
        for path in ["missing", "missing/too", "machine-id/too"] {
            assert_eq!(sysroot.read(path, 7), Err(Fault::Absent), "{path}");
        }
    }
}
