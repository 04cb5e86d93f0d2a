//! [`Identity`]: what a file says it is. It informs people; the digest of the bytes is what is checked.

use std::fmt;

use crate::json::{JsonError, Value, Writer};

/// What a file says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// A .NET assembly.
    Dotnet(Assembly),
    /// An ELF file with this build id, in lower-case hex digits.
    Elf(String),
    /// A JAR.
    Jar {
        /// Its title, symbolic name or artifact id.
        name: Option<String>,
        /// Its version.
        version: Option<String>,
    },
}

/// What an assembly says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    /// Its simple name.
    pub name: String,
    /// Its four numbers.
    pub version: String,
    /// Its culture, `neutral` for most.
    pub culture: String,
    /// Its public key token, 16 lower-case hex digits. A delay-signed copy has the same: it proves nothing.
    pub public_key_token: Option<String>,
    /// Its version for people, which often carries the commit.
    pub informational_version: Option<String>,
}

impl Identity {
    /// Reads an identity; `None` for a type that this version does not know.
    ///
    /// # Errors
    /// `Missing` and `Value`.
    pub(super) fn read(value: Value<'_>) -> Result<Option<Self>, JsonError> {
        let mut members = Vec::new();
        let mut kind = None;
        for (name, value) in value.into_object("identity")? {
            match name.as_ref() {
                "type" => kind = Some(value.into_string("type")?.into_owned()),
                _ => members.push((name, value)),
            }
        }
        let mut take = |wanted: &'static str| {
            let at = members.iter().position(|(name, _)| name == wanted);
            at.map(|at| members.swap_remove(at).1.into_string(wanted).map(std::borrow::Cow::into_owned)).transpose()
        };
        let needed = |name, value: Option<String>| value.ok_or(JsonError::Missing(name));
        Ok(match kind.as_deref() {
            None => return Err(JsonError::Missing("type")),
            Some("dotnet") => Some(Self::Dotnet(Assembly {
                name: needed("name", take("name")?)?,
                version: needed("version", take("version")?)?,
                culture: needed("culture", take("culture")?)?,
                public_key_token: take("publicKeyToken")?,
                informational_version: take("informationalVersion")?,
            })),
            Some("elf") => Some(Self::Elf(needed("buildId", take("buildId")?)?)),
            Some("jar") => Some(Self::Jar { name: take("name")?, version: take("version")? }),
            Some(_) => None,
        })
    }

    /// Writes the identity.
    pub(super) fn write(&self, out: &mut Writer) {
        let mut member = |name: &'static str, value: Option<&str>| {
            if let Some(value) = value {
                out.name(name).string(value);
            }
        };
        match self {
            Self::Dotnet(assembly) => {
                member("culture", Some(&assembly.culture));
                member("informationalVersion", assembly.informational_version.as_deref());
                member("name", Some(&assembly.name));
                member("publicKeyToken", assembly.public_key_token.as_deref());
                member("type", Some("dotnet"));
                member("version", Some(&assembly.version));
            }
            Self::Elf(build_id) => {
                member("buildId", Some(build_id));
                member("type", Some("elf"));
            }
            Self::Jar { name, version } => {
                member("name", name.as_deref());
                member("type", Some("jar"));
                member("version", version.as_deref());
            }
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dotnet(assembly) => {
                write!(f, "assembly {} {}", assembly.name, assembly.version)?;
                match &assembly.public_key_token {
                    Some(token) => write!(f, " (token {token})"),
                    None => Ok(()),
                }
            }
            Self::Elf(build_id) => write!(f, "ELF build {build_id}"),
            Self::Jar { name, version } => {
                f.write_str("JAR")?;
                [name, version].into_iter().flatten().try_for_each(|text| write!(f, " {text}"))
            }
        }
    }
}
