//! The names of XTA: namespaces, modules, ports, operations, and the action that stands for each operation on the wire.
//! It never looks into a message. Actions are compared octet for octet, because that is what they are.

/// SOAP 1.2.
pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// SOAP 1.1, which XTA does not speak.
pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// WS-Addressing 1.0.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// The address that means: answer on this connection.
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// Module 2.1.1.
pub const XTA: &str = "http://xoev.de/transport/xta/211";
/// Module core 3.1.1.
pub const CORE: &str = "https://xoev.de/transport/xta/core/3.1.1";
/// Metadata and identities of module 2.1.1.
pub const META: &str = "http://www.osci.eu/ws/2014/10/transport";
/// The mailbox of module 2.1.1.
pub const BOX: &str = "http://www.osci.eu/ws/2008/05/transport";
/// References to parts beside the envelope.
pub const XOP: &str = "http://www.w3.org/2004/08/xop/include";
/// Instances of schemas (`xsi:nil`).
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

const ACTION: &str = "http://www.xta.de/XTA/";
const BOX_ACTION: &str = "http://www.osci.eu/ws/2008/05/transport/urn/messageTypes/";
const CORE_ACTION: &str = "https://xoev.de/transport/xta/core/";

/// A module of the standard, that is a wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Module {
    /// Module 2.1.1 of XTA 2 version 3.1.
    Xta211,
    /// Module core 3.1.1 of XTA 2 version 5.1.1.
    Core311,
}

impl Module {
    /// Its version for a person.
    pub fn version(self) -> &'static str {
        match self {
            Module::Xta211 => "2.1.1",
            Module::Core311 => "core 3.1.1",
        }
    }

    /// The namespace of its own elements.
    pub fn namespace(self) -> &'static str {
        match self {
            Module::Xta211 => XTA,
            Module::Core311 => CORE,
        }
    }
}

/// A port of a server; each has an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Port {
    Management,
    SendXta,
    MsgBox,
    TransportBase,
    Sender,
    Recipient,
    Reader,
}

/// What a server can be asked for, in both modules together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Operation {
    CheckAccountActive,
    LookupService,
    CreateMessageId,
    CancelMessage,
    GetTransportReport,
    SendMessage,
    SendMessageSync,
    GetStatusList,
    GetNextStatusList,
    GetMessage,
    GetNextMessage,
    Close,
    DeliverMessage,
}

/// Every operation.
pub const OPERATIONS: [Operation; 13] = [
    Operation::CheckAccountActive,
    Operation::LookupService,
    Operation::CreateMessageId,
    Operation::CancelMessage,
    Operation::GetTransportReport,
    Operation::SendMessage,
    Operation::SendMessageSync,
    Operation::GetStatusList,
    Operation::GetNextStatusList,
    Operation::GetMessage,
    Operation::GetNextMessage,
    Operation::Close,
    Operation::DeliverMessage,
];

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The client.
    Request,
    /// The server.
    Response,
}

