use crate::Stop;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256};

const WORD: usize = 32;

/// Calldata that isn't what `abi.encode` gives for any arguments of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed ABI encoding")]
pub struct MalformedAbi;

impl From<MalformedAbi> for Stop {
    fn from(_: MalformedAbi) -> Self {
        Self::bad_abi()
    }
}

type Result<T, E = MalformedAbi> = core::result::Result<T, E>;

/// Reads one ABI-encoded tuple, and accepts exactly the canonical encoding: values in range, zero
/// padding, tails in order without gaps or overlaps, nothing behind. So what it accepts equals, byte for
/// byte, `abi.encode` of what it returns, and no byte of the input is read twice: memory is linear in
/// the input whatever the offsets say.
///
/// Call the method of each member's type in order, then [`finish`](Self::finish). A static tuple or
/// fixed array inside is read as its members, one after the other.
///
/// ```
/// # use openledger_precompiles::Arguments;
/// # let encoded = [&[0u8; 31][..], &[7], &[0; 31], &[64], &[0; 31], &[3], b"abc", &[0; 29]].concat();
/// // (uint64 id, bytes data): two words of head
/// let mut arguments = Arguments::new(&encoded, 2)?;
/// let (id, data) = (arguments.uint64()?, arguments.bytes()?);
/// arguments.finish()?;
/// assert_eq!((id, data), (7, &b"abc"[..]));
/// # Ok::<(), openledger_precompiles::MalformedAbi>(())
/// ```
#[derive(Debug)]
pub struct Arguments<'a> {
    /// From the tuple's first byte to the end of the input.
    frame: &'a [u8],
    /// Where the next head word is.
    head: usize,
    /// Where the head ends.
    head_end: usize,
    /// Where the next dynamic member's tail must be.
    tail: usize,
}

impl<'a> Arguments<'a> {
    /// A tuple whose head has `head_words` words, at the beginning of `frame`.
    ///
    /// # Errors
    /// [`MalformedAbi`] if the head is longer than the frame.
    pub fn new(frame: &'a [u8], head_words: usize) -> Result<Self> {
        let head_end = head_words.checked_mul(WORD).ok_or(MalformedAbi)?;
        if frame.len() < head_end {
            return Err(MalformedAbi);
        }
        Ok(Self {
            frame,
            head: 0,
            head_end,
            tail: head_end,
        })
    }

    /// Ends the outermost tuple: every head word and every byte must have been read.
    ///
    /// # Errors
    /// [`MalformedAbi`].
    pub fn finish(self) -> Result<()> {
        let len = self.frame.len();
        if self.end()? == len {
            Ok(())
        } else {
            Err(MalformedAbi)
        }
    }

    /// Ends a tuple; its length with all tails.
    fn end(self) -> Result<usize> {
        if self.head == self.head_end {
            Ok(self.tail)
        } else {
            Err(MalformedAbi)
        }
    }

