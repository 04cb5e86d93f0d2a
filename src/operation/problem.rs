//! What a failure is told as: the same bytes on standard output of a command with `--json` and in the body of a response.

use crate::code::Code;
use crate::json::Writer;

/// Spells a failure as `{"code","error","hints","message"}`; `error` repeats the message for clients that look there.
pub fn json(code: Option<Code>, message: &str, hints: &[&str]) -> String {
    let mut out = Writer::default();
    out.begin_object();
    out.name("code").string(code.unwrap_or(Code::Internal).as_str());
    out.name("error").string(message);
    out.name("hints").begin_array();
    hints.iter().for_each(|hint| out.string(hint));
    out.end_array();
    out.name("message").string(message);
    out.end_object();
    out.finish()
}
