//! One module a contract: each has types of its own, whatever names they share.
#![allow(missing_docs)] // the interfaces under contracts/src/interfaces document every item

/// Bindings of `GOpen`.
pub mod gopen {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        GOpen,
        "../../contracts/artifacts/GOpen.json"
    );
}

/// Bindings of `Governor`.
pub mod governor {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Governor,
        "../../contracts/artifacts/Governor.json"
    );
}

/// Bindings of `ParamTimelock`.
pub mod param_timelock {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ParamTimelock,
        "../../contracts/artifacts/ParamTimelock.json"
    );
}

/// Bindings of `CodeTimelock`.
pub mod code_timelock {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        CodeTimelock,
        "../../contracts/artifacts/CodeTimelock.json"
    );
}

/// Bindings of `Reputation`.
pub mod reputation {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Reputation,
        "../../contracts/artifacts/Reputation.json"
    );
}

/// Bindings of `DatanetRegistry`.
pub mod datanet_registry {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        DatanetRegistry,
        "../../contracts/artifacts/DatanetRegistry.json"
    );
}

/// Bindings of `ValidatorStaking`.
pub mod validator_staking {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ValidatorStaking,
        "../../contracts/artifacts/ValidatorStaking.json"
    );
}

/// Bindings of `ModelRegistry`.
pub mod model_registry {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ModelRegistry,
        "../../contracts/artifacts/ModelRegistry.json"
    );
}

/// Bindings of `AdapterMarket`.
pub mod adapter_market {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        AdapterMarket,
        "../../contracts/artifacts/AdapterMarket.json"
    );
}

/// Bindings of `InferenceRouter`.
pub mod inference_router {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        InferenceRouter,
        "../../contracts/artifacts/InferenceRouter.json"
    );
}

/// Bindings of `VoucherChannels`.
pub mod voucher_channels {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        VoucherChannels,
        "../../contracts/artifacts/VoucherChannels.json"
    );
}

/// Bindings of `EpochSettlement`.
pub mod epoch_settlement {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        EpochSettlement,
        "../../contracts/artifacts/EpochSettlement.json"
    );
}

/// Bindings of `ClaimVault`.
pub mod claim_vault {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ClaimVault,
        "../../contracts/artifacts/ClaimVault.json"
    );
}

/// Bindings of `AgentRegistry`.
pub mod agent_registry {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        AgentRegistry,
        "../../contracts/artifacts/AgentRegistry.json"
    );
}

/// Bindings of `Treasury`.
pub mod treasury {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Treasury,
        "../../contracts/artifacts/Treasury.json"
    );
}

/// Bindings of `Jury`.
pub mod jury {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Jury,
        "../../contracts/artifacts/Jury.json"
    );
}

/// Bindings of `ClusterReview`.
pub mod cluster_review {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ClusterReview,
        "../../contracts/artifacts/ClusterReview.json"
    );
}

/// Bindings of `EpochScoring`.
pub mod epoch_scoring {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        EpochScoring,
        "../../contracts/artifacts/EpochScoring.json"
    );
}

/// Bindings of `EpochQuestions`.
pub mod epoch_questions {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        EpochQuestions,
        "../../contracts/artifacts/EpochQuestions.json"
    );
}

pub use adapter_market::AdapterMarket;
pub use agent_registry::AgentRegistry;
pub use claim_vault::ClaimVault;
pub use cluster_review::ClusterReview;
pub use code_timelock::CodeTimelock;
pub use datanet_registry::DatanetRegistry;
pub use epoch_questions::EpochQuestions;
pub use epoch_scoring::EpochScoring;
pub use epoch_settlement::EpochSettlement;
pub use gopen::GOpen;
pub use governor::Governor;
pub use inference_router::InferenceRouter;
pub use jury::Jury;
pub use model_registry::ModelRegistry;
pub use param_timelock::ParamTimelock;
pub use reputation::Reputation;
pub use treasury::Treasury;
pub use validator_staking::ValidatorStaking;
pub use voucher_channels::VoucherChannels;
