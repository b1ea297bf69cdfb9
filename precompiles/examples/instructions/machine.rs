//! A machine of 64-bit RISC-V with integers and multiplication (RV64IM), which counts what it executes.
//!
//! The program starts with a0 = a number of its choosing's, a1 and a2 = the bounds of free memory, and the
//! stack at its end. It talks by `ecall`, a7 saying what it wants: see [`Call`].

use std::ops::Range;

/// Memory of the machine, bytes; only what is touched takes any of the host's.
const MEMORY_LEN: usize = 3 << 30;
/// What is left for the stack at the end of memory, bytes.
const STACK_LEN: u64 = 64 << 20;
/// Most bytes of a text that the program passes.
const TEXT_LEN_MAX: u64 = 4_096;

/// Why a program was stopped.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("not an executable for 64-bit RISC-V")]
    BadElf,
    #[error("access to {address:#x} at {pc:#x}")]
    Access { pc: u64, address: u64 },
    #[error("unknown instruction {word:#010x} at {pc:#x}")]
    Instruction { pc: u64, word: u32 },
    #[error("jump to {pc:#x}, where there is no program")]
    Jump { pc: u64 },
    #[error("unknown system call {number}")]
    SystemCall { number: u64 },
}

/// What the program asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// 0: it ends, with a code (a0).
    Exit { code: u64 },
    /// 1: what follows is counted from 0.
    Begin,
    /// 4: the count ends.
    Pause,
    /// 2: what was counted: a gas (a0), the address of a 32-byte hash (a1), of a name (a2) and its length (a3).
    End {
        gas: u64,
        hash: [u8; 32],
        name: String,
    },
    /// 3: a text to show: address (a0) and length (a1).
    Print { text: String },
}

/// A decoded instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    operation: Operation,
    rd: u8,
    rs1: u8,
    rs2: u8,
    immediate: i32,
}

#[rustfmt::skip]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Lui, Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu, Sb, Sh, Sw, Sd,
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai, Addiw, Slliw, Srliw, Sraiw,
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And, Addw, Subw, Sllw, Srlw, Sraw,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu, Mulw, Divw, Divuw, Remw, Remuw,
    Fence, Ecall, Unknown,
}

/// The machine with a program in it.
pub(crate) struct Machine {
    memory: Vec<u8>,
    registers: [u64; 32],
    pc: u64,
    program: Vec<Instruction>,
    program_at: u64,
    /// Instructions executed since the last [`Call::Begin`].
    pub(crate) count: u64,
}

impl Machine {
    /// Loads an executable, whose first argument is `number`.
    pub(crate) fn new(elf: &[u8], number: u64) -> Result<Self, Fault> {
        let mut memory = vec![0; MEMORY_LEN];
        let (mut end, mut code) = (0, 0..0);
        for segment in segments(elf)? {
            let at = usize::try_from(segment.address).map_err(|_| Fault::BadElf)?;
            let target = memory.get_mut(at..).ok_or(Fault::BadElf)?;
            let target = target
                .get_mut(..segment.content.len())
                .ok_or(Fault::BadElf)?;
            target.copy_from_slice(segment.content);
            end = end.max(segment.address.saturating_add(segment.len));
            if segment.is_code {
                code =
                    segment.address..segment.address.saturating_add(segment.content.len() as u64);
            }
        }
        let stack = MEMORY_LEN as u64;
        let free = end.next_multiple_of(4_096)..stack - STACK_LEN;
        if free.is_empty() || code.is_empty() {
            return Err(Fault::BadElf);
        }
        let words = memory[code.start as usize..code.end as usize].chunks_exact(4);
        let mut registers = [0; 32];
        registers[2] = stack;
        registers[10] = number;
        registers[11] = free.start;
        registers[12] = free.end;
        Ok(Self {
            program: words
                .map(|word| decode(u32::from_le_bytes(word.try_into().expect("four bytes"))))
                .collect(),
            program_at: code.start,
            pc: read(elf, 24, 8).ok_or(Fault::BadElf)?,
            memory,
            registers,
            count: 0,
        })
    }

