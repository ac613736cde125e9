//! A dialog with an intermediary as its client keeps it: what each order says in its ControlBlock, and whether an answer belongs to the
//! order. One order at a time.
//! It never goes on after an answer that does not belong: such a dialog is over, and another one is begun.

use thiserror::Error;

use super::kind::Kind;
use super::message::Control;

/// An answer that does not belong to its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DialogFault {
    /// It responds another challenge: it answers something else, or nothing.
    #[error("the answer responds another challenge than that of its order")]
    Response,
    /// It is of another dialog.
    #[error("the answer is of another dialog")]
    Conversation,
    /// It is of another order.
    #[error("the answer has another sequence number than its order")]
    Sequence,
    /// The dialog cannot go on: nothing to respond came.
    #[error("the answer has no challenge for the next order")]
    Challenge,
    /// The answer is one to another order.
    #[error("the answer is another one than that to the order")]
    Kind,
    /// The dialog is over, has not begun, or an order of it has no answer yet.
    #[error("no order can be given in this dialog now")]
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was said yet.
    Fresh,
    /// An order is under way.
    Asked(Kind, Control),
    /// The last answer belonged, and the next order may be given.
    Open,
    /// Nothing more may be said in it.
    Over,
}

/// A dialog.
#[derive(Debug)]
pub struct Dialog {
    explicit: bool,
    state: State,
    conversation: Option<String>,
    next: u64,
    /// The other side's last challenge.
    theirs: Option<String>,
}

impl Dialog {
    /// A dialog of one order.
    pub fn implicit() -> Dialog {
        Dialog { explicit: false, state: State::Fresh, conversation: None, next: 0, theirs: None }
    }

    /// A dialog that begins with InitDialog and ends with ExitDialog.
    pub fn explicit() -> Dialog {
        Dialog { explicit: true, ..Dialog::implicit() }
    }

    /// The ControlBlock of the next order; `challenge` was never used before.
    pub fn ask(&mut self, kind: Kind, challenge: String) -> Result<Control, DialogFault> {
        let begins = kind == Kind::InitDialog;
        let may = match (&self.state, self.explicit) {
            (State::Fresh, true) => begins,
            (State::Fresh, false) => {
                matches!(kind, Kind::GetMessageId | Kind::StoreDelivery | Kind::ForwardDelivery)
            }
            (State::Open, true) => !begins,
            _ => false,
        };
        if !may {
            self.state = State::Over;
            return Err(DialogFault::Over);
        }
        let mut control = Control { challenge: Some(challenge), ..Control::default() };
        if !begins {
            control.sequence = Some(self.next.to_string());
            self.next += 1;
        }
        if self.explicit && !begins {
            control.response.clone_from(&self.theirs);
            control.conversation.clone_from(&self.conversation);
        }
        self.state = State::Asked(kind, control.clone());
        Ok(control)
    }

