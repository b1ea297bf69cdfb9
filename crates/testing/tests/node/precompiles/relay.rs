//! A contract that makes the calls that its calldata lists, in every way that the EVM has, and keeps what
//! came of them in its storage, so that the state root depends on each result.

use alloy_primitives::{Address, Bytes, U256};

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Call,
    Static,
    Delegate,
    CallCode,
}

/// A step of the contract.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A call. Slot 0 counts those that succeed, slot 1 gathers the hashes of what they return.
    Call {
        scheme: Scheme,
        to: Address,
        gas: u64,
        value: u64,
        /// Whether all reverts unless it succeeds.
        must: bool,
        data: Bytes,
    },
    /// REVERT.
    Revert,
    /// INVALID, which takes all gas.
    Invalid,
}

impl Step {
    /// A call with all gas that there is, which must succeed.
    pub(crate) fn must(to: Address, data: Bytes) -> Self {
        Self::Call {
            scheme: Scheme::Call,
            to,
            gas: u64::MAX,
            value: 0,
            must: true,
            data,
        }
    }

    /// A call that may fail.
    pub(crate) fn may(scheme: Scheme, to: Address, gas: u64, value: u64, data: Bytes) -> Self {
        Self::Call {
            scheme,
            to,
            gas,
            value,
            must: false,
            data,
        }
    }
}

const MUST: u64 = 0x10;

/// The contract's calldata: per step five words (scheme, address, gas, value, length) and the payload.
pub(crate) fn calldata(steps: &[Step]) -> Bytes {
    let mut out = Vec::new();
    let word = |out: &mut Vec<u8>, value: U256| out.extend(value.to_be_bytes::<32>());
    for step in steps {
        let (mode, to, gas, value, data) = match step {
            Step::Call {
                scheme,
                to,
                gas,
                value,
                must,
                data,
            } => {
                let scheme = match scheme {
                    Scheme::Call => 0,
                    Scheme::Static => 1,
                    Scheme::Delegate => 2,
                    Scheme::CallCode => 3,
                };
                let mode = scheme | if *must { MUST } else { 0 };
                (mode, *to, *gas, *value, data.clone())
            }
            Step::Revert => (4, Address::ZERO, 0, 0, Bytes::new()),
            Step::Invalid => (5, Address::ZERO, 0, 0, Bytes::new()),
        };
        word(&mut out, U256::from(mode));
        word(&mut out, to.into_word().into());
        word(&mut out, U256::from(gas));
        word(&mut out, U256::from(value));
        word(&mut out, U256::from(data.len()));
        out.extend_from_slice(&data);
    }
    out.into()
}

/// A part of a program.
enum Part {
    Code(&'static str),
    /// JUMPDEST with a name.
    Label(&'static str),
    /// PUSH2 of a label.
    To(&'static str),
}

/// Code that deploys the contract.
pub(crate) fn creation() -> Bytes {
    use Part::{Code, Label, To};
    // The stack holds p, where the step begins, then len, the payload's length.
    let parts = [
        Code("5f"),
        Label("loop"),
        // Until p reaches the calldata's end.
        Code("36811015"),
        To("end"),
        Code("57"),
        // len, and the payload to memory.
        Code("80608001358082" /* len len p */),
        Code("60a0015f37"),
        // The scheme's low bits.
        Code("8135600f16"),
        Code("80600414"),
        To("fail"),
        Code("5780600514"),
        To("invalid"),
        Code("5780600114"),
        To("static"),
        Code("5780600214"),
        To("delegate"),
        Code("5780600314"),
        To("callcode"),
        Code("57"),
        Code("505f5f825f8560600135866020013587604001 35f1"),
        To("next"),
        Code("56"),
        Label("static"),
        Code("505f5f825f856020013586604001 35fa"),
        To("next"),
        Code("56"),
        Label("delegate"),
        Code("505f5f825f856020013586604001 35f4"),
        To("next"),
        Code("56"),
        Label("callcode"),
        Code("505f5f825f8560600135866020013587604001 35f2"),
        To("next"),
        Code("56"),
        Label("next"),
        // All fails if it had to succeed and didn't.
        Code("8015833560041c60011616"),
        To("fail"),
        Code("57"),
        // Slot 0 counts, slot 1 gathers.
        Code("5f54015f55"),
        Code("3d5f5f3e3d5f20600154186001 55"),
        Code("0160a001"),
        To("loop"),
        Code("56"),
        Label("end"),
        Code("00"),
        Label("fail"),
        Code("5f5ffd"),
        Label("invalid"),
        Code("fe"),
    ];
    let bytes = |text: &str| {
        let text: String = text.split_whitespace().collect();
        alloy_primitives::hex::decode(text).expect("hexadecimal")
    };
    let (mut code, mut labels, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Code(text) => code.extend(bytes(text)),
            Label(name) => {
                labels.push((name, code.len()));
                code.push(0x5b);
            }
            To(name) => {
                code.push(0x61);
                gaps.push((name, code.len()));
                code.extend([0, 0]);
            }
        }
    }
    for (name, at) in gaps {
        let (_, target) = labels
            .iter()
            .find(|(label, _)| *label == name)
            .expect("a label");
        let target = u16::try_from(*target).expect("a short program");
        code[at..at + 2].copy_from_slice(&target.to_be_bytes());
    }
    // PUSH2 length DUP1 PUSH1 10 PUSH0 CODECOPY PUSH0 RETURN
    let length = u16::try_from(code.len()).expect("a short program");
    let mut creation = vec![0x61];
    creation.extend(length.to_be_bytes());
    creation.extend([0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3]);
    creation.extend(code);
    creation.into()
}
