//! What the agent asks, and what the broker makes of it.

use crate::authorise::{self, Facts, Permit, Refusal, refuse};
use crate::hosts::{self, Asked, Host, Key, Purpose};
use crate::messages::LogonAnswer;
use crate::serve::{Broker, now_us};
use reeve_privilege::lookup;
use reeve_seal::digest::sha256;
use reeve_seal::envelope::open_envelope;
use reeve_secret::Secret;
use reeve_sys::packet;
use reeve_wire::Message;
use reeve_wire::action::ActionTemplate;
use reeve_wire::broker::{
    AgentRequest, Applied, BrokerEvent, Checked, HostDown, HostStart, HostUp, Run, RunRefused, RunStarted, State,
};
use reeve_wire::limits::{ACTION_TEMPLATE_BYTES_MAX, HOSTS_MAX, IDENTITY_MAX_AGE_S};
use reeve_wire::signed::{Envelope, Manifest, ManifestAccount, Receipt, ReceiptKind, Signed, context};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Templates kept at most.
const TEMPLATES_MAX: usize = 10_000;

impl Broker {
    /// Carries one request out.
    pub(crate) fn obey(&mut self, request: AgentRequest) {
        match request {
            AgentRequest::Manifest(signed) => self.take_manifest(signed),
            AgentRequest::Envelope(bytes) => self.take_envelope(&bytes),
            AgentRequest::Template(bytes) => self.take_template(bytes),
            AgentRequest::Run(run) => {
                let id = run.run;
                if let Err(refusal) = self.run(run) {
                    self.refuse_run(id, refusal);
                }
            }
            AgentRequest::Cancel(cancel) => {
                for host in &mut self.hosts {
                    // A host that cannot be told is gone, and its runs with it.
                    let _ = host.cancel(cancel.run);
                }
                for logon in &mut self.logons {
                    if let Purpose::Host { waiting, .. } = &mut logon.purpose {
                        waiting.retain(|r| r.run != cancel.run);
                    }
                }
            }
            AgentRequest::Check(check) => self.check(&check.account, check.token),
            AgentRequest::State(_) => self.tell_state(),
        }
    }

    /// A new connection: what is held, what was erased, and how things stand.
    pub(crate) fn greet(&mut self) {
        for receipt in self.disk.evictions() {
            self.tell(BrokerEvent::Receipt(receipt), Vec::new());
        }
        if let Some((_, manifest)) = self.manifest.clone() {
            let held: Vec<ManifestAccount> = manifest.accounts.into_iter().filter(|a| self.holds(a)).collect();
            for account in held {
                let receipt = self.receipt(&account.account, account.version, ReceiptKind::Hold, &account.envelope);
                self.tell(BrokerEvent::Receipt(receipt), Vec::new());
            }
        }
        self.tell_state();
    }

    fn holds(&self, account: &ManifestAccount) -> bool {
        !account.envelope.is_empty() && self.disk.envelope(&account.envelope).is_some()
    }

    fn epoch(&self) -> u64 {
        self.manifest.as_ref().map_or(0, |(_, m)| m.epoch)
    }

    fn wanted(&self) -> Vec<Vec<u8>> {
        let accounts = self.manifest.iter().flat_map(|(_, m)| &m.accounts);
        accounts.filter(|a| !a.envelope.is_empty() && !self.holds(a)).map(|a| a.envelope.clone()).collect()
    }

    fn tell_state(&mut self) {
        let policy_problem = self.policy.current().err().map(str::to_owned).unwrap_or_default();
        let accounts: Vec<ManifestAccount> = self.manifest.iter().flat_map(|(_, m)| m.accounts.clone()).collect();
        let mut locked_down = Vec::new();
        for account in &accounts {
            let refused = match self.policy.current() {
                Ok(policy) => policy.refuses(&account.logon_name, &account.kind).is_some(),
                Err(_) => true,
            };
            // `Local System` is refused nearly everywhere; that is not news.
            if refused && account.kind != "local-system" {
                locked_down.push(account.logon_name.clone());
            }
        }
        let envelopes = accounts.iter().filter(|a| self.holds(a)).map(|a| a.envelope.clone()).collect();
        let state = State {
            epoch: self.epoch(),
            manifest: self.manifest.as_ref().map(|(s, _)| sha256(&s.bytes).to_bytes()).unwrap_or_default(),
            envelopes,
            envelopes_wanted: self.wanted(),
            locked_down,
            missing_layers: self.missing_layers(),
            policy_problem,
            templates: self.templates.keys().cloned().collect(),
        };
        self.tell(BrokerEvent::State(state), Vec::new());
    }

