//! The faults of XTA: what the protocol refuses, and the exceptions that operations declare, with their codes.
//! It never quotes a message: every text that we write is ours. Of a fault that came in, only name and code decide, never its
//! class or its text, because stacks differ in both.

use std::fmt;

use super::names::{Module, Operation};

/// An exception of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Exception {
    PermissionDenied,
    TechnicalProblem,
    ParameterIsNotValid,
    InvalidMessageId,
    CancelDenied,
    MessageSchemaViolation,
    MessageVirusDetection,
    SyncAsync,
    ExternalServiceUnavailable,
    NotImplemented,
    ParameterNotSupported,
    UnsupportedExtension,
}

const EXCEPTIONS: [Exception; 12] = [
    Exception::PermissionDenied,
    Exception::TechnicalProblem,
    Exception::ParameterIsNotValid,
    Exception::InvalidMessageId,
    Exception::CancelDenied,
    Exception::MessageSchemaViolation,
    Exception::MessageVirusDetection,
    Exception::SyncAsync,
    Exception::ExternalServiceUnavailable,
    Exception::NotImplemented,
    Exception::ParameterNotSupported,
    Exception::UnsupportedExtension,
];

impl Exception {
    /// The name of its element; none where the module has not got it.
    pub fn element(self, module: Module) -> Option<&'static str> {
        let core = module == Module::Core311;
        Some(match self {
            Exception::PermissionDenied => "PermissionDeniedException",
            Exception::TechnicalProblem if core => "TechnicalProblemException",
            Exception::TechnicalProblem => "XTAWSTechnicalProblemException",
            Exception::ParameterIsNotValid => "ParameterIsNotValidException",
            Exception::InvalidMessageId => "InvalidMessageIDException",
            Exception::CancelDenied if core => return None,
            Exception::CancelDenied => "CancelDeniedException",
            Exception::MessageSchemaViolation => "MessageSchemaViolationException",
            Exception::MessageVirusDetection => "MessageVirusDetectionException",
            Exception::SyncAsync => "SyncAsyncException",
            Exception::ExternalServiceUnavailable if core => "ExternalServiceUnavailableException",
            Exception::NotImplemented if core => "NotImplementedException",
            Exception::ParameterNotSupported if core => "ParameterNotSupportedException",
            Exception::UnsupportedExtension if core => "UnsupportedExtensionException",
            _ => return None,
        })
    }

    /// The exception of this element.
    pub fn of_element(module: Module, local: &str) -> Option<Exception> {
        EXCEPTIONS.into_iter().find(|exception| exception.element(module) == Some(local))
    }

    /// Whether the module declares it for the operation.
    pub fn is_declared(self, module: Module, operation: Operation) -> bool {
        use Operation as O;
        let sends = matches!(operation, O::SendMessage | O::SendMessageSync | O::DeliverMessage);
        match self {
            Exception::PermissionDenied | Exception::TechnicalProblem => true,
            Exception::NotImplemented
            | Exception::ParameterNotSupported
            | Exception::UnsupportedExtension => module == Module::Core311,
            Exception::MessageSchemaViolation | Exception::MessageVirusDetection | Exception::SyncAsync => {
                sends
            }
            Exception::CancelDenied => operation == O::CancelMessage && module == Module::Xta211,
            Exception::ExternalServiceUnavailable => {
                module == Module::Core311 && matches!(operation, O::LookupService | O::SendMessageSync)
            }
            Exception::ParameterIsNotValid => match module {
                Module::Xta211 => sends || matches!(operation, O::LookupService | O::CancelMessage),
                Module::Core311 => sends || matches!(operation, O::LookupService | O::GetMessage | O::Close),
            },
            Exception::InvalidMessageId => match module {
                Module::Xta211 => {
                    matches!(operation, O::GetTransportReport | O::GetMessage | O::GetNextMessage | O::Close)
                }
                Module::Core311 => matches!(operation, O::GetTransportReport | O::GetMessage | O::Close),
            },
        }
    }
}

/// An exception with its code.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which exception.
    pub exception: Exception,
    /// Its code, four digits in 2.1.1.
    pub code: String,
    /// What it says; German, because clerks read it.
    pub text: String,
}

impl Problem {
    /// One of the codes of 2.1.1 with its exception and the standard's meaning; none for a code that the list has not.
    /// 9000 belongs to every exception and is made by hand.
    pub fn of(code: u16) -> Option<Problem> {
        let (exception, text) = match code {
            9010 => (Exception::PermissionDenied, "Authentifizierung oder Zertifikat abgelaufen."),
            9011 => (Exception::PermissionDenied, "Account gesperrt."),
            9012 => (Exception::PermissionDenied, "Account nicht vorhanden."),
            9013 => (Exception::PermissionDenied, "Dienst nicht gebucht."),
            9014 => (Exception::PermissionDenied, "Zertifikat passt nicht zur Absenderkennung."),
            9020 => (Exception::ParameterIsNotValid, "Keine Parameter angegeben."),
            9021 => (Exception::ParameterIsNotValid, "Keine gültige URI."),
            9022 => (Exception::ParameterIsNotValid, "Ungültige Parameterkombination."),
            9023 => (Exception::ParameterIsNotValid, "Nachricht zu groß."),
            9024 => (Exception::ParameterIsNotValid, "MessageID ist bereits vergeben."),
            9030 => (Exception::TechnicalProblem, "Interner Fehler."),
            9031 => (Exception::TechnicalProblem, "Fehler des Verzeichnisdienstes."),
            9032 => (Exception::TechnicalProblem, "Fehler bei der Zustellung."),
            9050 => (Exception::MessageSchemaViolation, "Nachricht nicht schemakonform."),
            9051 => (Exception::MessageSchemaViolation, "Falsche Kodierung der Nachricht."),
            9052 => (Exception::MessageSchemaViolation, "Nachricht verletzt das Service-Profil."),
            9060 => (Exception::MessageVirusDetection, "Schadcode gefunden."),
            9070 => (Exception::InvalidMessageId, "MessageID für den Account nicht bekannt."),
            9080 => (Exception::SyncAsync, "Nur asynchrone Übermittlung möglich."),
            9081 => (Exception::SyncAsync, "Nur synchrone Übermittlung möglich."),
            9100 => (Exception::CancelDenied, "Der Zeitpunkt NotBefore ist überschritten."),
            9101 => (Exception::CancelDenied, "Der Schalter NotBefore wurde nicht gesetzt."),
            _ => return None,
        };
        Some(Problem { exception, code: code.to_string(), text: text.to_owned() })
    }