    /// Hears the answer to the order under way; an error ends the dialog.
    pub fn hear(&mut self, kind: Kind, answer: &Control) -> Result<(), DialogFault> {
        let State::Asked(asked, own) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(DialogFault::Over);
        };
        if !kind.answers(asked) {
            return Err(DialogFault::Kind);
        }
        if answer.response.is_none() || answer.response != own.challenge {
            return Err(DialogFault::Response);
        }
        if answer.sequence.is_some() && own.sequence.is_some() && answer.sequence != own.sequence {
            return Err(DialogFault::Sequence);
        }
        if !self.explicit {
            return Ok(());
        }
        match asked {
            Kind::InitDialog => {
                let conversation = answer.conversation.clone().ok_or(DialogFault::Conversation)?;
                self.conversation = Some(conversation);
            }
            _ if answer.conversation != self.conversation => return Err(DialogFault::Conversation),
            _ => {}
        }
        if asked == Kind::ExitDialog {
            return Ok(());
        }
        self.theirs = Some(answer.challenge.clone().ok_or(DialogFault::Challenge)?);
        self.state = State::Open;
        Ok(())
    }

    /// Whether another order may be given.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Nothing more may be said in it.
    pub fn drop_it(&mut self) {
        self.state = State::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(response: &str, challenge: &str, conversation: &str, sequence: Option<&str>) -> Control {
        Control {
            response: Some(response.to_owned()),
            challenge: Some(challenge.to_owned()),
            conversation: Some(conversation.to_owned()),
            sequence: sequence.map(str::to_owned),
        }
    }

    fn begun() -> Dialog {
        let mut dialog = Dialog::explicit();
        let asked = dialog.ask(Kind::InitDialog, "a".to_owned()).unwrap();
        let bare = Control { challenge: Some("a".to_owned()), ..Control::default() };
        assert_eq!(asked, bare);
        dialog
            .hear(Kind::ResponseToInitDialog, &answer("a", "A", "15046421655574414481635396274987", None))
            .unwrap();
        dialog
    }

    #[test]
    fn orders_of_a_dialog_are_numbered_and_respond_what_came_last() {
        const C: &str = "15046421655574414481635396274987";
        let mut dialog = begun();
        for (sequence, kind, heard, theirs) in [
            ("0", Kind::FetchProcessCard, Kind::ResponseToFetchProcessCard, "A"),
            ("1", Kind::FetchDelivery, Kind::ResponseToFetchDelivery, "B0"),
            ("2", Kind::ExitDialog, Kind::ResponseToExitDialog, "B1"),
        ] {
            let asked = dialog.ask(kind, format!("b{sequence}")).unwrap();
            assert_eq!(asked, answer(theirs, &format!("b{sequence}"), C, Some(sequence)));
            let said = answer(&format!("b{sequence}"), &format!("B{sequence}"), C, Some(sequence));
            dialog.hear(heard, &said).unwrap();
        }
        assert_eq!(dialog.ask(Kind::FetchDelivery, "x".to_owned()), Err(DialogFault::Over));
        // One order at a time.
        let mut dialog = begun();
        dialog.ask(Kind::FetchDelivery, "b".to_owned()).unwrap();
        assert_eq!(dialog.ask(Kind::ExitDialog, "c".to_owned()), Err(DialogFault::Over));
    }

    #[test]
    fn an_answer_that_does_not_belong_ends_the_dialog() {
        const C: &str = "15046421655574414481635396274987";
        for (kind, heard, expected) in [
            (Kind::ResponseToFetchDelivery, answer("other", "B", C, Some("0")), DialogFault::Response),
            (Kind::ResponseToFetchDelivery, answer("b", "B", "7", Some("0")), DialogFault::Conversation),
            (Kind::ResponseToFetchDelivery, answer("b", "B", C, Some("1")), DialogFault::Sequence),
            (Kind::ResponseToFetchProcessCard, answer("b", "B", C, Some("0")), DialogFault::Kind),
            (Kind::FetchDelivery, answer("b", "B", C, Some("0")), DialogFault::Kind),
            (
                Kind::ResponseToFetchDelivery,
                Control { challenge: None, ..answer("b", "B", C, Some("0")) },
                DialogFault::Challenge,
            ),
            (
                Kind::ResponseToFetchDelivery,
                Control { response: None, ..answer("b", "B", C, Some("0")) },
                DialogFault::Response,
            ),
        ] {
            let mut dialog = begun();
            dialog.ask(Kind::FetchDelivery, "b".to_owned()).unwrap();
            assert_eq!(dialog.hear(kind, &heard), Err(expected));
            assert!(!dialog.is_open());
            assert_eq!(dialog.ask(Kind::ExitDialog, "c".to_owned()), Err(DialogFault::Over));
        }
        let mut implicit = Dialog::implicit();
        assert_eq!(implicit.ask(Kind::FetchDelivery, "a".to_owned()), Err(DialogFault::Over));
        let mut implicit = Dialog::implicit();
        let asked = implicit.ask(Kind::GetMessageId, "a".to_owned()).unwrap();
        assert_eq!((asked.response, asked.conversation, asked.sequence.as_deref()), (None, None, Some("0")));
        implicit.hear(Kind::ResponseToGetMessageId, &answer("a", "A", "9", Some("0"))).unwrap();
        assert_eq!(implicit.ask(Kind::StoreDelivery, "b".to_owned()), Err(DialogFault::Over));
    }
}
