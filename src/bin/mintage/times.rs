//! The times of licenses as people are told them: as they were understood, and what verifiers would say of them today.

use mintage::code::Code;
use mintage::operation::mint::{AllUntimely, Times, Untimely};
use mintage::time::{DAY, Timestamp};

use crate::render::Terminal;

/// Says every time of a license as it was understood, and warns of those that verifiers would refuse now.
pub(crate) fn announce(times: &Times, now: Timestamp, terminal: &Terminal) {
    let untimely: Vec<Code> = times.untimely(now).map(|(code, _)| code).collect();
    for (code, text) in told(times, now) {
        match code.filter(|code| untimely.contains(code)) {
            None => terminal.note(&text),
            Some(Code::Expired) => terminal.warning(&format!("{text}, which is past")),
            Some(code) => terminal.warning(&format!("{text}, and it is {now}: until then it is refused with `{code}`")),
        }
    }
}

/// Says the times that rows of a batch take where they name none.
pub(crate) fn announce_defaults(times: &Times, now: Timestamp, terminal: &Terminal) {
    let told = told(times, now).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    if !told.is_empty() {
        terminal.note(&format!("where a row says nothing else: {}", told.join("; ")));
    }
}

/// Warns of the licenses of a batch that verifiers would refuse now.
pub(crate) fn warn(all: &AllUntimely, total: u64, now: Timestamp, terminal: &Terminal) {
    for (code, Untimely { count, first, last }) in all {
        let of = format!("{count} of {}", counted(total, "license"));
        terminal.warning(&match code {
            Code::Expired => format!("{of} will have expired already, the first of them at {first}"),
            Code::NotYetValid => format!("{of} will be refused with `{code}`, the last of them until {last}"),
            _ => format!(
                "{of} would be issued later than now, {now}: refused with `{code}`, the last of them until {last}"
            ),
        });
    }
}

/// Every time that is not plain, with the code that it may be refused with.
fn told(times: &Times, now: Timestamp) -> Vec<(Option<Code>, String)> {
    let Times { issued_at, expires_at, not_before, maintenance_until } = *times;
    let days = |end: Timestamp| counted(end.since(issued_at).div_euclid(DAY).unsigned_abs(), "day");
    let expires = expires_at.map(|end| match issued_at == now {
        _ if end == Timestamp::NEVER => "never expires".to_owned(),
        _ if end < now => format!("expires {end}"),
        true => format!("expires {end}, in {}", days(end)),
        false => format!("expires {end}, {} after issue", days(end)),
    });
    let issued = Some(issued_at).filter(|issued| *issued != now).map(|issued| format!("issued {issued}"));
    let others = [
        (Some(Code::Expired), expires),
        (Some(Code::ClockBehind), issued),
        (Some(Code::NotYetValid), not_before.map(|start| format!("not valid before {start}"))),
        (None, maintenance_until.map(|until| format!("maintenance until {until}"))),
    ];
    others.into_iter().filter_map(|(code, text)| Some((code, text?))).collect()
}

/// Counts things: `1 license`, `2 licenses`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
