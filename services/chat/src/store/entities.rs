//! The tables, as sea-orm sees them. Enums are kept as words; `rows.rs` turns rows into the model. Times are microseconds since 1970.

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
        pub business_number: String,
        /// What lies up to here is hidden from the crew.
        pub crew_floor_seq: i64,
        pub crew_floor_inbound: i64,
        pub last_message_seq: i64,
        pub crew_last_message_seq: i64,
        /// When a person last texted the customer; also the newest place in the order of the texts out.
        pub last_outbound_at: i64,
        pub closed_at: i64,
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
        pub kind: String,
        pub audience: String,
        /// JSON of a list of ids.
        pub attachments: String,
        /// The thread's count of the customer's texts, this one included.
        pub inbound_count: i64,
        /// Empty if it is not for the customer.
        pub delivery_status: String,
        pub delivery_error: String,
        pub delivery_attempt: i32,
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

/// What each person has read of each thread.
pub mod read_horizons {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "read_horizons")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub person_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub thread_id: Uuid,
        pub seq: i64,
        pub inbound: i64,
        /// Where the person put it back to, until they read again.
        pub marked_seq: Option<i64>,
        /// How many of the customer's texts count as read, the mark considered.
        pub inbound_read: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Every sending of a text to a customer; those that wait are for the gateway.
pub mod outbound {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbound")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub token: Uuid,
        pub thread_id: Uuid,
        pub message_id: Uuid,
        /// Of the message.
        pub seq: i64,
        pub attempt: i32,
        pub contact_number: String,
        pub business_number: String,
        /// The order among the texts for one number.
        pub place: i64,
        pub waiting: bool,
        /// The end of its lease, or of a pause that the gateway asked for.
        pub not_before: i64,
        pub hand_outs: i32,
        /// Hand-outs since the gateway last said anything of it.
        pub unanswered: i32,
        pub deferrals: i32,
        pub provider: String,
        pub provider_message_id: String,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Where each attachment came into first: nobody takes it into another thread, or out of what they cannot see.
pub mod attachments {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "attachments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub attachment_id: String,
        pub thread_id: Uuid,
        pub seq: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Which customer numbers want no texts from which number of the tenant.
pub mod opt_outs {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "opt_outs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub contact_number: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub business_number: String,
        pub opted_out: bool,
        pub updated_at: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// What operators have looked at.
pub mod operator_reads {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "operator_reads")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub read_id: Uuid,
        pub operator_id: String,
        pub rpc: String,
        pub about: String,
        pub reason: String,
        pub read_at: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
