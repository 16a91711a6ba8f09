//! Ways in as rows: one for each capability, as tables and files show them.

use serde::Serialize;

use crate::{
    Surroundings,
    access::{Cause, Certainty, OnBehalf, WayIn},
    surroundings::OWN_ORGANIZATION,
};

/// One capability of a way in, in texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessRow {
    /// Who comes in, for a reader: `every principal of account 111122223333`, an ARN, a service.
    pub who: String,
    /// The kind of class: [`Who::kind`](crate::access::Who::kind).
    pub who_kind: &'static str,
    /// The account of those who come in, where they have one.
    pub who_account: Option<String>,
    /// How they stand towards the owner of the key.
    pub trust: &'static str,
    /// `access`, `delegation` or `intent`.
    pub kind: &'static str,
    /// What they can do.
    pub capability: &'static str,
    /// The actions that amount to it.
    pub actions: Vec<String>,
    /// What must hold of their requests: all of these sentences. Empty where nothing must.
    pub fence: Vec<String>,
    /// For a service: the accounts or organizations for which it must act; `unknown` where it must act for a resource whose account its ARN does not tell. Empty where it
    /// may act for whomever, and for those who are no services.
    pub on_behalf_of: Vec<String>,
    /// Of a grant, the resource that it serves.
    pub resource: Option<String>,
    /// `certain` or `unknown`.
    pub certainty: &'static str,
    /// Why it is not certain.
    pub reason: Option<String>,
    /// `statement` or `grant`.
    pub cause: &'static str,
    /// The policy that holds the statement: `default` or `AWS_RAM`.
    pub policy_name: Option<&'static str>,
    /// The statement's place in it, from 0.
    pub statement_index: Option<usize>,
    /// The grant's id.
    pub grant_id: Option<String>,
}

impl WayIn {
    /// The way in as rows, one for each capability.
    pub fn rows<'a>(&'a self, around: &Surroundings<'_>) -> impl Iterator<Item = AccessRow> + 'a {
        let who = self.who.to_string();
        let account = self.who.account(around).map(|account| account.id.to_string());
        let fence = self.fence.sentences();
        let on_behalf_of: Vec<String> = match self.on_behalf() {
            Some(OnBehalf::Accounts(accounts)) => accounts.iter().map(ToString::to_string).collect(),
            Some(OnBehalf::Organizations(ids)) => {
                ids.iter().map(|id| if **id == *OWN_ORGANIZATION { "${aws:ResourceOrgID}".to_owned() } else { id.to_string() }).collect()
            }
            Some(OnBehalf::SomeResource) => vec!["unknown".to_owned()],
            Some(OnBehalf::Anyone) | None => Vec::new(),
        };
        self.actions.capabilities().map(move |capability| AccessRow {
            who: who.clone(),
            who_kind: self.who.kind(),
            who_account: account.clone(),
            trust: self.trust.as_str(),
            kind: self.kind.as_str(),
            capability: capability.as_str(),
            actions: self.actions.of(capability).names(),
            fence: fence.clone(),
            on_behalf_of: on_behalf_of.clone(),
            resource: self.resource.clone(),
            certainty: self.certainty.as_str(),
            reason: match &self.certainty {
                Certainty::Unknown(reason) => Some(reason.to_string()),
                Certainty::Certain => None,
            },
            cause: match self.cause {
                Cause::Statement(..) => "statement",
                Cause::Grant(_) => "grant",
            },
            policy_name: match self.cause {
                Cause::Statement(name, _) => Some(name.as_str()),
                Cause::Grant(_) => None,
            },
            statement_index: match self.cause {
                Cause::Statement(_, index) => Some(index),
                Cause::Grant(_) => None,
            },
            grant_id: match &self.cause {
                Cause::Grant(id) => Some(id.to_string()),
                Cause::Statement(..) => None,
            },
        })
    }
}