    fn word(&mut self) -> Result<&'a [u8; WORD]> {
        let end = self.head.checked_add(WORD).ok_or(MalformedAbi)?;
        if end > self.head_end {
            return Err(MalformedAbi);
        }
        let word = word_at(self.frame, self.head)?;
        self.head = end;
        Ok(word)
    }

    /// The last `N` bytes of the next word; the others must be zero.
    fn unsigned<const N: usize>(&mut self) -> Result<[u8; N]> {
        unsigned(self.word()?)
    }

    /// `bool`.
    pub fn boolean(&mut self) -> Result<bool> {
        match self.uint8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(MalformedAbi),
        }
    }

    /// `uint8`.
    pub fn uint8(&mut self) -> Result<u8> {
        self.unsigned().map(u8::from_be_bytes)
    }

    /// `uint16`.
    pub fn uint16(&mut self) -> Result<u16> {
        self.unsigned().map(u16::from_be_bytes)
    }

    /// `uint32`.
    pub fn uint32(&mut self) -> Result<u32> {
        self.unsigned().map(u32::from_be_bytes)
    }

    /// `uint48`.
    pub fn uint48(&mut self) -> Result<u64> {
        let [a, b, c, d, e, f] = self.unsigned()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// `uint64`.
    pub fn uint64(&mut self) -> Result<u64> {
        self.unsigned().map(u64::from_be_bytes)
    }

    /// `uint128`.
    pub fn uint128(&mut self) -> Result<u128> {
        self.unsigned().map(u128::from_be_bytes)
    }

    /// `uint256`.
    pub fn uint256(&mut self) -> Result<U256> {
        self.word().map(|word| U256::from_be_bytes(*word))
    }

    /// `int8`.
    pub fn int8(&mut self) -> Result<i8> {
        signed(self.word()?).map(i8::from_be_bytes)
    }

    /// `int64`.
    pub fn int64(&mut self) -> Result<i64> {
        signed(self.word()?).map(i64::from_be_bytes)
    }

    /// `int128`.
    pub fn int128(&mut self) -> Result<i128> {
        signed(self.word()?).map(i128::from_be_bytes)
    }

    /// `address`.
    pub fn address(&mut self) -> Result<Address> {
        self.unsigned().map(Address::new)
    }

    /// `bytes32`.
    pub fn bytes32(&mut self) -> Result<B256> {
        self.word().map(|word| B256::new(*word))
    }

    /// `bytes4`.
    pub fn bytes4(&mut self) -> Result<[u8; 4]> {
        match self.word()?.split_at(4) {
            (&[a, b, c, d], padding) if padding.iter().all(|byte| *byte == 0) => Ok([a, b, c, d]),
            _ => Err(MalformedAbi),
        }
    }

    /// `bytes` (or `string`).
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        self.dynamic(|frame| {
            let (len, content) = length_prefixed(frame)?;
            let padded = len.checked_next_multiple_of(WORD).ok_or(MalformedAbi)?;
            let (bytes, rest) = content.split_at_checked(len).ok_or(MalformedAbi)?;
            let padding = rest.get(..padded.wrapping_sub(len)).ok_or(MalformedAbi)?;
            if padding.iter().any(|byte| *byte != 0) {
                return Err(MalformedAbi);
            }
            Ok((bytes, padded.checked_add(WORD).ok_or(MalformedAbi)?))
        })
    }

    /// `uint8[]`.
    pub fn uint8_array(&mut self) -> Result<Vec<u8>> {
        self.static_array(1, Self::uint8)
    }

    /// `uint32[]`.
    pub fn uint32_array(&mut self) -> Result<Vec<u32>> {
        self.static_array(1, Self::uint32)
    }

    /// `int64[]`.
    pub fn int64_array(&mut self) -> Result<Vec<i64>> {
        self.static_array(1, Self::int64)
    }

    /// `int128[]`.
    pub fn int128_array(&mut self) -> Result<Vec<i128>> {
        self.static_array(1, Self::int128)
    }

    /// `uint128[]`.
    pub fn uint128_array(&mut self) -> Result<Vec<u128>> {
        self.static_array(1, Self::uint128)
    }

    /// `bytes32[]`.
    pub fn bytes32_array(&mut self) -> Result<Vec<B256>> {
        self.static_array(1, Self::bytes32)
    }

    /// `bytes[]`.
    pub fn bytes_array(&mut self) -> Result<Vec<&'a [u8]>> {
        self.array(1, Self::bytes)
    }

    /// An array `T[]` of a static type that occupies `words` words, which `read` reads.
    pub fn static_array<T>(
        &mut self,
        words: usize,
        read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.array(words, read)
    }

    /// An array `T[]` whose elements occupy `words` words of its head each: one (the offset) if `T` is
    /// dynamic, the size if it is static.
    fn array<T>(
        &mut self,
        words: usize,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.dynamic(|frame| {
            let (len, content) = length_prefixed(frame)?;
            // Refuses a length beyond the input before anything is allocated for it.
            let mut elements =
                Arguments::new(content, len.checked_mul(words).ok_or(MalformedAbi)?)?;
            let mut values = Vec::with_capacity(len);
            for _ in 0..len {
                values.push(read(&mut elements)?);
            }
            Ok((
                values,
                elements.end()?.checked_add(WORD).ok_or(MalformedAbi)?,
            ))
        })
    }

    /// An array of dynamic tuples whose heads have `head_words` words, each read by `read`.
    pub fn tuple_array<T>(
        &mut self,
        head_words: usize,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.array(1, |elements| elements.tuple(head_words, &mut read))
    }

    /// A dynamic tuple whose head has `head_words` words, read by `read`.
    pub fn tuple<T>(
        &mut self,
        head_words: usize,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.dynamic(|frame| {
            let mut members = Arguments::new(frame, head_words)?;
            let value = read(&mut members)?;
            Ok((value, members.end()?))
        })
    }

    /// A dynamic member: `read` gets the input from its tail on and returns how much of it it took.
    fn dynamic<T>(&mut self, read: impl FnOnce(&'a [u8]) -> Result<(T, usize)>) -> Result<T> {
        let offset = u64::from_be_bytes(self.unsigned()?);
        if offset != self.tail as u64 {
            return Err(MalformedAbi);
        }
        let frame = self.frame.get(self.tail..).ok_or(MalformedAbi)?;
        let (value, len) = read(frame)?;
        self.tail = self.tail.checked_add(len).ok_or(MalformedAbi)?;
        Ok(value)
    }
}

