//! Whatever is joined can be split again, and its parts joined in the other order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::split;

fuzz_target!(|text: &str| {
    let Ok(document) = split::join(text) else { return };
    let Ok(mut parts) = split::split(&document, 600) else { return };
    parts.reverse();
    assert_eq!(split::join(&parts.join("\n")).expect("what was just split is whole"), document);
});
