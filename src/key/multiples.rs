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
    few: OnceLock<Multiples>,
    many: OnceLock<Table>,
}

/// After how many uses multiples have paid for the time it takes to make them.
const OFTEN: usize = 256;

/// The same of many multiples.
const VERY_OFTEN: usize = 8_192;

impl Minus {
    pub(super) fn new(point: EdwardsPoint) -> Self {
        Self { point, uses: AtomicUsize::new(0), few: OnceLock::new(), many: OnceLock::new() }
    }

    /// Computes R of one signature.
    pub(super) fn combine(&self, factors: &Factors) -> EdwardsPoint {
        if self.few.get().is_none() {
            self.count(1);
        }
        self.one(factors)
    }

    fn one(&self, factors: &Factors) -> EdwardsPoint {
        match self.few.get() {
            Some(multiples) => multiples.combine(factors),
            None => EdwardsPoint::vartime_double_scalar_mul_basepoint(&factors.h, &self.point, &factors.s),
        }
    }

    /// Computes R of signatures that are verified together.
    pub(super) fn combine_all(&self, factors: &[Factors]) -> Vec<EdwardsPoint> {
        if self.many.get().is_none() {
            self.count(factors.len());
        }
        match (self.many.get(), self.few.get()) {
            (Some(many), _) => many.sums(&MANY_OF_BASE, factors),
            (None, Some(Multiples::Sums(few))) => few.sums(&FEW_OF_BASE, factors),
            (None, _) => factors.iter().map(|one| self.one(one)).collect(),
        }
    }

    /// Counts uses, and makes multiples where they have become worth it. Who makes them keeps nobody else waiting: only one
    /// counts the use that they are made for.
    fn count(&self, uses: usize) {
        let before = self.uses.fetch_add(uses, Ordering::Relaxed);
        let comes = |bound| before < bound && bound <= before.saturating_add(uses);
        if comes(OFTEN) {
            let _ = self.few.set(Multiples::of(self.point));
        }
        if comes(VERY_OFTEN) {
            LazyLock::force(&MANY_OF_BASE);
            let _ = self.many.set(Table::of(self.point, MANY));
        }
    }

    /// Has the next uses make the multiples.
    #[cfg(test)]
    pub(super) fn use_often(&self) {
        self.uses.store(OFTEN - 1, Ordering::Relaxed);
    }

    /// Whether it has multiples.
    #[cfg(test)]
    pub(super) fn is_often_used(&self) -> bool {
        self.few.get().is_some()
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
        LazyLock::force(&FEW_OF_BASE);
        Self::Sums(Table::of(point, FEW))
    }

