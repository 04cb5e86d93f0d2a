//! What is repaired is whole, and what was wrapped comes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::armor;

fuzz_target!(|text: &str| {
    let Ok(repaired) = armor::repair(text) else { return };
    let again = armor::repair(&repaired.text).expect("a repaired text needs no repair");
    assert_eq!(again.text, repaired.text);
    assert!(again.repairs.is_empty(), "repaired twice: {:?}", again.repairs);

    let armored = armor::wrap("LICENSE", &repaired.text);
    let unwrapped = armor::repair(&armored).expect("what was just wrapped is whole");
    assert_eq!(unwrapped.text, repaired.text);

    let quoted: String = armored.lines().map(|line| format!("> {line}\r\n")).collect();
    assert_eq!(armor::repair(&quoted).expect("a quoted mail can be mended").text, repaired.text);
});