    /// The same where the operation declares it, else a technical problem: an operation answers with nothing else.
    pub fn for_operation(self, module: Module, operation: Operation) -> Problem {
        if self.exception.is_declared(module, operation) {
            return self;
        }
        Problem { exception: Exception::TechnicalProblem, code: "9030".to_owned(), text: self.text }
    }
}

impl fmt::Debug for Problem {
    // Of a fault that came in the text is somebody else's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("exception", &self.exception)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// The class of a SOAP fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of SOAP 1.2")]
pub enum Class {
    Sender,
    Receiver,
    MustUnderstand,
    VersionMismatch,
    DataEncodingUnknown,
}

impl Class {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Class::Sender => "Sender",
            Class::Receiver => "Receiver",
            Class::MustUnderstand => "MustUnderstand",
            Class::VersionMismatch => "VersionMismatch",
            Class::DataEncodingUnknown => "DataEncodingUnknown",
        }
    }

    /// The class of this name.
    pub fn of_name(name: &str) -> Option<Class> {
        let all = [
            Class::Sender,
            Class::Receiver,
            Class::MustUnderstand,
            Class::VersionMismatch,
            Class::DataEncodingUnknown,
        ];
        all.into_iter().find(|class| class.name() == name)
    }
}

/// A SOAP fault.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its class.
    pub class: Class,
    /// Names of WS-Addressing that make it narrower, the outer first.
    pub addressing: Vec<String>,
    /// What a person reads.
    pub reason: String,
    /// The exception, if there is one.
    pub problem: Option<Box<Problem>>,
    /// Headers that must be understood and are not: namespace and name.
    pub not_understood: Vec<(String, String)>,
    /// The status that it is answered with.
    pub status: u16,
}

impl Fault {
    /// What the protocol refuses.
    pub fn sender(reason: &str) -> Fault {
        Fault {
            class: Class::Sender,
            addressing: Vec::new(),
            reason: reason.to_owned(),
            problem: None,
            not_understood: Vec::new(),
            status: 500,
        }
    }

    /// An addressing header that does not count.
    pub fn addressing(narrower: &str, reason: &str) -> Fault {
        let addressing = vec!["InvalidAddressingHeader".to_owned(), narrower.to_owned()];
        Fault { addressing, ..Fault::sender(reason) }
    }

    /// A media type that is not spoken here.
    pub fn media_type(reason: &str) -> Fault {
        Fault { status: 415, ..Fault::sender(reason) }
    }

    /// An exception of an operation.
    pub fn of(problem: Problem) -> Fault {
        Fault {
            class: Class::Receiver,
            reason: problem.text.clone(),
            problem: Some(Box::new(problem)),
            ..Fault::sender("")
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("class", &self.class)
            .field("addressing", &self.addressing)
            .field("problem", &self.problem)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::xta::names::OPERATIONS;

    #[test]
    fn every_code_of_the_list_has_its_exception() {
        let list = [
            9010, 9011, 9012, 9013, 9014, 9020, 9021, 9022, 9023, 9024, 9030, 9031, 9032, 9050, 9051, 9052,
            9060, 9070, 9080, 9081, 9100, 9101,
        ];
        for code in list {
            let problem = Problem::of(code).unwrap();
            assert_eq!(problem.code, code.to_string());
            assert!(problem.exception.element(Module::Xta211).is_some(), "{code}");
        }
        assert!((0..10000).filter(|code| Problem::of(*code).is_some()).eq(list));
    }

    #[test]
    fn an_operation_answers_with_what_it_declares() {
        let large = Problem::of(9023).unwrap();
        let sent = large.clone().for_operation(Module::Xta211, Operation::SendMessage);
        assert_eq!((sent.exception, sent.code.as_str()), (Exception::ParameterIsNotValid, "9023"));
        let listed = large.for_operation(Module::Xta211, Operation::GetStatusList);
        assert_eq!((listed.exception, listed.code.as_str()), (Exception::TechnicalProblem, "9030"));
        for module in [Module::Xta211, Module::Core311] {
            for exception in EXCEPTIONS {
                let declared = OPERATIONS
                    .into_iter()
                    .filter(|operation| operation.port(module).is_some())
                    .any(|operation| exception.is_declared(module, operation));
                assert_eq!(declared, exception.element(module).is_some(), "{module:?} {exception:?}");
                let element = exception.element(module);
                assert!(element.is_none_or(|name| Exception::of_element(module, name) == Some(exception)));
            }
        }
    }
}
