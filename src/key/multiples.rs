//! R = sB - hA, which every verification computes. A key that is used often keeps multiples of its point, which make that
//! cheaper: as the library does it where it computes on vectors of 52-bit limbs (AVX-512 IFMA), by sums of our own where
//! it does not, since those need no doublings.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{EdwardsPoint, VartimeEdwardsPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimePrecomputedMultiscalarMul};

/// The numbers of one signature: S as it stands there, and the hash of R, A and the message.
pub(super) struct Factors {
    pub(super) s: Scalar,
    pub(super) h: Scalar,
}

/// The negated point of a key, and once it has been used often, its multiples.
pub(super) struct Minus {
    point: EdwardsPoint,
    uses: AtomicUsize,
    multiples: OnceLock<Multiples>,
}

/// After how many uses multiples have paid for the time it takes to make them.
const OFTEN: usize = 256;

impl Minus {
    pub(super) fn new(point: EdwardsPoint) -> Self {
        Self { point, uses: AtomicUsize::new(0), multiples: OnceLock::new() }
    }

    /// Computes R without multiples.
    pub(super) fn combine(&self, factors: &Factors) -> EdwardsPoint {
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&factors.h, &self.point, &factors.s)
    }

    /// Counts a use; returns the multiples once there are any. Who makes them keeps nobody else waiting.
    pub(super) fn often_used(&self) -> Option<&Multiples> {
        if self.multiples.get().is_none() && self.uses.fetch_add(1, Ordering::Relaxed) == OFTEN {
            // Only the one use that is counted as `OFTEN` comes here.
            let _ = self.multiples.set(Multiples::of(self.point));
        }
        self.multiples.get()
    }

    /// Has the next use make the multiples.
    #[cfg(test)]
    pub(super) fn use_often(&self) {
        self.uses.store(OFTEN, Ordering::Relaxed);
    }
}

/// Multiples of a key's negated point and of the base point.
pub(super) enum Multiples {
    /// The library's, of both.
    Vectors(VartimeEdwardsPrecomputation),
    /// Our own; those of the base point are shared by all keys.
    Sums(Table),
}

impl Multiples {
    fn of(point: EdwardsPoint) -> Self {
        if has_ifma() { Self::vectors(point) } else { Self::sums(point) }
    }

    fn vectors(point: EdwardsPoint) -> Self {
        Self::Vectors(VartimeEdwardsPrecomputation::new([point, ED25519_BASEPOINT_POINT]))
    }

    fn sums(point: EdwardsPoint) -> Self {
        LazyLock::force(&BASE);
        Self::Sums(Table::of(point))
    }

    /// Computes R of each signature.
    pub(super) fn combine<'a>(&self, factors: impl Iterator<Item = &'a Factors>) -> Vec<EdwardsPoint> {
        match self {
            Self::Vectors(both) => factors.map(|one| both.vartime_multiscalar_mul([one.h, one.s])).collect(),
            Self::Sums(table) => {
                let (of_base, of_key): (Vec<_>, Vec<_>) = factors.map(|one| (digits(&one.s), digits(&one.h))).unzip();
                let mut sums = vec![EdwardsPoint::identity(); of_base.len()];
                BASE.add(&mut sums, &of_base);
                table.add(&mut sums, &of_key);
                sums
            }
        }
    }
}

/// Whether the library computes with AVX-512 IFMA: it has to be built with that, and the processor to have it.
fn has_ifma() -> bool {
    #[cfg(all(target_arch = "x86_64", curve25519_dalek_backend = "avx512"))]
    let found = is_x86_feature_detected!("avx512ifma") && is_x86_feature_detected!("avx512vl");
    #[cfg(not(all(target_arch = "x86_64", curve25519_dalek_backend = "avx512")))]
    let found = false;
    found
}

/// The multiples 1 to 128 of a point, of the point times 256, times 256^2 and so on: any multiple of the point is a sum
/// of 32 of them or their negatives, with no doubling in between. 640 KiB.
pub(super) struct Table(Vec<EdwardsPoint>);

const DIGITS: usize = 32;
const MULTIPLES: usize = 128;

static BASE: LazyLock<Table> = LazyLock::new(|| Table::of(ED25519_BASEPOINT_POINT));

impl Table {
    fn of(mut point: EdwardsPoint) -> Self {
        let mut multiples = Vec::with_capacity(DIGITS * MULTIPLES);
        for _ in 0..DIGITS {
            let mut multiple = point;
            multiples.push(multiple);
            for _ in 1..MULTIPLES {
                multiple += point;
                multiples.push(multiple);
            }
            point = multiple + multiple;
        }
        Self(multiples)
    }

    /// Adds to each sum the point's multiple by a number; in variable time, since nothing is secret. One row after the
    /// other serves all sums, so that it is fetched once for all of them.
    fn add(&self, sums: &mut [EdwardsPoint], numbers: &[Digits]) {
        for (place, row) in self.0.chunks_exact(MULTIPLES).enumerate() {
            for (sum, digits) in sums.iter_mut().zip(numbers) {
                let digit = digits[place];
                let multiple = usize::from(digit.unsigned_abs()).checked_sub(1).map(|at| &row[at]);
                match multiple {
                    Some(multiple) if digit > 0 => *sum += multiple,
                    Some(multiple) => *sum -= multiple,
                    None => {}
                }
            }
        }
    }
}

/// A number below 2^253 to the base 256, the lowest digit first, each in `-127..=128`.
type Digits = [i16; DIGITS];

fn digits(scalar: &Scalar) -> Digits {
    let mut carry = 0;
    scalar.as_bytes().map(|byte| {
        let digit = i16::from(byte) + carry;
        carry = i16::from(digit > 128);
        digit - 256 * carry
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_the_number(bytes: [u8; 32]) {
            let number = Scalar::from_bytes_mod_order(bytes);
            let digits = digits(&number);
            prop_assert!(digits.iter().all(|digit| (-127..=128).contains(digit)));
            let sign = |digit: i16| if digit < 0 { -Scalar::ONE } else { Scalar::ONE };
            let value = |sum: Scalar, digit: &i16| sum * Scalar::from(256_u64) + sign(*digit) * Scalar::from(digit.unsigned_abs());
            prop_assert_eq!(digits.iter().rev().fold(Scalar::ZERO, value), number);
        }
    }

    #[test]
    fn multiples_of_either_kind_combine_as_none_do() {
        let scalar = |number: u8| Scalar::from_bytes_mod_order([200 - 9 * number; 32]);
        let minus = Minus::new(EdwardsPoint::mul_base(&scalar(0)));
        let numbers = [Scalar::ZERO, Scalar::ONE, -Scalar::ONE].into_iter().chain((1..20).map(scalar));
        let factors: Vec<_> = numbers.clone().zip(numbers.skip(1)).map(|(s, h)| Factors { s, h }).collect();
        let expected: Vec<_> = factors.iter().map(|one| minus.combine(one)).collect();
        assert_eq!(expected.len(), 21);
        for multiples in [Multiples::vectors(minus.point), Multiples::sums(minus.point)] {
            assert!(multiples.combine(factors.iter()) == expected);
        }
    }
}
