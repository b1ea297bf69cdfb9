//! Counts the RISC-V instructions a gas of every case of the bench, worst cases included, and fails if any
//! takes more than ECRECOVER does.
//!
//! Its argument is the program of `precompiles/riscv`, built for the fault-proof program's target; a second
//! one is a part of the names of the cases to run. `precompiles/riscv/count.sh` builds and runs both. The
//! gas and the output of each call must be those of the native code.

extern crate alloc;

#[path = "../../benches/cases/mod.rs"]
mod cases;
mod machine;

use alloy_primitives::keccak256;
use machine::{Call, Fault, Machine};
use std::process::ExitCode;

/// Instructions a gas of ECRECOVER, the most of what the EVM has of its own: the limit.
const PER_GAS_MAX: u64 = 1_050;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage: instructions PROGRAM [PART-OF-A-NAME]")]
    Usage,
    #[error("the program can't be read")]
    Read(#[from] std::io::Error),
    #[error("the program was stopped: {0}")]
    Fault(#[from] Fault),
    #[error("the program ended with {code} in case {number}")]
    Exit { code: u64, number: u64 },
    #[error("{name}: {gas} gas and another result natively, {in_machine} in the machine")]
    Differs {
        name: String,
        gas: u64,
        in_machine: u64,
    },
    #[error("{count} cases take more than {PER_GAS_MAX} instructions a gas")]
    TooMany { count: usize },
}

/// What a case took.
struct Counted {
    name: String,
    gas: u64,
    hash: [u8; 32],
    instructions: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or(Failure::Usage)?;
    let wanted = arguments.next().unwrap_or_default();
    let elf = std::fs::read(path)?;
    println!("| case | gas | instructions | a gas |\n|---|---|---|---|");
    let (mut worst, mut above) = (0, 0);
    let natives = cases::all();
    // The program's own yardsticks come after the cases.
    for number in 0.. {
        if let Some((name, _)) = natives.get(number as usize)
            && !name.contains(&wanted)
        {
            continue;
        }
        let Some(counted) = count(&elf, number)? else {
            break;
        };
        let Counted {
            name,
            gas,
            instructions,
            ..
        } = &counted;
        let per_gas = instructions / gas.max(&1);
        println!("| {name} | {gas} | {instructions} | {per_gas} |");
        if let Some((_, build)) = natives.get(number as usize) {
            same(&counted, build())?;
            worst = worst.max(per_gas);
            above += usize::from(per_gas > PER_GAS_MAX);
        }
    }
    println!("at most {worst} instructions a gas; {PER_GAS_MAX} are allowed");
    match above {
        0 => Ok(()),
        count => Err(Failure::TooMany { count }),
    }
}

/// Runs one case in a machine of its own; `None` if there is no case of that number.
fn count(elf: &[u8], number: u64) -> Result<Option<Counted>, Failure> {
    let mut machine = Machine::new(elf, number)?;
    let (mut counted, mut instructions) = (None, 0);
    loop {
        match machine.run()? {
            Call::Begin => {}
            Call::Pause => instructions = machine.count,
            Call::Print { text } => eprintln!("{text}"),
            Call::End { gas, hash, name } => {
                counted = Some(Counted {
                    name,
                    gas,
                    hash,
                    instructions,
                });
            }
            Call::Exit { code: 0 } => return Ok(counted),
            Call::Exit { code } => return Err(Failure::Exit { code, number }),
        }
    }
}

/// The native code gives the same.
fn same(counted: &Counted, mut case: cases::Case) -> Result<(), Failure> {
    case.prepare();
    let mut host = core::mem::take(&mut case.world.host);
    let (gas, output) = case.run(&mut host);
    if gas != counted.gas || keccak256(&output) != counted.hash {
        return Err(Failure::Differs {
            name: counted.name.clone(),
            gas,
            in_machine: counted.gas,
        });
    }
    Ok(())
}