    /// Runs to the next call.
    pub(crate) fn run(&mut self) -> Result<Call, Fault> {
        loop {
            let at = self.pc.wrapping_sub(self.program_at);
            let fault = Fault::Jump { pc: self.pc };
            if !at.is_multiple_of(4) {
                return Err(fault);
            }
            let Some(&instruction) = self.program.get((at / 4) as usize) else {
                return Err(fault);
            };
            self.count += 1;
            if instruction.operation == Operation::Ecall {
                self.pc = self.pc.wrapping_add(4);
                let call = self.system_call()?;
                if call == Call::Begin {
                    self.count = 0;
                }
                return Ok(call);
            }
            self.step(instruction)?;
        }
    }

    #[inline(always)]
    #[rustfmt::skip]
    fn step(&mut self, instruction: Instruction) -> Result<(), Fault> {
        use Operation::*;
        let Instruction { operation, rd, rs1, rs2, immediate } = instruction;
        let (a, b) = (self.registers[rs1 as usize & 31], self.registers[rs2 as usize & 31]);
        let i = i64::from(immediate) as u64;
        let (w, v) = (a as i32, b as i32);
        let next = self.pc.wrapping_add(4);
        let target = self.pc.wrapping_add(i);
        let address = a.wrapping_add(i);
        let mut pc = next;
        let mut branch = |condition: bool| if condition { pc = target };
        let result = match operation {
            Lui => i,
            Auipc => target,
            Jal => { branch(true); next }
            Jalr => { pc = address & !1; next }
            Beq => { branch(a == b); self.pc = pc; return Ok(()) }
            Bne => { branch(a != b); self.pc = pc; return Ok(()) }
            Blt => { branch((a as i64) < b as i64); self.pc = pc; return Ok(()) }
            Bge => { branch(a as i64 >= b as i64); self.pc = pc; return Ok(()) }
            Bltu => { branch(a < b); self.pc = pc; return Ok(()) }
            Bgeu => { branch(a >= b); self.pc = pc; return Ok(()) }
            Lb => self.load::<1>(address)?[0] as i8 as u64,
            Lbu => u64::from(self.load::<1>(address)?[0]),
            Lh => i16::from_le_bytes(self.load(address)?) as u64,
            Lhu => u64::from(u16::from_le_bytes(self.load(address)?)),
            Lw => i32::from_le_bytes(self.load(address)?) as u64,
            Lwu => u64::from(u32::from_le_bytes(self.load(address)?)),
            Ld => u64::from_le_bytes(self.load(address)?),
            Sb => { self.store(address, [b as u8])?; self.pc = pc; return Ok(()) }
            Sh => { self.store(address, (b as u16).to_le_bytes())?; self.pc = pc; return Ok(()) }
            Sw => { self.store(address, (b as u32).to_le_bytes())?; self.pc = pc; return Ok(()) }
            Sd => { self.store(address, b.to_le_bytes())?; self.pc = pc; return Ok(()) }
            Addi => address,
            Slti => u64::from((a as i64) < i as i64),
            Sltiu => u64::from(a < i),
            Xori => a ^ i,
            Ori => a | i,
            Andi => a & i,
            Slli => a << (immediate & 63),
            Srli => a >> (immediate & 63),
            Srai => (a as i64 >> (immediate & 63)) as u64,
            Addiw => w.wrapping_add(immediate) as u64,
            Slliw => (w << (immediate & 31)) as u64,
            Srliw => (w as u32 >> (immediate & 31)) as i32 as u64,
            Sraiw => (w >> (immediate & 31)) as u64,
            Add => a.wrapping_add(b),
            Sub => a.wrapping_sub(b),
            Sll => a << (b & 63),
            Slt => u64::from((a as i64) < b as i64),
            Sltu => u64::from(a < b),
            Xor => a ^ b,
            Srl => a >> (b & 63),
            Sra => (a as i64 >> (b & 63)) as u64,
            Or => a | b,
            And => a & b,
            Addw => w.wrapping_add(v) as u64,
            Subw => w.wrapping_sub(v) as u64,
            Sllw => (w << (v & 31)) as u64,
            Srlw => (w as u32 >> (v & 31)) as i32 as u64,
            Sraw => (w >> (v & 31)) as u64,
            Mul => a.wrapping_mul(b),
            Mulh => ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64,
            Mulhsu => ((i128::from(a as i64) * i128::from(b)) >> 64) as u64,
            Mulhu => ((u128::from(a) * u128::from(b)) >> 64) as u64,
            // Division by zero has all ones as quotient and the dividend as remainder.
            Div => if b == 0 { u64::MAX } else { (a as i64).wrapping_div(b as i64) as u64 },
            Divu => a.checked_div(b).unwrap_or(u64::MAX),
            Rem => if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 },
            Remu => a.checked_rem(b).unwrap_or(a),
            Mulw => w.wrapping_mul(v) as u64,
            Divw => if v == 0 { u64::MAX } else { w.wrapping_div(v) as u64 },
            Divuw => (w as u32).checked_div(v as u32).unwrap_or(u32::MAX) as i32 as u64,
            Remw => if v == 0 { w as u64 } else { w.wrapping_rem(v) as u64 },
            Remuw => (w as u32).checked_rem(v as u32).unwrap_or(w as u32) as i32 as u64,
            Fence => { self.pc = pc; return Ok(()) }
            Ecall | Unknown => {
                let word = self.load(self.pc)?;
                return Err(Fault::Instruction { pc: self.pc, word: u32::from_le_bytes(word) });
            }
        };
        self.pc = pc;
        self.registers[rd as usize & 31] = result;
        self.registers[0] = 0;
        Ok(())
    }

    #[inline(always)]
    fn load<const N: usize>(&self, address: u64) -> Result<[u8; N], Fault> {
        let bytes = self.memory.get(address as usize..);
        bytes
            .and_then(|bytes| bytes.first_chunk())
            .copied()
            .ok_or(Fault::Access {
                pc: self.pc,
                address,
            })
    }

    #[inline(always)]
    fn store<const N: usize>(&mut self, address: u64, value: [u8; N]) -> Result<(), Fault> {
        let program = self.program_at..self.program_at + 4 * self.program.len() as u64;
        let fault = Fault::Access {
            pc: self.pc,
            address,
        };
        if program.contains(&address) {
            return Err(fault);
        }
        match self.memory.get_mut(address as usize..) {
            Some(bytes) if bytes.len() >= N => {
                bytes[..N].copy_from_slice(&value);
                Ok(())
            }
            _ => Err(fault),
        }
    }

    fn system_call(&self) -> Result<Call, Fault> {
        let argument = |index: usize| self.registers[10 + index];
        match self.registers[17] {
            0 => Ok(Call::Exit { code: argument(0) }),
            1 => Ok(Call::Begin),
            2 => Ok(Call::End {
                gas: argument(0),
                hash: self.load(argument(1))?,
                name: self.text(argument(2), argument(3))?,
            }),
            3 => Ok(Call::Print {
                text: self.text(argument(0), argument(1))?,
            }),
            4 => Ok(Call::Pause),
            number => Err(Fault::SystemCall { number }),
        }
    }

    fn text(&self, address: u64, len: u64) -> Result<String, Fault> {
        let range: Range<usize> =
            address as usize..address.saturating_add(len.min(TEXT_LEN_MAX)) as usize;
        let bytes = self.memory.get(range).ok_or(Fault::Access {
            pc: self.pc,
            address,
        })?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// What of an executable goes into memory.
struct Segment<'a> {
    address: u64,
    /// Bytes in memory, those of the content first.
    len: u64,
    content: &'a [u8],
    is_code: bool,
}