    /// Computes R of one signature.
    fn combine(&self, factors: &Factors) -> EdwardsPoint {
        match self {
            Self::Vectors(both) => both.vartime_multiscalar_mul([factors.h, factors.s]),
            Self::Sums(table) => {
                let mut sums = [EdwardsPoint::identity()];
                FEW_OF_BASE.add(&mut sums, &[FEW.digits(&factors.s)]);
                table.add(&mut sums, &[FEW.digits(&factors.h)]);
                let [sum] = sums;
                sum
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

/// The base of the numbers whose digits a table has multiples for: two to the power of its bits.
#[derive(Clone, Copy)]
struct Base {
    bits: u32,
}

/// 32 rows of 128 multiples, 640 KiB.
const FEW: Base = Base { bits: 8 };

/// 23 rows of 1,024 multiples, 3.6 MiB. A row finds room in the cache of a core, and is needed by one signature after the
/// other.
const MANY: Base = Base { bits: 11 };

static FEW_OF_BASE: LazyLock<Table> = LazyLock::new(|| Table::of(ED25519_BASEPOINT_POINT, FEW));
static MANY_OF_BASE: LazyLock<Table> = LazyLock::new(|| Table::of(ED25519_BASEPOINT_POINT, MANY));

/// The first multiples of a point, of the point times a base, times that base squared and so on: any multiple of the point
/// is a sum of one of each row, or of its negative, with no doubling in between.
pub(super) struct Table {
    base: Base,
    multiples: Vec<EdwardsPoint>,
}

impl Table {
    fn of(mut point: EdwardsPoint, base: Base) -> Self {
        let mut multiples = Vec::with_capacity(base.rows() * base.multiples());
        for _ in 0..base.rows() {
            let mut multiple = point;
            multiples.push(multiple);
            for _ in 1..base.multiples() {
                multiple += point;
                multiples.push(multiple);
            }
            point = multiple + multiple;
        }
        Self { base, multiples }
    }

    /// Computes R of each signature; `of_base` is the same of the base point.
    fn sums(&self, of_base: &Self, factors: &[Factors]) -> Vec<EdwardsPoint> {
        let digits = |number: fn(&Factors) -> &Scalar| -> Vec<Digits> {
            factors.iter().map(|factors| self.base.digits(number(factors))).collect()
        };
        let mut sums = vec![EdwardsPoint::identity(); factors.len()];
        of_base.add(&mut sums, &digits(|factors| &factors.s));
        self.add(&mut sums, &digits(|factors| &factors.h));
        sums
    }

    /// Adds to each sum the point's multiple by a number; in variable time, since nothing is secret. One row after the
    /// other serves all sums, so that it is fetched once for all of them; what some of them need next is fetched before
    /// the first is added, so that they wait for memory together.
    fn add(&self, sums: &mut [EdwardsPoint], numbers: &[Digits]) {
        let mut fetched = Vec::with_capacity(TOGETHER);
        for (place, row) in self.multiples.chunks_exact(self.base.multiples()).enumerate() {
            for (sums, numbers) in sums.chunks_mut(TOGETHER).zip(numbers.chunks(TOGETHER)) {
                let digits = || numbers.iter().map(|digits| digits[place]);
                fetched.extend(digits().map(|digit| row[usize::from(digit.unsigned_abs()).saturating_sub(1)]));
                for ((sum, digit), multiple) in sums.iter_mut().zip(digits()).zip(fetched.drain(..)) {
                    match digit.signum() {
                        1 => *sum += multiple,
                        -1 => *sum -= multiple,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// How many multiples are fetched together.
const TOGETHER: usize = 16;

/// The bits of a scalar, which is less than 2^252 + 2^125: its highest digit is never followed by another.
const SCALAR_BITS: u32 = 253;

/// The most rows of a table.
const MOST_ROWS: usize = 32;

/// A scalar to some base, the lowest digit first, each at most half of the base, and its negative as far.
type Digits = [i16; MOST_ROWS];

impl Base {
    const fn rows(self) -> usize {
        SCALAR_BITS.div_ceil(self.bits) as usize
    }

    const fn multiples(self) -> usize {
        1 << (self.bits - 1)
    }

    fn digits(self, scalar: &Scalar) -> Digits {
        let (mut digits, mut carry) = ([0; MOST_ROWS], 0);
        let (mut bytes, mut held, mut bits) = (scalar.as_bytes().iter(), 0_u32, 0);
        for digit in digits.iter_mut().take(self.rows()) {
            while bits < self.bits {
                held |= u32::from(bytes.next().copied().unwrap_or(0)) << bits;
                bits += 8;
            }
            let number = i16::try_from(held % (1 << self.bits)).unwrap_or_default() + carry;
            held >>= self.bits;
            bits -= self.bits;
            carry = i16::from(number > 1 << (self.bits - 1));
            *digit = number - (carry << self.bits);
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_the_number(bytes: [u8; 32]) {
            let number = Scalar::from_bytes_mod_order(bytes);
            for base in [FEW, MANY] {
                let (digits, most) = (base.digits(&number), 1_i16 << (base.bits - 1));
                prop_assert!(digits.iter().all(|digit| (1 - most..=most).contains(digit)));
                let sign = |digit: i16| if digit < 0 { -Scalar::ONE } else { Scalar::ONE };
                let value = |sum: Scalar, digit: &i16| {
                    sum * Scalar::from(1_u64 << base.bits) + sign(*digit) * Scalar::from(digit.unsigned_abs())
                };
                prop_assert_eq!(digits[..base.rows()].iter().rev().fold(Scalar::ZERO, value), number);
            }
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
            assert!(factors.iter().map(|one| multiples.combine(one)).collect::<Vec<_>>() == expected);
        }
        assert!(Table::of(minus.point, FEW).sums(&FEW_OF_BASE, &factors) == expected);
        assert!(Table::of(minus.point, MANY).sums(&MANY_OF_BASE, &factors) == expected);
    }
}