/// The length word at the beginning of `frame`, and what follows it.
fn length_prefixed(frame: &[u8]) -> Result<(usize, &[u8])> {
    let len = u64::from_be_bytes(unsigned(word_at(frame, 0)?)?);
    let content = frame.get(WORD..).ok_or(MalformedAbi)?;
    // No element of any type is shorter than a byte.
    let len = usize::try_from(len).map_err(|_| MalformedAbi)?;
    if len > content.len() {
        return Err(MalformedAbi);
    }
    Ok((len, content))
}

fn word_at(frame: &[u8], at: usize) -> Result<&[u8; WORD]> {
    frame
        .get(at..)
        .and_then(|rest| rest.first_chunk::<WORD>())
        .ok_or(MalformedAbi)
}

fn unsigned<const N: usize>(word: &[u8; WORD]) -> Result<[u8; N]> {
    let value = word.last_chunk::<N>().ok_or(MalformedAbi)?;
    let padding = word.get(..WORD.saturating_sub(N)).ok_or(MalformedAbi)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(MalformedAbi);
    }
    Ok(*value)
}

fn signed<const N: usize>(word: &[u8; WORD]) -> Result<[u8; N]> {
    let value = word.last_chunk::<N>().ok_or(MalformedAbi)?;
    let negative = value.first().is_some_and(|byte| byte & 0x80 != 0);
    let padding = word.get(..WORD.saturating_sub(N)).ok_or(MalformedAbi)?;
    let expected = if negative { 0xff } else { 0 };
    if padding.iter().any(|byte| *byte != expected) {
        return Err(MalformedAbi);
    }
    Ok(*value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;
    use alloy_sol_types::{SolValue, sol};
    use proptest::{collection::vec, prelude::*};

    sol! {
        #[derive(Debug)]
        struct Inner { uint32 a; bytes b; uint64[] c; }
        #[derive(Debug)]
        struct Pair { uint64 id; uint16 share; }
    }

    type All = (
        u16,
        Bytes,
        Vec<Bytes>,
        Inner,
        Vec<Inner>,
        Vec<Pair>,
        i128,
        Vec<u32>,
    );

    fn decode(data: &[u8]) -> Result<All> {
        let inner = |members: &mut Arguments<'_>| {
            Ok(Inner {
                a: members.uint32()?,
                b: members.bytes()?.to_vec().into(),
                c: members.static_array(1, Arguments::uint64)?,
            })
        };
        let mut arguments = Arguments::new(data, 8)?;
        let all = (
            arguments.uint16()?,
            arguments.bytes()?.to_vec().into(),
            arguments
                .bytes_array()?
                .into_iter()
                .map(|bytes| bytes.to_vec().into())
                .collect(),
            arguments.tuple(3, inner)?,
            arguments.tuple_array(3, inner)?,
            arguments.static_array(2, |members| {
                Ok(Pair {
                    id: members.uint64()?,
                    share: members.uint16()?,
                })
            })?,
            arguments.int128()?,
            arguments.uint32_array()?,
        );
        arguments.finish()?;
        Ok(all)
    }

    fn encode(all: &All) -> Vec<u8> {
        all.abi_encode_params()
    }

    fn bytes() -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..70).prop_map(Bytes::from)
    }

    fn inner() -> impl Strategy<Value = Inner> {
        (any::<u32>(), bytes(), vec(any::<u64>(), 0..4)).prop_map(|(a, b, c)| Inner { a, b, c })
    }

    prop_compose! {
        fn all()(
            a in any::<u16>(),
            b in bytes(),
            c in vec(bytes(), 0..4),
            d in inner(),
            e in vec(inner(), 0..3),
            f in vec((any::<u64>(), any::<u16>()), 0..4),
            g in any::<i128>(),
            h in vec(any::<u32>(), 0..5),
        ) -> All {
            let pairs = f.into_iter().map(|(id, share)| Pair { id, share }).collect();
            (a, b, c, d, e, pairs, g, h)
        }
    }

    proptest! {
        #[test]
        fn what_abi_encode_gives_is_read_back(all in all()) {
            let encoded = encode(&all);
            let decoded = decode(&encoded).unwrap();
            prop_assert_eq!(encode(&decoded), encoded);
        }

        /// Strictness: whatever is accepted is its own canonical encoding.
        #[test]
        fn what_is_accepted_is_canonical(
            all in all(),
            flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in 0usize..40,
        ) {
            let mut data = encode(&all);
            for (at, value) in flips {
                let at = at.index(data.len());
                data[at] = value;
            }
            data.truncate(data.len().saturating_sub(cut));
            if let Ok(decoded) = decode(&data) {
                prop_assert_eq!(encode(&decoded), data);
            }
        }
    }

    #[test]
    fn hostile_offsets_and_lengths_are_refused() {
        let word = |value: u64| U256::from(value).to_be_bytes::<32>();
        // An array that claims 2^64 - 1 elements, one of 2^59 (whose byte length overflows), and one
        // whose elements would all share one tail.
        for length in [u64::MAX, 1 << 59, 1 << 20] {
            let data = [word(32), word(length)].concat();
            let mut arguments = Arguments::new(&data, 1).unwrap();
            assert_eq!(arguments.bytes_array(), Err(MalformedAbi));
        }
        let shared = [word(32), word(2), word(64), word(64), word(0)].concat();
        let mut arguments = Arguments::new(&shared, 1).unwrap();
        assert_eq!(arguments.bytes_array(), Err(MalformedAbi));
        // An offset above 2^64.
        let data = [[1; 32], word(0)].concat();
        assert_eq!(Arguments::new(&data, 1).unwrap().bytes(), Err(MalformedAbi));
        // Bytes behind the end.
        let data = [word(1), word(2)].concat();
        let mut arguments = Arguments::new(&data, 1).unwrap();
        assert_eq!(arguments.uint8(), Ok(1));
        assert_eq!(arguments.finish(), Err(MalformedAbi));
        // A head word that nobody read.
        assert_eq!(
            Arguments::new(&data, 2).unwrap().finish(),
            Err(MalformedAbi)
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let mut word = [0; 32];
        word[30] = 1;
        let read = |word: &[u8; 32]| Arguments::new(word, 1).unwrap().uint8();
        assert_eq!(read(&word), Err(MalformedAbi));
        let mut word = [0xff; 32];
        let read = |word: &[u8; 32]| Arguments::new(word, 1).unwrap().int8();
        assert_eq!(read(&word), Ok(-1));
        word[31] = 0x7f;
        assert_eq!(read(&word), Err(MalformedAbi));
        word[0] = 0;
        word[31] = 0xff;
        assert_eq!(read(&word), Err(MalformedAbi));
        let mut word = [0; 32];
        word[..4].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(Arguments::new(&word, 1).unwrap().bytes4(), Ok([1, 2, 3, 4]));
        word[4] = 1;
        assert_eq!(
            Arguments::new(&word, 1).unwrap().bytes4(),
            Err(MalformedAbi)
        );
    }
}
