//! The messages of OSCI-Transport 1.2 by name: schema, order element, where it stands, who speaks.
//! It never looks into a message; `envelope.rs` asks it.

/// The namespace of OSCI-Transport 1.2.
pub const OSCI: &str = "http://www.osci.de/2002/04/osci";
/// The namespace of partial messages and features.
pub const OSCI2017: &str = "http://xoev.de/transport/osci12/7";
/// The namespace of SOAP 1.1.
pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of schema locations.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of XAdES.
pub const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Kind {
    InitDialog,
    ExitDialog,
    GetMessageId,
    StoreDelivery,
    FetchDelivery,
    FetchProcessCard,
    ForwardDelivery,
    AcceptDelivery,
    MediateDelivery,
    ProcessDelivery,
    PartialStoreDelivery,
    PartialFetchDelivery,
    ResponseToInitDialog,
    ResponseToExitDialog,
    ResponseToGetMessageId,
    ResponseToStoreDelivery,
    ResponseToFetchDelivery,
    ResponseToFetchProcessCard,
    ResponseToForwardDelivery,
    ResponseToAcceptDelivery,
    ResponseToMediateDelivery,
    ResponseToProcessDelivery,
    ResponseToPartialStoreDelivery,
    ResponseToPartialFetchDelivery,
}

/// Where the order element of a kind stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the header; the body holds contents or nothing.
    Header,
    /// In the body.
    Body,
}

/// Kind, name of its schema (`soap<name>.xsd`), whether its order is of 2017, where it stands.
const KINDS: &[(Kind, &str, bool, Place)] = &[
    (Kind::InitDialog, "InitDialog", false, Place::Body),
    (Kind::ExitDialog, "ExitDialog", false, Place::Body),
    (Kind::GetMessageId, "GetMessageId", false, Place::Body),
    (Kind::StoreDelivery, "StoreDelivery", false, Place::Header),
    (Kind::FetchDelivery, "FetchDelivery", false, Place::Header),
    (Kind::FetchProcessCard, "FetchProcessCard", false, Place::Body),
    (Kind::ForwardDelivery, "ForwardDelivery", false, Place::Header),
    (Kind::AcceptDelivery, "AcceptDelivery", false, Place::Header),
    (Kind::MediateDelivery, "MediateDelivery", false, Place::Header),
    (Kind::ProcessDelivery, "ProcessDelivery", false, Place::Header),
    (Kind::PartialStoreDelivery, "PartialStoreDelivery", true, Place::Header),
    (Kind::PartialFetchDelivery, "PartialFetchDelivery", true, Place::Header),
    (Kind::ResponseToInitDialog, "ResponseToInitDialog", false, Place::Body),
    (Kind::ResponseToExitDialog, "ResponseToExitDialog", false, Place::Body),
    (Kind::ResponseToGetMessageId, "ResponseToGetMessageId", false, Place::Body),
    (Kind::ResponseToStoreDelivery, "ResponseToStoreDelivery", false, Place::Header),
    (Kind::ResponseToFetchDelivery, "ResponseToFetchDelivery", false, Place::Header),
    (Kind::ResponseToFetchProcessCard, "ResponseToFetchProcessCard", false, Place::Body),
    (Kind::ResponseToForwardDelivery, "ResponseToForwardDelivery", false, Place::Header),
    (Kind::ResponseToAcceptDelivery, "ResponseToAcceptDelivery", false, Place::Header),
    (Kind::ResponseToMediateDelivery, "ResponseToMediateDelivery", false, Place::Header),
    (Kind::ResponseToProcessDelivery, "ResponseToProcessDelivery", false, Place::Header),
    (Kind::ResponseToPartialStoreDelivery, "ResponseToPartialStoreDelivery", true, Place::Header),
    (Kind::ResponseToPartialFetchDelivery, "ResponseToPartialFetchDelivery", true, Place::Header),
];

impl Kind {
    fn row(self) -> &'static (Kind, &'static str, bool, Place) {
        // Every kind has a row; the test says so.
        KINDS.iter().find(|row| row.0 == self).unwrap_or(&KINDS[0])
    }

    /// Its name, such as `ResponseToFetchDelivery`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The name of its order element: the same, with a small letter first.
    pub fn order(self) -> String {
        let name = self.name();
        format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..])
    }

    /// The namespace of its order element.
    pub fn namespace(self) -> &'static str {
        if self.row().2 { OSCI2017 } else { OSCI }
    }

    /// Where its order element stands.
    pub fn place(self) -> Place {
        self.row().3
    }

    /// Whether it answers another message.
    pub fn is_response(self) -> bool {
        self.name().starts_with("ResponseTo")
    }

    /// Whether it answers messages of another kind.
    pub fn answers(self, asked: Kind) -> bool {
        self.name().strip_prefix("ResponseTo") == Some(asked.name())
    }

    /// Whether its body may hold contents.
    pub fn has_contents(self) -> bool {
        matches!(
            self,
            Kind::StoreDelivery
                | Kind::ForwardDelivery
                | Kind::AcceptDelivery
                | Kind::MediateDelivery
                | Kind::ProcessDelivery
                | Kind::PartialStoreDelivery
                | Kind::ResponseToFetchDelivery
                | Kind::ResponseToMediateDelivery
                | Kind::ResponseToProcessDelivery
                | Kind::ResponseToPartialFetchDelivery
        )
    }

    /// The kind whose order element has this name in this namespace, at this place.
    pub fn of_order(namespace: &str, local: &str, place: Place) -> Option<Kind> {
        let rows = KINDS.iter().filter(|row| row.3 == place);
        rows.map(|row| row.0).find(|kind| kind.namespace() == namespace && kind.order() == local)
    }

    /// The kind with this name.
    pub fn of_name(name: &str) -> Option<Kind> {
        KINDS.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// The name of the schema that a schema location gives to the envelope: what stands between `soap` and `.xsd`.
pub fn schema_of(location: &str) -> Option<&str> {
    let files = location.split([' ', '\t', '\n', '\r', '/']);
    files.filter_map(|file| file.strip_prefix("soap")?.strip_suffix(".xsd")).find(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_names() {
        for (kind, name, _, place) in KINDS {
            assert_eq!((kind.name(), kind.place()), (*name, *place));
            assert_eq!(Kind::of_order(kind.namespace(), &kind.order(), *place), Some(*kind));
            assert_eq!(schema_of(&format!("urn:x  soap{name}.xsd urn:y oscisig.xsd")), Some(*name));
        }
        assert_eq!(KINDS.len(), 24);
        assert_eq!(Kind::of_order(OSCI, "storeDelivery", Place::Body), None);
        assert_eq!(Kind::of_order(OSCI2017, "storeDelivery", Place::Header), None);
        assert_eq!(schema_of("x y"), None);
    }
}
