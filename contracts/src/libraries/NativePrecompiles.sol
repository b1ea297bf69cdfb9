// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSketch} from "../interfaces/precompiles/IAttrSketch.sol";
import {IAttrSpan} from "../interfaces/precompiles/IAttrSpan.sol";
import {IAttrSplit} from "../interfaces/precompiles/IAttrSplit.sol";
import {ILoraRegistry} from "../interfaces/precompiles/ILoraRegistry.sol";

/// @title NativePrecompiles
/// @notice Where the chain's native precompiles stand.
library NativePrecompiles {
    /// @notice Sketch sets, scores and clusters.
    IAttrSketch internal constant SKETCH = IAttrSketch(address(0x0A01));

    /// @notice Span indexes and scores.
    IAttrSpan internal constant SPAN = IAttrSpan(address(0x0A02));

    /// @notice Division of payments.
    IAttrSplit internal constant SPLIT = IAttrSplit(address(0x0A03));

    /// @notice Bases, adapters and royalties.
    ILoraRegistry internal constant LORA = ILoraRegistry(address(0x0A04));
}