    fn applied(&mut self, digest: Vec<u8>, refusal: String) {
        let applied = Applied { digest, refusal, epoch: self.epoch(), envelopes_wanted: self.wanted() };
        self.tell(BrokerEvent::Applied(applied), Vec::new());
    }

    fn receipt(&self, account: &[u8], version: u64, kind: ReceiptKind, envelope: &[u8]) -> Signed {
        let receipt = Receipt {
            health_service: self.trust.as_ref().map(|t| t.health_service.clone()).unwrap_or_default(),
            account: account.to_vec(),
            version,
            kind: kind.into(),
            time_us: now_us(),
            envelope: envelope.to_vec(),
            epoch: self.epoch(),
        };
        self.keys.receipts.sign(context::RECEIPT, receipt.encode_to_vec())
    }

    fn take_manifest(&mut self, signed: Signed) {
        let digest = sha256(&signed.bytes).to_bytes();
        let refusal = self.try_manifest(signed).err().map(|why| format!("the manifest is refused: {why}")).unwrap_or_default();
        self.applied(digest, refusal);
        self.tell_state();
    }

    fn try_manifest(&mut self, signed: Signed) -> Result<(), String> {
        let trust = self.trust.clone().ok_or_else(|| match self.trust_problem.is_empty() {
            true => "this computer has not joined a management group".to_owned(),
            false => self.trust_problem.clone(),
        })?;
        let in_force = self.manifest.as_ref().map(|(s, _)| s);
        let manifest = authorise::accept(
            &signed,
            &trust.keeper_key,
            &trust.management_group,
            &trust.health_service,
            self.notes.epoch,
            in_force,
            now_us(),
        )?;
        let full = |error: std::io::Error| format!("it cannot be stored: {error}");
        // The mark first: whatever happens next, nothing older is believed.
        self.notes.epoch = self.notes.epoch.max(manifest.epoch);
        self.disk.put_notes(&mut self.notes, now_us()).map_err(full)?;
        self.disk.put_manifest(&signed).map_err(full)?;
        self.manifest = Some((signed, manifest.clone()));
        self.withdraw(&manifest)
    }

    /// Erases what the manifest no longer lists, ends its hosts, and signs for it.
    fn withdraw(&mut self, manifest: &Manifest) -> Result<(), String> {
        let full = |error: std::io::Error| format!("withdrawn credentials cannot be erased: {error}");
        let is_listed = |account: &[u8]| manifest.accounts.iter().any(|a| a.account == account);
        for index in (0..self.hosts.len()).rev() {
            let key = &self.hosts[index].key;
            let current = manifest.accounts.iter().find(|a| a.account == key.account);
            let is_stale = match (&key.account, current) {
                (account, _) if account.is_empty() => self.hosts[index].logon_name != manifest.default_action_account,
                (_, None) => true,
                // A new version: the old host goes once the new credential is here.
                (_, Some(account)) => account.version != key.version && self.holds(account),
            };
            if is_stale {
                self.end_host(index, "its account was withdrawn or changed");
            }
        }
        // The old version of an account that is listed with a new one goes as well: a host that runs goes on with
        // the logon it has until the new credential is here.
        let mut keep: Vec<Vec<u8>> = manifest.accounts.iter().map(|a| a.envelope.clone()).filter(|e| !e.is_empty()).collect();
        keep.sort();
        self.disk.keep_envelopes(&keep).map_err(full)?;
        let gone: Vec<(String, u64)> = self
            .notes
            .held
            .iter()
            .filter(|(account, _)| !hex::decode(account).is_ok_and(|a| is_listed(&a)))
            .map(|(account, version)| (account.clone(), *version))
            .collect();
        for (account, version) in gone {
            let receipt = self.receipt(&hex::decode(&account).unwrap_or_default(), version, ReceiptKind::Evict, &[]);
            self.disk.put_eviction(&account, &receipt).map_err(full)?;
            self.notes.held.remove(&account);
            self.notes.latched.remove(&account);
            self.disk.put_notes(&mut self.notes, now_us()).map_err(full)?;
            self.tell(BrokerEvent::Receipt(receipt), Vec::new());
        }
        Ok(())
    }

