//! A server with users: ada and bob are authors, wall is a viewer, late has a token that has expired, nobody
//! one that is not kept, and mallory guesses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use serde_json::Value;

use crate::access::{
    Access, AuditCounts, AuditSink, NewToken, OperatorToken, Role, Token, TokenRecord, Tokens, UserLimits,
};
use crate::api::ApiConfig;
use crate::api::tests::{Reply, Server};
use crate::filters::FilterError;

/// The user of the first operator's token.
pub const OPERATOR: &str = "operator";
const FIRST: &str = "correct-horse-battery-staple";

#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<TokenRecord>>>);

impl Tokens for Kept {
    fn find(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, FilterError> {
        Ok(self.0.lock().get(id).cloned())
    }

    fn list(&self) -> Result<Vec<Arc<TokenRecord>>, FilterError> {
        Ok(self.0.lock().values().cloned().collect())
    }

    fn add(&self, record: TokenRecord) -> Result<(), FilterError> {
        self.0.lock().insert(record.id.clone(), Arc::new(record));
        Ok(())
    }

    fn revoke(&self, id: &str) -> Result<Arc<TokenRecord>, FilterError> {
        self.0.lock().remove(id).ok_or_else(|| FilterError::NoToken(id.to_owned()))
    }
}

#[derive(Default)]
struct Sink(Mutex<Vec<Value>>);

impl AuditSink for Sink {
    fn publish(&self, record: Vec<u8>) {
        self.0.lock().push(serde_json::from_slice(&record).unwrap());
    }

    fn counts(&self) -> AuditCounts {
        AuditCounts::default()
    }
}

pub struct Users {
    pub server: Server,
    tokens: BTreeMap<String, Token>,
    sink: Arc<Sink>,
}

impl Users {
    pub fn new() -> Users {
        Users::with(UserLimits::default())
    }

    pub fn with(limits: UserLimits) -> Users {
        Users::at(ApiConfig::default(), limits)
    }

    /// The users of a server with these limits.
    pub fn at(config: ApiConfig, limits: UserLimits) -> Users {
        let kept = Arc::<Kept>::default();
        let mut tokens = BTreeMap::new();
        for (user, role) in
            [("ada", Role::Author), ("bob", Role::Author), ("wall", Role::Viewer), ("late", Role::Author)]
        {
            let token = Token::new().unwrap();
            let new = NewToken { user: user.to_owned(), role, expires: None, note: String::new() };
            let mut record = new.record(&token, OPERATOR, SystemTime::now()).unwrap();
            record.expires = (user == "late").then(|| "2020-01-01T00:00:00Z".to_owned());
            kept.add(record).unwrap();
            tokens.insert(user.to_owned(), token);
        }
        tokens.insert("nobody".to_owned(), Token::new().unwrap());
        Users::of(config, tokens, Some(kept), limits)
    }

    pub fn without_registry() -> Users {
        Users::of(ApiConfig::default(), [("ada".to_owned(), Token::new().unwrap())].into(), None, UserLimits::default())
    }

    fn of(config: ApiConfig, tokens: BTreeMap<String, Token>, kept: Option<Arc<Kept>>, limits: UserLimits) -> Users {
        let sink = Arc::<Sink>::default();
        let access = Access {
            operator: Some(OperatorToken::new(FIRST).unwrap()),
            tokens: kept.map(|kept| -> Arc<dyn Tokens> { kept }),
            limits,
            host: "here".to_owned(),
            audit: Some(sink.clone()),
            ..Access::default()
        };

        Users { server: Server::for_users(config, access), tokens, sink }
    }

    /// The token of a user.
    pub fn token(&self, user: &str) -> String {
        match user {
            OPERATOR => FIRST.to_owned(),
            "mallory" => "wrong-horse-battery-staple".to_owned(),
            user => self.tokens[user].text().to_owned(),
        }
    }

    /// The id of that token.
    pub fn id(&self, user: &str) -> String {
        self.tokens[user].id().to_owned()
    }

    /// Takes a user's token back.
    pub fn revoke(&self, user: &str) {
        let path = format!("/api/v1/tokens/{}", self.id(user));
        assert_eq!(self.send(OPERATOR, "DELETE", &path, "").status, 200);
    }

    /// What was recorded so far.
    pub fn records(&self) -> Vec<Value> {
        self.sink.0.lock().clone()
    }

    pub fn get(&self, user: &str, path: &str) -> Reply {
        self.send(user, "GET", path, "")
    }

    /// Sends a request of a user; the user without a name has no token.
    pub fn send(&self, user: &str, method: &str, path: &str, body: &str) -> Reply {
        let token = (!user.is_empty()).then(|| self.token(user));
        self.send_with(token.as_deref(), method, path, body)
    }

    pub fn send_with(&self, token: Option<&str>, method: &str, path: &str, body: &str) -> Reply {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        self.server.send(method, path, &headers, body)
    }
}
