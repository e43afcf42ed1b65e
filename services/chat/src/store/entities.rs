//! The tables, as sea-orm sees them. Enums are kept as words; `rows.rs` turns rows into the model.

#![allow(missing_docs)] // A column is what its name says; the invariants are in the model.

pub mod threads {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "threads")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub thread_id: Uuid,
        pub job_id: Option<String>,
        pub contact_number: String,
        pub state: String,
        /// Job and contact number while the thread is open, null while it is closed: unique, so that one is open per key.
        pub open_key: Option<String>,
        pub head_seq: i64,
        pub head_tag: i64,
        /// The newest event that the crew sees.
        pub crew_seq: i64,
        pub crew_tag: i64,
        /// The customer's texts, counted: what unread counts are made of.
        pub inbound_count: i64,
        pub floor_seq: i64,
        pub floor_tag: i64,
        pub created_at: i64,
        pub updated_at: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Append-only. The predecessors and the payload are kept; a redaction will rewrite the payload alone.
pub mod thread_events {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "thread_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub thread_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub tag: i64,
        pub audience: String,
        pub office_prev_seq: i64,
        pub office_prev_tag: i64,
        pub crew_prev_seq: i64,
        pub crew_prev_tag: i64,
        /// The revision of the view that permitted it; 0 where no person did.
        pub access_revision: i64,
        pub committed_at: i64,
        /// JSON of the payload.
        pub payload: String,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// The present state of each message: the fold of the events.
pub mod messages {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "messages")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub thread_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub message_id: Uuid,
        pub author_kind: String,
        pub author_id: Option<String>,
        pub author_name: String,
        pub body: String,
        pub created_at: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// What each client and provider message id made, for ever.
pub mod sent_ids {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sent_ids")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        /// Within what the id is unique: a thread and author, or a provider.
        #[sea_orm(primary_key, auto_increment = false)]
        pub origin: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub sent_id: String,
        pub thread_id: Uuid,
        pub seq: i64,
        /// A keyed hash of what was sent: tells a retry from a reuse, and nothing else.
        pub content_hash: Vec<u8>,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
