//! The rate at which ed25519-dalek signs, on two threads: the ceiling of a batch.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use ed25519_dalek::{Signer, SigningKey};

/// Returns the seconds that two threads need for `count` signatures over payloads of a usual length.
pub(crate) fn seconds(count: usize) -> f64 {
    let key = SigningKey::from_bytes(&[7; 32]);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut message = [b'x'; 319];
                for number in 0..count / 2 {
                    message[..8].copy_from_slice(&number.to_le_bytes());
                    black_box(key.sign(&message));
                }
            });
        }
    });
    start.elapsed().as_secs_f64()
}