impl Operation {
    /// Its name in the description of the module.
    pub fn name(self, module: Module) -> &'static str {
        match self {
            Operation::CheckAccountActive => "checkAccountActive",
            Operation::LookupService => "lookupService",
            Operation::CreateMessageId if module == Module::Core311 => "createMessageID",
            Operation::CreateMessageId => "createMessageId",
            Operation::CancelMessage => "cancelMessage",
            Operation::GetTransportReport => "getTransportReport",
            Operation::SendMessage => "sendMessage",
            Operation::SendMessageSync => "sendMessageSync",
            Operation::GetStatusList => "getStatusList",
            Operation::GetNextStatusList => "getNextStatusList",
            Operation::GetMessage => "getMessage",
            Operation::GetNextMessage => "getNextMessage",
            Operation::Close => "close",
            Operation::DeliverMessage => "deliverMessage",
        }
    }

    /// The port that it belongs to; none where the module has not got it.
    pub fn port(self, module: Module) -> Option<Port> {
        use Operation as O;
        Some(match (module, self) {
            (Module::Xta211, O::DeliverMessage) => return None,
            (Module::Xta211, O::SendMessage | O::SendMessageSync) => Port::SendXta,
            (
                Module::Xta211,
                O::GetStatusList | O::GetNextStatusList | O::GetMessage | O::GetNextMessage | O::Close,
            ) => Port::MsgBox,
            (Module::Xta211, _) => Port::Management,
            (Module::Core311, O::CancelMessage | O::GetNextStatusList | O::GetNextMessage) => return None,
            (Module::Core311, O::CheckAccountActive | O::GetTransportReport) => Port::TransportBase,
            (Module::Core311, O::GetStatusList | O::GetMessage | O::Close) => Port::Recipient,
            (Module::Core311, O::DeliverMessage) => Port::Reader,
            (Module::Core311, _) => Port::Sender,
        })
    }

    /// The action of a request or response; none where the module has not got the operation.
    pub fn action(self, module: Module, turn: Turn) -> Option<String> {
        let port = self.port(module)?;
        let (prefix, name) = match (module, self) {
            (Module::Core311, _) => {
                let more = if turn == Turn::Response { "Response" } else { "" };
                return Some(format!("{CORE_ACTION}{}/{}{more}", core_port(port)?, self.name(module)));
            }
            // Two operations are called otherwise on the wire than in the description.
            (_, Operation::LookupService) => (ACTION, "IsServiceAvailable"),
            (_, Operation::CreateMessageId) => (ACTION, "CreateMessageID"),
            (_, Operation::CheckAccountActive) => (ACTION, "CheckAccountActive"),
            (_, Operation::CancelMessage) => (ACTION, "CancelMessage"),
            (_, Operation::GetTransportReport) => (ACTION, "GetTransportReport"),
            (_, Operation::SendMessage) => (ACTION, "SendMessage"),
            (_, Operation::SendMessageSync) => (ACTION, "SendMessageSync"),
            (_, Operation::GetStatusList) => (BOX_ACTION, "MsgBoxStatusListRequest"),
            (_, Operation::GetNextStatusList) => (BOX_ACTION, "MsgBoxGetNextListRequest"),
            (_, Operation::GetMessage) => (BOX_ACTION, "MsgBoxFetchRequest"),
            (_, Operation::GetNextMessage) => (BOX_ACTION, "MsgBoxGetNextMsgRequest"),
            (_, Operation::Close) => (BOX_ACTION, "MsgBoxCloseRequest"),
            (_, Operation::DeliverMessage) => return None,
        };
        Some(format!("{prefix}{name}"))
    }

    /// The action of a fault that carries this exception element: the request's in 2.1.1, one of its own in core.
    pub fn fault_action(self, module: Module, element: &str) -> Option<String> {
        match module {
            Module::Xta211 => self.action(module, Turn::Response),
            Module::Core311 => Some(format!("{CORE_ACTION}{}/{element}", core_port(self.port(module)?)?)),
        }
    }

    /// The operation that a request's action names.
    pub fn of_action(action: &str) -> Option<(Module, Operation)> {
        Self::of(action, Turn::Request)
    }

    /// The operation that an action of this turn names.
    pub fn of(action: &str, turn: Turn) -> Option<(Module, Operation)> {
        let known = |module, operation: Operation| operation.action(module, turn).as_deref() == Some(action);
        [Module::Xta211, Module::Core311].into_iter().find_map(|module| {
            let found = OPERATIONS.into_iter().find(|operation| known(module, *operation));
            found.map(|operation| (module, operation))
        })
    }
}

fn core_port(port: Port) -> Option<&'static str> {
    Some(match port {
        Port::TransportBase => "core.transport.base",
        Port::Sender => "core.sender",
        Port::Recipient => "core.recipient",
        Port::Reader => "core.reader",
        Port::Management | Port::SendXta | Port::MsgBox => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_a_module_has_one_action_and_no_two_have_the_same() {
        for (module, many) in [(Module::Xta211, 12), (Module::Core311, 10)] {
            let all: Vec<_> = OPERATIONS
                .into_iter()
                .filter_map(|operation| Some((operation, operation.action(module, Turn::Request)?)))
                .collect();
            assert_eq!(all.len(), many);
            for (operation, action) in &all {
                assert_eq!(Operation::of_action(action), Some((module, *operation)), "{action}");
                assert!(operation.port(module).is_some());
            }
        }
        assert_eq!(Operation::of_action("http://www.xta.de/XTA/sendMessage"), None);
        assert_eq!(
            Operation::of_action("https://xoev.de/transport/xta/core/core.recipient/closeResponse"),
            None
        );
    }
}
