//! Derivation stages: from L1 data to payload attributes, by the OP rules (Holocene).
