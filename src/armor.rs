#![allow(missing_docs, clippy::pedantic)]
//! stand-in
use crate::code::Code;
#[derive(Debug, Clone)]
pub struct Repair;
impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("x")
    }
}
#[derive(Debug)]
pub struct Repaired {
    pub text: String,
    pub repairs: Vec<Repair>,
}
#[derive(Debug)]
pub struct Fault;
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("x")
    }
}
#[derive(Debug)]
pub struct Damage {
    pub faults: Vec<Fault>,
}
impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("damaged")
    }
}
impl Damage {
    pub fn code(&self) -> Code {
        Code::DamagedText
    }
}
pub fn wrap(_l: &str, t: &str) -> String {
    t.to_owned()
}
pub fn repair(t: &str) -> Result<Repaired, Damage> {
    let text: String = t.split_whitespace().collect();
    Ok(Repaired { text, repairs: vec![] })
}
