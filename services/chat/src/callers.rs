//! Which RPC is for whom: default deny.

use chassis::identity::{Caller, Callers};

const TECHNICIAN: Caller = Caller::kind("technician");
const OFFICE: Caller = Caller::kind("office");
const OPERATOR: Caller = Caller::kind("operator");
const CARRIER: Caller = Caller::scoped("service", "carrier");

/// The table.
pub const CALLERS: Callers = Callers(&[
    // Technicians cannot initiate (rule R25), and only the office closes, opens again and moves (rule R41).
    ("/crewline.chat.v1.ThreadService/StartThread", &[OFFICE]),
    ("/crewline.chat.v1.ThreadService/CloseThread", &[OFFICE]),
    ("/crewline.chat.v1.ThreadService/ReopenThread", &[OFFICE]),
    ("/crewline.chat.v1.ThreadService/MoveThread", &[OFFICE]),
    ("/crewline.chat.v1.ThreadService/GetThread", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/ListThreads", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/SendMessage", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/ResendMessage", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/AddNote", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/ListMessages", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/GetAttachment", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/MarkRead", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/MarkUnread", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/SetTyping", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/WatchThread", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.ThreadService/WatchInbox", &[TECHNICIAN, OFFICE]),
    ("/crewline.chat.v1.RecordsService/SetOptOut", &[OFFICE]),
    ("/crewline.chat.v1.RecordsService/ListOptOuts", &[OFFICE]),
    ("/crewline.chat.v1.CarrierService/ReceiveMessage", &[CARRIER]),
    ("/crewline.chat.v1.CarrierService/RecordNotification", &[CARRIER]),
    ("/crewline.chat.v1.CarrierService/WatchOutbound", &[CARRIER]),
    ("/crewline.chat.v1.CarrierService/AcknowledgeOutbound", &[CARRIER]),
    ("/crewline.chat.v1.CarrierService/ReportDelivery", &[CARRIER]),
    ("/crewline.chat.v1.OperatorService/ExplainThread", &[OPERATOR]),
    ("/crewline.chat.v1.OperatorService/DescribeStreams", &[OPERATOR]),
    ("/crewline.chat.v1.OperatorService/ListOperatorReads", &[OPERATOR]),
]);