    fn take_envelope(&mut self, bytes: &[u8]) {
        let digest = sha256(bytes).to_bytes();
        let refusal = match self.try_envelope(bytes, &digest) {
            Ok(receipt) => {
                self.tell(BrokerEvent::Receipt(receipt), Vec::new());
                String::new()
            }
            Err(why) => format!("the credential is refused: {why}"),
        };
        self.applied(digest, refusal);
    }

    fn try_envelope(&mut self, bytes: &[u8], digest: &[u8]) -> Result<Signed, String> {
        let listed = self.manifest.as_ref().and_then(|(_, m)| m.accounts.iter().find(|a| a.envelope == digest)).cloned();
        let account = listed.ok_or_else(|| "the manifest does not list it".to_owned())?;
        // Opened once to see that it is what it says; the secret is wiped at once.
        drop(self.open(bytes, &account)?);
        self.disk.put_envelope(digest, bytes).map_err(|e| format!("it cannot be stored: {e}"))?;
        let key = hex::encode(&account.account);
        self.disk.forget_eviction(&key);
        self.notes.held.insert(key, account.version);
        self.disk.put_notes(&mut self.notes, now_us()).map_err(|e| format!("it cannot be noted: {e}"))?;
        // A host that logged on with an earlier version goes now.
        for index in (0..self.hosts.len()).rev() {
            let held = &self.hosts[index].key;
            if held.account == account.account && held.version != account.version {
                self.end_host(index, "its account has a new credential");
            }
        }
        Ok(self.receipt(&account.account, account.version, ReceiptKind::Hold, digest))
    }

    fn open(&self, bytes: &[u8], account: &ManifestAccount) -> Result<Secret, String> {
        let trust = self.trust.as_ref().ok_or("this computer has not joined a management group")?;
        let envelope = Envelope::decode(bytes).map_err(|_| "it cannot be read")?;
        let (header, secret) = open_envelope(&self.keys.sealing, &envelope).map_err(|e| e.to_string())?;
        let is_it = header.management_group == trust.management_group
            && header.health_service == trust.health_service
            && header.account == account.account
            && header.version == account.version
            && header.kind == account.kind
            && header.logon_name == account.logon_name
            && header.usages.iter().any(|u| u == "logon")
            && (header.not_after_us == 0 || header.not_after_us > now_us());
        if is_it { Ok(secret) } else { Err("it is not for this computer, account and version".to_owned()) }
    }

    fn take_template(&mut self, bytes: Vec<u8>) {
        let digest = sha256(&bytes).to_bytes();
        let refusal = if bytes.len() > ACTION_TEMPLATE_BYTES_MAX {
            "the template is too large"
        } else if ActionTemplate::decode(bytes.as_slice()).is_err() {
            "the template cannot be read"
        } else {
            if self.templates.len() >= TEMPLATES_MAX {
                // What the manifest lists stays; orders bring their template along.
                let listed: Vec<&Vec<u8>> = self.manifest.iter().flat_map(|(_, m)| &m.runs).map(|r| &r.template).collect();
                self.templates.retain(|digest, _| listed.contains(&digest));
            }
            self.templates.insert(digest.clone(), bytes);
            ""
        };
        self.applied(digest, refusal.to_owned());
    }

    fn refuse_run(&mut self, run: u64, refusal: Refusal) {
        let refused = RunRefused { run, event: refusal.event, message: refusal.message };
        self.tell(BrokerEvent::RunRefused(refused), Vec::new());
    }

    fn permit(&self, run: &Run) -> Result<Permit, Refusal> {
        let trust = self.trust.as_ref().ok_or_else(|| refuse(1102, "this computer has not joined a management group"))?;
        let is_used = |nonce: &[u8]| self.notes.nonces.contains_key(&hex::encode(nonce));
        authorise::permit(
            &Facts {
                manifest: self.manifest.as_ref().map(|(_, m)| m),
                keeper_key: &trust.keeper_key,
                management_group: &trust.management_group,
                health_service: &trust.health_service,
                now_us: now_us(),
                is_used: &is_used,
            },
            run,
        )
    }

