//! Which RPC is for whom: default deny.

use chassis::identity::{Caller, Callers};

const TECHNICIAN: Caller = Caller::kind("technician");
const OFFICE: Caller = Caller::kind("office");
const CARRIER: Caller = Caller::scoped("service", "carrier");

/// The table.
pub const CALLERS: Callers = Callers(&[
    // Technicians cannot initiate (rule R25).
    ("/crewline.chat.v1.ThreadService/StartThread", &[OFFICE]),
    ("/crewline.chat.v1.ThreadService/GetThread", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/SendMessage", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/ListMessages", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/WatchThread", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.CarrierService/ReceiveMessage", &[CARRIER]),
]);
