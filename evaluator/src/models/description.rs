//! What is known of a model before it is loaded.

use std::sync::Arc;

use blindsight_contract::{AcceptedContract, AnswerKind};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::ModelKey;
use crate::hex;

/// What follows from a model's contract, and a little that its file says beside it.
#[derive(Debug, Clone)]
pub struct Description {
    contract: Arc<AcceptedContract>,
    contract_bytes: Bytes,
    key: ModelKey,
    steps: u32,
    loaded_bytes: u64,
    listing: Listing,
}

/// What clients are told of a model, for showing: what they act upon is the contract.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Listing {
    /// Its name in the protocol.
    #[schema(example = "resnet20-relu-cifar10")]
    id: String,
    /// Its name for people.
    title: String,
    /// What its answers tell.
    #[schema(value_type = String, example = "scores")]
    answer: AnswerKind,
    /// The model that it is one way to use: its own name where answers are scores or features.
    of: String,
    /// The contract, to be fetched on its own.
    contract: ContractListing,
    /// Fingerprint of the parameter set: 32 bytes, hexadecimal.
    scheme: String,
    /// The evaluation keys.
    keys: KeysListing,
    /// Length of a request.
    request_bytes: u64,
    /// Length of a response.
    response_bytes: u64,
    /// Steps of a run, as its progress counts them.
    steps: u32,
    /// How long a run takes on the machine that the model was compiled for.
    forecast_seconds: f64,
}

/// Which bytes a contract is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct ContractListing {
    /// Hexadecimal.
    sha256: String,
    /// Length.
    bytes: u64,
}

/// The evaluation keys of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct KeysListing {
    /// SHA-256 of the list's manifest, hexadecimal: names the list.
    list: String,
    /// Number of keys.
    count: u32,
    /// Length of the bundle of all keys.
    bytes: u64,
}

impl Description {
    /// The description of a model. `fingerprint` is that of its file, `loaded_bytes` what it takes
    /// in memory once it is loaded.
    #[must_use]
    pub fn new(
        contract: Arc<AcceptedContract>,
        contract_bytes: Bytes,
        fingerprint: [u8; 32],
        steps: u32,
        loaded_bytes: u64,
    ) -> Self {
        let set = contract.set();
        let bundle = contract.bundle();
        let bytes = bundle.head(set).len() as u64 + bundle.byte_len(set);
        let listing = Listing {
            id: contract.id().to_owned(),
            title: contract.title().to_owned(),
            answer: contract.tells(),
            of: contract.id().to_owned(),
            contract: ContractListing {
                sha256: hex::encode(&contract.fingerprint()),
                bytes: contract_bytes.len() as u64,
            },
            scheme: hex::encode(&set.fingerprint().0),
            keys: KeysListing {
                list: hex::encode(&bundle.digest(set)),
                count: bundle.len() as u32,
                bytes,
            },
            request_bytes: contract.request().byte_len(set),
            response_bytes: contract.answer().byte_len(set),
            steps,
            forecast_seconds: contract.forecast().seconds,
        };
        let key = ModelKey { id: contract.id().into(), fingerprint };
        Self { contract, contract_bytes, key, steps, loaded_bytes, listing }
    }

    /// The same of a model that is another way to use this one: once loaded, they are one.
    #[must_use]
    pub fn beside(self, other: &Self) -> Self {
        let listing = Listing { of: other.listing.of.clone(), ..self.listing };
        Self { key: other.key.clone(), listing, ..self }
    }

    /// The model's name in the protocol.
    #[must_use]
    pub fn id(&self) -> &str {
        self.contract.id()
    }

    /// Name and file: what tells two versions of a model apart.
    #[must_use]
    pub fn key(&self) -> &ModelKey {
        &self.key
    }

    /// The contract.
    #[must_use]
    pub fn contract(&self) -> &Arc<AcceptedContract> {
        &self.contract
    }

    /// The contract as it is handed out.
    #[must_use]
    pub fn contract_bytes(&self) -> &Bytes {
        &self.contract_bytes
    }

    /// SHA-256 of the contract as it is handed out.
    #[must_use]
    pub fn contract_sha256(&self) -> [u8; 32] {
        self.contract.fingerprint()
    }

    /// Fingerprint of the parameter set.
    #[must_use]
    pub fn scheme(&self) -> [u8; 32] {
        self.contract.set().fingerprint().0
    }

    /// Length of the bundle of all keys.
    #[must_use]
    pub fn key_bytes(&self) -> u64 {
        self.listing.keys.bytes
    }

    /// Length of a request.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        self.listing.request_bytes
    }

    /// Steps of a run.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Bytes in memory once the model is loaded, as its compiler says.
    #[must_use]
    pub fn loaded_bytes(&self) -> u64 {
        self.loaded_bytes
    }

    /// What clients are told.
    #[must_use]
    pub fn listing(&self) -> &Listing {
        &self.listing
    }
}