    fn run(&mut self, run: Run) -> Result<(), Refusal> {
        let permit = self.permit(&run)?;
        if !self.templates.contains_key(&run.template) {
            return Err(refuse(1102, "the template of the run is not here"));
        }
        let (key, logon_name, kind, name) = self.who(permit.account.as_ref())?;
        self.check_policy(permit.account.is_some(), &logon_name, &kind)?;
        if let Some((nonce, end)) = permit.nonce {
            // Remembered before it is used: a crash in between costs a run, not a replay.
            self.notes.nonces.insert(hex::encode(nonce), end);
            self.disk
                .put_notes(&mut self.notes, now_us())
                .map_err(|e| refuse(1102, format!("the task order cannot be noted: {e}")))?;
        }
        if let Some(index) = self.hosts.iter().position(|h| h.key == key) {
            self.check_identity(index)?;
            if let Some(index) = self.hosts.iter().position(|h| h.key == key) {
                return self.hand_over(index, run);
            }
        }
        for logon in &mut self.logons {
            if let (true, Purpose::Host { waiting, .. }) = (logon.key == key, &mut logon.purpose) {
                waiting.push(run);
                return Ok(());
            }
        }
        self.log_on(key, &logon_name, &name, permit.account, run)
    }

    /// The identity of a run: key, logon name, type word, name for people.
    fn who(&self, account: Option<&ManifestAccount>) -> Result<(Key, String, String, String), Refusal> {
        match account {
            Some(a) => {
                let key = Key { account: a.account.clone(), version: a.version };
                if let Some((version, event, message)) = self.notes.latched.get(&hex::encode(&a.account))
                    && *version == a.version
                {
                    return Err(refuse(*event, format!("{message} (not tried again until it is changed or checked)")));
                }
                Ok((key, a.logon_name.clone(), a.kind.clone(), a.name.clone()))
            }
            None => {
                let user = self.manifest.as_ref().map(|(_, m)| m.default_action_account.clone()).unwrap_or_default();
                Ok((Key { account: Vec::new(), version: 0 }, user, "action".to_owned(), "default action account".to_owned()))
            }
        }
    }

    fn check_policy(&mut self, is_account: bool, logon_name: &str, kind: &str) -> Result<(), Refusal> {
        match self.policy.current() {
            Ok(policy) => match policy.refuses(logon_name, kind) {
                Some(why) => Err(refuse(7017, why)),
                None => Ok(()),
            },
            // The default action account is the computer's own choice; it goes on.
            Err(problem) if is_account => Err(refuse(7017, problem)),
            Err(_) => Ok(()),
        }
    }

    /// An identity is resolved again at most a minute before a run; a change ends the host and refuses.
    fn check_identity(&mut self, index: usize) -> Result<(), Refusal> {
        let host = &mut self.hosts[index];
        if host.checked.elapsed() < Duration::from_secs(IDENTITY_MAX_AGE_S) {
            return Ok(());
        }
        host.checked = Instant::now();
        let name = host.logon_name.clone();
        let is_same = lookup(&name).is_ok_and(|now| {
            now.uid == host.who.uid && now.gid == host.who.gid && now.groups == host.who.groups && now.name == host.who.user
        });
        if is_same {
            return Ok(());
        }
        self.end_host(index, "its user changed or vanished");
        Err(refuse(1102, format!("the user {name} changed or vanished; it is logged on anew for the next run")))
    }

    fn hand_over(&mut self, index: usize, run: Run) -> Result<(), Refusal> {
        let id = run.run;
        let template = self.templates.get(&run.template).cloned().unwrap_or_default();
        let host = &mut self.hosts[index];
        let number = host.number;
        if host.run(run, &template).is_err() {
            self.end_host(index, "it does not take orders");
            return Err(refuse(1102, "the host ended; the run is tried again with a new one"));
        }
        self.tell(BrokerEvent::RunStarted(RunStarted { run: id, host: number }), Vec::new());
        Ok(())
    }

