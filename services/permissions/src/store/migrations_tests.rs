//! A database from before a step is as good after it as one that was made by it.

use sea_orm::{ConnectionTrait, Database, EntityTrait, QueryOrder};
use sea_orm_migration::MigratorTrait;

use super::Migrations;
use crate::store::entities::{changes, head};

/// Two changes, as the first step kept them.
const OLD: &str = "
INSERT INTO tenants (tenant_id, display_name, closed, chat_enabled, after_job_end, created_at, revision, last_revision)
VALUES ('acme', 'Acme', false, false, 'keep', 1, 2, 2);
INSERT INTO changes (tenant_id, revision, prev_revision, committed_at, kind, subject, actor, reason, after, facts)
VALUES ('acme', 1, 0, 10, 'tenant.created', 'tenant/acme', 'service/sam', '', '{}', '{}'),
       ('acme', 2, 1, 20, 'tenant.settings_updated', 'tenant/acme', 'admin/ada', '', '{}', '{}');
";

#[tokio::test]
async fn changes_from_before_confirmation_are_in_force_and_leases_from_before_are_known() {
    let db = Database::connect("sqlite::memory:").await.expect("a database");
    Migrations::up(&db, Some(1)).await.expect("the first step");
    db.execute_unprepared(OLD).await.expect("rows of that time");
    Migrations::up(&db, None).await.expect("the steps since");
    let kept = changes::Entity::find().order_by_asc(changes::Column::Revision).all(&db).await.expect("read");
    let in_force: Vec<_> = kept.iter().map(|row| (row.in_force_at, row.nodes_confirmed, row.nodes_waited_out)).collect();
    assert_eq!(in_force, [(Some(10), 0, 0), (Some(20), 0, 0)]);
    let head = head::Entity::find_by_id(1).one(&db).await.expect("read").expect("the row");
    assert_eq!(head.lease_millis, 2_000);
}
