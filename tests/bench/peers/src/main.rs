//! What mintage is measured beside, and the clock that measures. Prints numbers for `run.sh`; no timing is ever a test.

mod envelope;
mod lines;
mod race;
mod sign;

use std::env;
use std::path::Path;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["envelope", file, key] => envelope::verify(Path::new(file), Path::new(key)),
        ["lines", file, key, output] => lines::verify(Path::new(file), Path::new(key), Path::new(output)),
        ["peak", ref command @ ..] => println!("{}", race::peak(command)),
        ["race", rounds, ref commands @ ..] => race::print(rounds.parse().expect("a number of rounds"), commands),
        ["sign", count] => println!("{:.4}", sign::seconds(count.parse().expect("a number of signatures"))),
        _ => {
            eprintln!(
                "peers envelope FILE KEY | lines FILE KEY OUTPUT | peak COMMAND… | race ROUNDS COMMAND… --- COMMAND… |"
            );
            eprintln!("      sign COUNT");
            std::process::exit(2);
        }
    }
}
