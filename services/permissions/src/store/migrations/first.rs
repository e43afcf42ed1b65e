//! The first schema.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, boolean, boolean_null, integer, string, string_null, text, text_null};

use super::tenant_table;

/// Tenants, people, jobs, and the changes of all of them.
pub struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "0001_tenants_people_jobs_changes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let head = Table::create()
            .table("head")
            .col(integer("id").primary_key())
            .col(big_integer("revision"))
            .col(big_integer("epoch"))
            .to_owned();
        manager.create_table(head).await?;
        let one_row = Query::insert()
            .into_table("head")
            .columns(["id", "revision", "epoch"])
            .values_panic([1.into(), 0_i64.into(), 0_i64.into()])
            .to_owned();
        manager.execute(one_row).await?;

        let tenants = Table::create()
            .table("tenants")
            .col(string("tenant_id").primary_key())
            .col(string("display_name"))
            .col(boolean("closed"))
            .col(boolean("chat_enabled"))
            .col(string("after_job_end"))
            .col(big_integer("created_at"))
            .col(big_integer("revision"))
            .col(big_integer("last_revision"))
            .to_owned();
        manager.create_table(tenants).await?;

        let roles = vec![
            string("role_id"),
            string("display_name"),
            boolean("view_default"),
            boolean("full_default"),
            big_integer("revision"),
        ];
        manager.create_table(tenant_table("roles", &["role_id"], roles)).await?;

        let people = vec![
            string("person_id"),
            string("kind"),
            string("display_name"),
            string("role_id"),
            boolean("active"),
            boolean("mobile_access"),
            string("phone"),
            boolean_null("view_override"),
            boolean_null("full_override"),
            big_integer("revision"),
        ];
        let people = tenant_table("people", &["person_id"], people)
            .foreign_key(
                ForeignKey::create()
                    .from_tbl("people")
                    .from_col("tenant_id")
                    .from_col("role_id")
                    .to_tbl("roles")
                    .to_col("tenant_id")
                    .to_col("role_id"),
            )
            .to_owned();
        manager.create_table(people).await?;
        let by_role = Index::create().name("people_by_role").table("people").col("tenant_id").col("role_id").to_owned();
        manager.create_index(by_role).await?;

        let jobs = vec![string("job_id"), string("status"), big_integer("revision")];
        manager.create_table(tenant_table("jobs", &["job_id"], jobs)).await?;

        let assignments = vec![
            string("job_id"),
            string("appointment_id"),
            string("technician_id"),
            string("status"),
            boolean("active"),
            boolean("paused"),
            big_integer("revision"),
        ];
        let assignments = tenant_table("appointment_assignments", &["job_id", "appointment_id", "technician_id"], assignments)
            .foreign_key(
                ForeignKey::create()
                    .from_tbl("appointment_assignments")
                    .from_col("tenant_id")
                    .from_col("job_id")
                    .to_tbl("jobs")
                    .to_col("tenant_id")
                    .to_col("job_id"),
            )
            .foreign_key(
                ForeignKey::create()
                    .from_tbl("appointment_assignments")
                    .from_col("tenant_id")
                    .from_col("technician_id")
                    .to_tbl("people")
                    .to_col("tenant_id")
                    .to_col("person_id"),
            )
            .to_owned();
        manager.create_table(assignments).await?;
        let by_technician = Index::create()
            .name("appointment_assignments_by_technician")
            .table("appointment_assignments")
            .col("tenant_id")
            .col("technician_id")
            .col("job_id")
            .to_owned();
        manager.create_index(by_technician).await?;

        let changes = vec![
            big_integer("revision"),
            big_integer("prev_revision"),
            big_integer("committed_at"),
            string("kind"),
            string("subject"),
            string("actor"),
            text("reason"),
            text_null("before"),
            text("after"),
            text("facts"),
            string_null("idempotency_key"),
        ];
        manager.create_table(tenant_table("changes", &["revision"], changes)).await?;
        let by_revision = Index::create().name("changes_by_revision").table("changes").col("revision").unique().to_owned();
        manager.create_index(by_revision).await?;
        let by_subject = Index::create()
            .name("changes_by_subject")
            .table("changes")
            .col("tenant_id")
            .col("subject")
            .col("revision")
            .to_owned();
        manager.create_index(by_subject).await?;

        let keys = vec![string("actor"), string("idempotency_key"), binary("request_hash"), big_integer("revision")];
        manager.create_table(tenant_table("request_keys", &["actor", "idempotency_key"], keys)).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("going back is not supported: restore a backup".into()))
    }
}