    fn password(&self, account: &ManifestAccount) -> Result<Option<Secret>, Refusal> {
        if account.envelope.is_empty() {
            return Ok(None);
        }
        let bytes = self
            .disk
            .envelope(&account.envelope)
            .ok_or_else(|| refuse(1108, format!("the credential of {} is not here yet", account.name)))?;
        self.open(&bytes, account).map(Some).map_err(|why| refuse(1108, format!("the credential of {}: {why}", account.name)))
    }

    fn log_on(
        &mut self,
        key: Key,
        logon_name: &str,
        name: &str,
        account: Option<ManifestAccount>,
        run: Run,
    ) -> Result<(), Refusal> {
        if self.hosts.len() + self.logons.len() >= HOSTS_MAX {
            return Err(refuse(1102, format!("{HOSTS_MAX} accounts are in use on this computer already")));
        }
        let password = account.as_ref().map(|a| self.password(a)).transpose()?.flatten();
        let allow_root = self.policy.current().is_ok_and(|p| p.allow_root);
        self.hosts_made += 1;
        let group_name = format!("host-{}", self.hosts_made);
        let service = self.arguments.pam_service.clone();
        let host_program = self.arguments.host_program.to_string_lossy().into_owned();
        let asked = Asked {
            key,
            name,
            logon_name,
            password: password.as_ref(),
            service: &service,
            host_program: &host_program,
            allow_root,
        };
        let started = hosts::start_host(&mut self.spawner, asked, self.group.as_ref(), group_name, run)
            .map_err(|e| refuse(1102, format!("a logon process cannot be started: {e}")))?;
        self.logons.push(started);
        Ok(())
    }

    /// A logon process answered, ended, or took too long.
    pub(crate) fn logon_answered(&mut self, index: usize) {
        let mut buffer = Vec::new();
        let received = packet::recv_with_fds(&self.logons[index].socket, &mut buffer, 64 << 10);
        if let Err(error) = &received
            && error.kind() == std::io::ErrorKind::WouldBlock
            && Instant::now() < self.logons[index].until
        {
            return;
        }
        let logon = self.logons.swap_remove(index);
        let answer = match received {
            Ok(Some(_)) => LogonAnswer::decode(buffer.as_slice()).unwrap_or_else(|_| broken("the logon process talked nonsense")),
            Ok(None) => broken("the logon process crashed; a PAM module may be broken"),
            Err(_) => broken("the logon took too long; is a directory away?"),
        };
        let is_definite = answer.event != 0 && !answer.inconclusive;
        if is_definite && !logon.key.account.is_empty() && matches!(answer.event, 7000 | 7002) {
            self.latch(&logon.key, &answer);
        }
        if answer.event == 0 {
            self.notes.latched.remove(&hex::encode(&logon.key.account));
        }
        match logon.purpose {
            Purpose::Check { token } => {
                let _ = logon.process.wait();
                self.checked(&logon.key, token, &answer);
            }
            Purpose::Host { waiting, control, output, group, group_name } if answer.event == 0 => {
                self.hosts_made += 1;
                let number = self.hosts_made;
                let (ours, theirs) = output;
                let logon_name = match logon.key.account.is_empty() {
                    true => self.manifest.as_ref().map(|(_, m)| m.default_action_account.clone()).unwrap_or_default(),
                    false => answer.user.clone(),
                };
                let mut host = Host {
                    number,
                    key: logon.key.clone(),
                    logon: logon.process,
                    _logon_socket: logon.socket,
                    control,
                    templates: Default::default(),
                    group_name,
                    last_used: Instant::now(),
                    checked: Instant::now(),
                    who: answer.clone(),
                    logon_name: self.logon_name_of(&logon.key).unwrap_or(logon_name),
                };
                let policy = self.policy.current().cloned().unwrap_or_default();
                let start = HostStart {
                    open_box: policy.is_open_box(&host.logon_name),
                    user: answer.user.clone(),
                    home: answer.home.clone(),
                    cgroup: host.group_name.clone(),
                    shell_characters: policy.shell_characters.clone(),
                };
                let group_fd = group.as_ref().and_then(|g| g.as_fd().try_clone_to_owned().ok());
                let begun = host.begin(start, theirs, group_fd);
                self.hosts.push(host);
                let last = self.hosts.len() - 1;
                if begun.is_err() {
                    self.end_host(last, "it did not start");
                    return;
                }
                let up = HostUp {
                    host: number,
                    account: logon.key.account.clone(),
                    version: logon.key.version,
                    uid: answer.uid,
                    user: answer.user,
                };
                self.tell(BrokerEvent::HostUp(up), vec![ours]);
                for run in waiting {
                    let id = run.run;
                    // Each run is handed over to the host as it is now: one of them may have ended it.
                    let index = self.hosts.iter().position(|h| h.number == number);
                    let result = index.map_or_else(|| Err(refuse(1102, "the host ended")), |i| self.hand_over(i, run));
                    if let Err(refusal) = result {
                        self.refuse_run(id, refusal);
                    }
                }
            }
            Purpose::Host { waiting, control, group, group_name, .. } => {
                drop((control, group));
                logon.process.kill();
                let _ = logon.process.wait();
                if let Some(root) = &self.group {
                    hosts::remove_group(root, &group_name);
                }
                for run in waiting {
                    self.refuse_run(run.run, refuse(answer.event, format!("{}: {}", logon.name, answer.message)));
                }
            }
        }
    }

