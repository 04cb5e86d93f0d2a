//! A time that is read prints as a text that reads as the same time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::time::Timestamp;

fuzz_target!(|text: &str| {
    let now = Timestamp::from_seconds(1_777_197_600).unwrap();
    let strict = Timestamp::parse_rfc3339(text);
    let typed = Timestamp::parse_when(text, now);
    if let Ok(time) = &strict {
        assert_eq!(typed.as_ref(), Ok(time), "what is RFC 3339 is also what people may type");
    }
    if let Ok(time) = typed {
        assert!((Timestamp::EPOCH..=Timestamp::NEVER).contains(&time));
        let printed = time.to_string();
        assert_eq!(printed.len(), 20);
        assert_eq!(Timestamp::parse_rfc3339(&printed), Ok(time));
        assert_eq!(Timestamp::parse_when(&printed, Timestamp::EPOCH), Ok(time));
    }
});