/// An unsigned number of `len` bytes, at most eight, at `at`.
fn read(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.get(..len)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}

/// The loadable segments of a 64-bit little-endian ELF file for RISC-V.
fn segments(elf: &[u8]) -> Result<Vec<Segment<'_>>, Fault> {
    const RISCV: u64 = 243;
    const LOAD: u64 = 1;
    const EXECUTABLE: u64 = 1;
    let field = |at: usize, len: usize| read(elf, at, len).ok_or(Fault::BadElf);
    if elf.get(..6) != Some(b"\x7fELF\x02\x01") || field(18, 2)? != RISCV {
        return Err(Fault::BadElf);
    }
    let (table, width, count) = (field(32, 8)?, field(54, 2)?, field(56, 2)?);
    let mut segments = Vec::new();
    for index in 0..count {
        let at = usize::try_from(table + index * width).map_err(|_| Fault::BadElf)?;
        if field(at, 4)? != LOAD {
            continue;
        }
        let (offset, len) = (field(at + 8, 8)? as usize, field(at + 32, 8)? as usize);
        let content = elf.get(offset..).and_then(|rest| rest.get(..len));
        segments.push(Segment {
            address: field(at + 16, 8)?,
            len: field(at + 40, 8)?,
            content: content.ok_or(Fault::BadElf)?,
            is_code: field(at + 4, 4)? & EXECUTABLE != 0,
        });
    }
    Ok(segments)
}

