//! The block executor: revm with OP rules and the native precompiles, fees, system calls and sealing.
