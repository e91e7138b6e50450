//! What to do about an error.

use kafka_protocol::ResponseError;

use super::{About, Error};

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Remedy<'a> {
    /// Ask again, after a pause.
    Retry,
    /// Send the records again, once those of these numbers are smaller.
    Shrink(&'a [usize]),
    /// Make the producer anew, and find out whether its last transaction was committed.
    Renew,
    /// Give up, because trying again would end the same. [`Error::Fenced`] is among these.
    GiveUp,
}

impl Error {
    /// What to do about this error.
    pub(in crate::kafka) fn remedy(&self) -> Remedy<'_> {
        match self {
            Error::Unreachable { .. } | Error::Broker { .. } | Error::Unanswered(_) | Error::NotReady { .. } => {
                Remedy::Retry
            }
            Error::Attempt { .. } | Error::NotEnded { .. } | Error::NotAlone { .. } => Remedy::Retry,
            Error::Unacknowledged { forbidden: false, .. } => Remedy::Retry,
            // Another connection, or another broker, may fare better.
            Error::Answer { about: About::Broker(_), .. } => Remedy::Retry,
            Error::Answer { code, .. } => of_answer(*code),
            Error::TooLarge(records) => Remedy::Shrink(records),
            Error::InDoubt { .. } => Remedy::Renew,
            Error::Property { .. }
            | Error::Refused(_)
            | Error::Mismatch(_)
            | Error::TooOld { .. }
            | Error::NoTopic(_)
            | Error::Topic { .. }
            | Error::Change { .. }
            | Error::Forbidden { .. }
            | Error::Unreadable { .. }
            | Error::MayNotRead { .. }
            | Error::ReadingEnded { .. }
            | Error::NotCommitted { .. }
            | Error::LostOffset { .. }
            | Error::NoOffsets(_)
            | Error::Unacknowledged { forbidden: true, .. }
            | Error::StillTooLarge { .. }
            | Error::Fenced { .. }
            | Error::Stopped(_)
            | Error::Other(_) => Remedy::GiveUp,
        }
    }

    /// Whether the trouble may pass by itself, so that it makes sense to ask again.
    pub(in crate::kafka) fn may_pass(&self) -> bool {
        self.remedy() == Remedy::Retry
    }
}

/// What to do about an error that a broker answered with.
fn of_answer(code: ResponseError) -> Remedy<'static> {
    use ResponseError::*;
    match code {
        InvalidProducerEpoch | ProducerFenced | InvalidProducerIdMapping | InvalidTxnState => Remedy::Renew,
        code if code.is_retriable() => Remedy::Retry,
        _ => Remedy::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client::error::Code;

    #[test]
    fn answers_are_retried_renewed_or_given_up() {
        use ResponseError::*;
        let check = |codes: &[ResponseError], remedy| {
            for &code in codes {
                for about in [About::Transactions("a".into()), About::Group("a".into()), About::Topic("a".into())] {
                    assert_eq!(Code(code).about(about).remedy(), remedy, "{code}");
                }
            }
        };
        check(&[CoordinatorNotAvailable, NotCoordinator, CoordinatorLoadInProgress, LeaderNotAvailable], Remedy::Retry);
        check(&[InvalidProducerEpoch, ProducerFenced, InvalidProducerIdMapping, InvalidTxnState], Remedy::Renew);
        assert_eq!(Code(UnsupportedVersion).about(About::Broker("a:1".into())).remedy(), Remedy::Retry);
        check(
            &[
                TopicAuthorizationFailed,
                GroupAuthorizationFailed,
                TransactionalIdAuthorizationFailed,
                UnsupportedVersion,
            ],
            Remedy::GiveUp,
        );
    }

    #[test]
    fn only_the_host_that_lost_its_name_is_fenced() {
        let id = || "nightwatch".to_owned();
        let in_doubt = Error::InDoubt { transactional_id: id(), reason: "timed out".to_owned() };
        assert_eq!(in_doubt.remedy(), Remedy::Renew);
        assert_eq!(Error::Fenced { name: id() }.remedy(), Remedy::GiveUp);
        assert_eq!(Error::TooLarge(vec![3, 5]).remedy(), Remedy::Shrink(&[3, 5]));
    }

    #[test]
    fn a_message_says_what_it_is_about() {
        let said = |code: ResponseError, about| Code(code).about(about).to_string();
        let code = ResponseError::TopicAuthorizationFailed;
        assert_eq!(
            said(code, About::Topic("bright".into())),
            "topic \"bright\": TopicAuthorizationFailed (Kafka's error 29); the user of this host needs the right to write \
             to it"
        );
        let error = said(ResponseError::CoordinatorNotAvailable, About::Transactions("nightwatch".into()));
        assert!(
            error.starts_with("transactions of \"nightwatch\": ") && error.contains("__transaction_state"),
            "{error}"
        );
        assert_eq!(
            said(ResponseError::NetworkException, About::Broker("a:1".into())),
            "a:1: NetworkException (Kafka's error 13)"
        );
    }
}
