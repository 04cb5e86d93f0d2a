//! [`LedgerUrl`]: where a ledger lies.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::LedgerError;
use super::connection::Engine;

/// `sqlite:PATH`, or the address of a PostgreSQL database. Neither form of display shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct LedgerUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Postgres(String),
    Sqlite(PathBuf),
}

/// Says why a text names no ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError;

impl LedgerUrl {
    /// Returns the name of the engine, as metrics tell it.
    pub fn engine_name(&self) -> &'static str {
        match self.0 {
            Place::Postgres(_) => "postgres",
            Place::Sqlite(_) => "sqlite",
        }
    }

    /// Reads `sqlite:PATH`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    /// [`UrlError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            // `sqlite:///path` is how others write an absolute path.
            let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
            return Ok(Self(Place::Sqlite(Path::new(path).to_owned())));
        }
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self(Place::Postgres(text.to_owned()))),
            _ => Err(UrlError),
        }
    }

    pub(crate) fn engine(&self) -> Result<Box<dyn Engine>, LedgerError> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Place::Sqlite(path) => Ok(Box::new(super::sqlite::Sqlite::new(path.clone(), self.to_string()))),
            #[cfg(feature = "postgres")]
            Place::Postgres(url) => Ok(Box::new(super::postgres::Postgres::new(url, self.to_string())?)),
            #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
            _ => Err(LedgerError::unreachable(format_args!("{self}: this mintage was built without that engine"))),
        }
    }
}

/// Masks the passwords of a URL: those of its query, and what stands between the first `:` and the last `@`, which may hold
/// anything where it was not encoded.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split_once('?').map_or(rest.to_owned(), |(address, query)| {
        let mask = |part: &str| match part.split_once('=') {
            Some((name, _)) if names_a_password(name) => format!("{name}=***"),
            _ => part.to_owned(),
        };
        format!("{address}?{}", query.split('&').map(mask).collect::<Vec<_>>().join("&"))
    });
    match rest.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
            None => format!("{scheme}://{rest}"),
        },
        None => format!("{scheme}://{rest}"),
    }
}

/// Whether a parameter is a password, however its name is spelled.
fn names_a_password(name: &str) -> bool {
    let name: Vec<u8> = percent_decode_str(name).collect();
    name.to_ascii_lowercase().ends_with(b"password")
}

impl fmt::Display for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Postgres(url) => f.write_str(&masked(url)),
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl fmt::Debug for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ledger is `sqlite:PATH` or `postgres://USER@HOST/DATABASE`")
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
        for (url, shown) in [
            ("postgres://ann:s3cr:t@db@host/book", "postgres://ann:***@host/book"),
            (
                "postgresql://ann@host/book?sslmode=require&password=s3cret",
                "postgresql://ann@host/book?sslmode=require&password=***",
            ),
            ("postgres:///book?user=ann&passw%6Frd=s3cret", "postgres:///book?user=ann&passw%6Frd=***"),
            ("postgres:///book?%50ASSWOR%64=s3cret&a=b", "postgres:///book?%50ASSWOR%64=***&a=b"),
            ("postgres://ann@host/book?password=s3@cret", "postgres://ann@host/book?password=***"),
            ("postgres://ann:s3?cr&et@host/book", "postgres://ann:***@host/book"),
            ("postgres:///book?host=/run&%=a&%6=b", "postgres:///book?host=/run&%=a&%6=b"),
            ("sqlite:///var/book.db", "sqlite:/var/book.db"),
            ("sqlite:book.db", "sqlite:book.db"),
        ] {
            let parsed = LedgerUrl::parse(url).unwrap();
            assert_eq!((parsed.to_string(), format!("{parsed:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn a_ledger_has_one_of_two_forms() {
        for text in ["", "book.db", "sqlite:", "mysql://host/db", "postgres:/x"] {
            assert_eq!(LedgerUrl::parse(text), Err(UrlError), "{text}");
        }
    }
}