    fn logon_name_of(&self, key: &Key) -> Option<String> {
        let (_, manifest) = self.manifest.as_ref()?;
        manifest.accounts.iter().find(|a| a.account == key.account).map(|a| a.logon_name.clone())
    }

    fn latch(&mut self, key: &Key, answer: &LogonAnswer) {
        self.notes.latched.insert(hex::encode(&key.account), (key.version, answer.event, answer.message.clone()));
        if let Err(error) = self.disk.put_notes(&mut self.notes, now_us()) {
            eprintln!("reeve-broker: a failed logon cannot be noted: {error}");
        }
    }

    fn check(&mut self, account: &[u8], token: u64) {
        let found = self.manifest.as_ref().and_then(|(_, m)| m.accounts.iter().find(|a| a.account == account)).cloned();
        let key = Key { account: account.to_vec(), version: found.as_ref().map_or(0, |a| a.version) };
        let refused = |refusal: Refusal| LogonAnswer { event: refusal.event, message: refusal.message, ..LogonAnswer::default() };
        let Some(found) = found else {
            let answer = refused(refuse(1108, "the account is not distributed to this computer"));
            return self.checked(&key, token, &answer);
        };
        let prepared = self
            .check_policy(true, &found.logon_name, &found.kind)
            .and_then(|()| self.password(&found));
        let password = match prepared {
            Ok(password) => password,
            Err(refusal) => return self.checked(&key, token, &refused(refusal)),
        };
        let service = self.arguments.pam_service.clone();
        let allow_root = self.policy.current().is_ok_and(|p| p.allow_root);
        let asked = Asked {
            key: key.clone(),
            name: &found.name,
            logon_name: &found.logon_name,
            password: password.as_ref(),
            service: &service,
            host_program: "",
            allow_root,
        };
        match hosts::start_check(&mut self.spawner, asked, token) {
            Ok(logon) => self.logons.push(logon),
            Err(error) => {
                let answer = broken(&format!("a logon process cannot be started: {error}"));
                self.checked(&key, token, &answer);
            }
        }
    }

    /// The answer to a check. A credential that is definitely bad stops its host; the others go on.
    fn checked(&mut self, key: &Key, token: u64, answer: &LogonAnswer) {
        if answer.event != 0 && !answer.inconclusive {
            for index in (0..self.hosts.len()).rev() {
                if self.hosts[index].key.account == key.account {
                    self.end_host(index, "its account cannot log on any more");
                }
            }
        }
        let checked = Checked {
            token,
            account: key.account.clone(),
            version: key.version,
            event: answer.event,
            message: answer.message.clone(),
            inconclusive: answer.inconclusive,
        };
        self.tell(BrokerEvent::Checked(checked), Vec::new());
    }

    /// Ends a host; the agent hears that its runs are lost.
    pub(crate) fn end_host(&mut self, index: usize, reason: &str) {
        let host = self.hosts.swap_remove(index);
        let down = HostDown { host: host.number, reason: reason.to_owned() };
        hosts::end(self.group.as_ref(), host);
        self.tell(BrokerEvent::HostDown(down), Vec::new());
    }
}

fn broken(message: &str) -> LogonAnswer {
    LogonAnswer { event: 1102, message: message.to_owned(), inconclusive: true, ..LogonAnswer::default() }
}
