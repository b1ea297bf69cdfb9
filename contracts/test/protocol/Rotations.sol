// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Vm} from "forge-std/Vm.sol";

/// @title Rotations
/// @notice Signatures by which an address gives its place in `ClaimVault` to another.
library Rotations {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    IClaimVault private constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);

    /// @notice A signature of the rotation by `key`.
    function sign(uint256 key, address from, address to, uint256 nonce, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("ClaimVault"),
                keccak256("1"),
                block.chainid,
                address(VAULT)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Rotate(address from,address to,uint256 nonce,uint256 deadline)"), from, to, nonce, deadline
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, keccak256(abi.encodePacked(hex"1901", domain, message)));
        return abi.encodePacked(r, s, v);
    }

    /// @notice Rotates with both signatures, the present nonce and the present time as the deadline.
    function rotate(address from, uint256 fromKey, address to, uint256 toKey) internal {
        uint256 nonce = VAULT.nonces(from);
        uint256 deadline = VM.getBlockTimestamp();
        bytes memory fromSignature = sign(fromKey, from, to, nonce, deadline);
        VAULT.rotate(from, to, deadline, fromSignature, sign(toKey, from, to, nonce, deadline));
    }
}
