//! Which RPC is for whom: default deny.

use chassis::identity::{Caller, Callers};

const ADMIN: Caller = Caller::kind("admin");
const OPERATOR: Caller = Caller::kind("operator");
/// The dispatch system.
pub const DISPATCH: Caller = Caller::scoped("service", "dispatch");
const ENFORCE: Caller = Caller::scoped("service", "enforce");
const PROVISION: Caller = Caller::scoped("service", "provision");

/// The table.
pub const CALLERS: Callers = Callers(&[
    ("/crewline.permissions.v1.AccessService/CheckAccess", &[ENFORCE, ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.AccessService/BatchCheckAccess", &[ENFORCE, ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.AccessService/ExplainAccess", &[ENFORCE, ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.AccessService/ListAccessibleJobs", &[ENFORCE, ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.AccessService/ListJobTechnicians", &[ENFORCE, ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.AccessService/WatchAccess", &[ENFORCE]),
    ("/crewline.permissions.v1.AccessService/ListNodes", &[ENFORCE, OPERATOR]),
    ("/crewline.permissions.v1.DirectoryService/GetTenantSettings", &[ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.DirectoryService/UpdateTenantSettings", &[ADMIN]),
    ("/crewline.permissions.v1.DirectoryService/CreateRole", &[ADMIN]),
    ("/crewline.permissions.v1.DirectoryService/ListRoles", &[ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.DirectoryService/UpdateRole", &[ADMIN]),
    ("/crewline.permissions.v1.DirectoryService/CreatePerson", &[ADMIN, DISPATCH]),
    ("/crewline.permissions.v1.DirectoryService/GetPerson", &[ADMIN, OPERATOR, DISPATCH]),
    ("/crewline.permissions.v1.DirectoryService/ListPeople", &[ADMIN, OPERATOR, DISPATCH]),
    ("/crewline.permissions.v1.DirectoryService/UpdatePerson", &[ADMIN, DISPATCH]),
    ("/crewline.permissions.v1.DirectoryService/UpdatePermissions", &[ADMIN]),
    ("/crewline.permissions.v1.DirectoryService/ResetToRole", &[ADMIN]),
    ("/crewline.permissions.v1.DispatchService/ReportJobStatus", &[DISPATCH]),
    ("/crewline.permissions.v1.DispatchService/AssignTechnicians", &[DISPATCH]),
    ("/crewline.permissions.v1.DispatchService/UnassignTechnicians", &[DISPATCH]),
    ("/crewline.permissions.v1.DispatchService/UpdateAssignment", &[DISPATCH]),
    ("/crewline.permissions.v1.DispatchService/ListAssignments", &[DISPATCH, ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.TenantService/CreateTenant", &[PROVISION]),
    ("/crewline.permissions.v1.TenantService/CloseTenant", &[PROVISION]),
    ("/crewline.permissions.v1.TenantService/GetTenant", &[PROVISION, OPERATOR]),
    ("/crewline.permissions.v1.TenantService/ListTenants", &[PROVISION, OPERATOR]),
    ("/crewline.permissions.v1.AuditService/ListChanges", &[ADMIN, OPERATOR]),
    ("/crewline.permissions.v1.AuditService/GetChange", &[ADMIN, OPERATOR]),
]);