#[rustfmt::skip]
fn decode(word: u32) -> Instruction {
    use Operation::*;
    let bits = |from: u32, len: u32| (word >> from) & ((1 << len) - 1);
    let signed = word as i32;
    let (funct3, funct7) = (bits(12, 3), bits(25, 7));
    let i = signed >> 20;
    let s = ((signed >> 25) << 5) | bits(7, 5) as i32;
    let b = ((signed >> 31) << 12) | ((bits(7, 1) << 11) | (bits(25, 6) << 5) | (bits(8, 4) << 1)) as i32;
    let u = (word & 0xffff_f000) as i32;
    let j = ((signed >> 31) << 20)
        | ((bits(12, 8) << 12) | (bits(20, 1) << 11) | (bits(21, 10) << 1)) as i32;
    let shift = bits(20, 6) as i32;
    let (operation, immediate) = match (bits(0, 7), funct3, funct7) {
        (0x37, ..) => (Lui, u),
        (0x17, ..) => (Auipc, u),
        (0x6f, ..) => (Jal, j),
        (0x67, 0, _) => (Jalr, i),
        (0x63, 0, _) => (Beq, b), (0x63, 1, _) => (Bne, b), (0x63, 4, _) => (Blt, b),
        (0x63, 5, _) => (Bge, b), (0x63, 6, _) => (Bltu, b), (0x63, 7, _) => (Bgeu, b),
        (0x03, 0, _) => (Lb, i), (0x03, 1, _) => (Lh, i), (0x03, 2, _) => (Lw, i), (0x03, 3, _) => (Ld, i),
        (0x03, 4, _) => (Lbu, i), (0x03, 5, _) => (Lhu, i), (0x03, 6, _) => (Lwu, i),
        (0x23, 0, _) => (Sb, s), (0x23, 1, _) => (Sh, s), (0x23, 2, _) => (Sw, s), (0x23, 3, _) => (Sd, s),
        (0x13, 0, _) => (Addi, i), (0x13, 2, _) => (Slti, i), (0x13, 3, _) => (Sltiu, i),
        (0x13, 4, _) => (Xori, i), (0x13, 6, _) => (Ori, i), (0x13, 7, _) => (Andi, i),
        (0x13, 1, 0 | 1) => (Slli, shift),
        (0x13, 5, 0 | 1) => (Srli, shift),
        (0x13, 5, 0x20 | 0x21) => (Srai, shift),
        (0x1b, 0, _) => (Addiw, i),
        (0x1b, 1, 0) => (Slliw, shift), (0x1b, 5, 0) => (Srliw, shift), (0x1b, 5, 0x20) => (Sraiw, shift),
        (0x33, 0, 0) => (Add, 0), (0x33, 0, 0x20) => (Sub, 0), (0x33, 1, 0) => (Sll, 0), (0x33, 2, 0) => (Slt, 0),
        (0x33, 3, 0) => (Sltu, 0), (0x33, 4, 0) => (Xor, 0), (0x33, 5, 0) => (Srl, 0), (0x33, 5, 0x20) => (Sra, 0),
        (0x33, 6, 0) => (Or, 0), (0x33, 7, 0) => (And, 0),
        (0x33, 0, 1) => (Mul, 0), (0x33, 1, 1) => (Mulh, 0), (0x33, 2, 1) => (Mulhsu, 0), (0x33, 3, 1) => (Mulhu, 0),
        (0x33, 4, 1) => (Div, 0), (0x33, 5, 1) => (Divu, 0), (0x33, 6, 1) => (Rem, 0), (0x33, 7, 1) => (Remu, 0),
        (0x3b, 0, 0) => (Addw, 0), (0x3b, 0, 0x20) => (Subw, 0), (0x3b, 1, 0) => (Sllw, 0),
        (0x3b, 5, 0) => (Srlw, 0), (0x3b, 5, 0x20) => (Sraw, 0),
        (0x3b, 0, 1) => (Mulw, 0), (0x3b, 4, 1) => (Divw, 0), (0x3b, 5, 1) => (Divuw, 0),
        (0x3b, 6, 1) => (Remw, 0), (0x3b, 7, 1) => (Remuw, 0),
        (0x0f, ..) => (Fence, 0),
        (0x73, 0, 0) if word == 0x73 => (Ecall, 0),
        _ => (Unknown, 0),
    };
    Instruction { operation, rd: bits(7, 5) as u8, rs1: bits(15, 5) as u8, rs2: bits(20, 5) as u8, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Executes one instruction with a0 and a1, for a2.
    fn execute(word: u32, a: u64, b: u64) -> u64 {
        let mut machine = Machine {
            memory: vec![0; 64],
            registers: [0; 32],
            pc: 0,
            program: vec![decode(word)],
            program_at: 0,
            count: 0,
        };
        machine.registers[10] = a;
        machine.registers[11] = b;
        machine.step(decode(word)).expect("it is known");
        machine.registers[12]
    }

    /// `op a2, a0, a1`.
    fn register_form(opcode: u32, funct3: u32, funct7: u32) -> u32 {
        opcode | 12 << 7 | funct3 << 12 | 10 << 15 | 11 << 20 | funct7 << 25
    }

    #[test]
    fn divisions_have_the_results_of_the_specification() {
        let (div, rem) = (register_form(0x33, 4, 1), register_form(0x33, 6, 1));
        assert_eq!(execute(div, 7, 0), u64::MAX);
        assert_eq!(execute(rem, 7, 0), 7);
        let least = i64::MIN as u64;
        assert_eq!(execute(div, least, u64::MAX), least);
        assert_eq!(execute(rem, least, u64::MAX), 0);
        assert_eq!(execute(div, -7i64 as u64, 2), -3i64 as u64);
        let (divuw, remw) = (register_form(0x3b, 5, 1), register_form(0x3b, 6, 1));
        assert_eq!(execute(divuw, 1 << 33, 0), u64::MAX);
        assert_eq!(execute(divuw, u64::MAX, 1), u64::MAX);
        assert_eq!(execute(remw, 0xffff_fff9, 0), -7i64 as u64);
    }

    #[test]
    fn products_have_an_upper_half() {
        let most = u64::MAX;
        assert_eq!(execute(register_form(0x33, 3, 1), most, most), most - 1);
        assert_eq!(execute(register_form(0x33, 1, 1), most, most), 0);
        // −1 times 2⁶⁴ − 1.
        assert_eq!(execute(register_form(0x33, 2, 1), most, most), most);
    }

    #[test]
    fn words_are_sign_extended() {
        let (addw, sraw) = (register_form(0x3b, 0, 0), register_form(0x3b, 5, 0x20));
        assert_eq!(execute(addw, 0x7fff_ffff, 1), 0xffff_ffff_8000_0000);
        assert_eq!(execute(sraw, 0x8000_0000, 31), u64::MAX);
        // addi a2, a0, -1
        assert_eq!(execute(0xfff5_0613, 0, 0), u64::MAX);
        // lui a2, 0x80000
        assert_eq!(execute(0x8000_0637, 0, 0), 0xffff_ffff_8000_0000);
    }

    #[test]
    fn immediates_of_jumps_and_branches() {
        // Assembled by hand: beq x0, x0, -4; jal x0, -8; jal x0, 0x1004.
        assert_eq!(decode(0xfe00_0ee3).immediate, -4);
        assert_eq!(decode(0xff9f_f06f).immediate, -8);
        assert_eq!(decode(0x0040_106f).immediate, 0x1004);
        // sd a1, -16(sp)
        let store = decode(0xfeb1_3823);
        assert_eq!((store.operation, store.immediate), (Operation::Sd, -16));
    }

    #[test]
    fn what_is_no_instruction_is_refused() {
        assert_eq!(decode(0).operation, Operation::Unknown);
        // ebreak
        assert_eq!(decode(0x0010_0073).operation, Operation::Unknown);
        assert!(matches!(Machine::new(b"\x7fELF", 0), Err(Fault::BadElf)));
    }
}
