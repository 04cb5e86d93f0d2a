//! stand-in until the rooms land
use crate::code::Code; use crate::json::{JsonError, Value, Writer};
#[derive(Clone, Debug, PartialEq)] pub enum Fingerprint { Exact(String) }
#[derive(Clone, Debug, PartialEq, Eq)] pub enum FingerprintError { Json(JsonError) }
impl FingerprintError { pub fn code(&self) -> Code { Code::Malformed } }
impl std::fmt::Display for FingerprintError { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("x") } }
impl Fingerprint { pub fn from_json(v: Value<'_>, n: &str) -> Result<Self, FingerprintError> { v.into_string(n).map(|s| Self::Exact(s.into_owned())).map_err(FingerprintError::Json) }
 pub fn write(&self, w: &mut Writer) { let Self::Exact(s) = self; w.string(s) } 
 pub fn compare(&self, m: &Machine) -> Comparison { let Self::Exact(s) = self; let outcome = match &m.exact { None => Outcome::Unreadable, Some(e) if e == s => Outcome::Match, _ => Outcome::Mismatch }; Comparison { outcome, detail: String::new() } } }
#[derive(Clone, Debug, Default)] pub struct Machine { pub exact: Option<String> }
pub struct Comparison { pub outcome: Outcome, pub detail: String }
#[derive(PartialEq, Eq)] pub enum Outcome { Match, Drift, Mismatch, Unreadable }
