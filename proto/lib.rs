//! The messages, clients and servers generated from `proto/`, and the descriptors that reflection serves.
//!
//! What a message means, its units, limits, order and errors are said in the `.proto` files.

// The generators add code of their own without a word of documentation; every item of ours has its comment in the proto.
#![allow(missing_docs, clippy::all)]

/// `crewline.errors.v1`: the reasons that a refusal can carry.
pub mod errors {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("crewline.errors.v1");
    }
}

/// `crewline.permissions.v1`: who may do what, and who is on which job.
pub mod permissions {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("crewline.permissions.v1");
    }
}

/// `crewline.chat.v1`: threads, messages and the streams of their updates.
pub mod chat {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("crewline.chat.v1");
    }
}

/// The encoded `FileDescriptorSet` of everything above, with comments.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/crewline.bin"));
