//! How this machine is enrolled: read by its components, or named by an exact text.

use std::path::Path;

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::{
    EnrolError, Enrolment, Fingerprint, Fp1, Profile, ReadOptions, Reading, ReadingState, Surroundings, Weak, enrol,
    short_id,
};

use crate::failure::Failure;
use crate::machine::{self, Source};
use crate::random;
use crate::render::Terminal;

/// Says how this machine is enrolled.
#[derive(Args, Debug)]
pub(crate) struct Enrol {
    /// The product that the fingerprint is for; those of two products cannot be linked
    #[arg(long)]
    pub(crate) product: Option<String>,
    /// A physical machine, which may be repaired, or a virtual one, whose copy must be told from it [default: host]
    #[arg(long, value_name = "KIND", value_parser = ["host", "vm"])]
    profile: Option<String>,
    /// Accept that a single component identifies this machine
    #[arg(long)]
    allow_weak: bool,
    /// An exact fingerprint instead of components: a text, or @FILE; with --against this machine's, else that of
    /// `MINTAGE_FINGERPRINT` or of the file `MINTAGE_FINGERPRINT_FILE`
    #[arg(long, visible_alias = "fingerprint", value_name = "VALUE")]
    pub(crate) fingerprint_value: Option<String>,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// A fingerprint whose salt and product are to be used again, so that digests can be compared.
#[derive(Debug)]
pub(crate) enum Like<'a> {
    /// None; the same license is to give the same salt each time.
    Salt([u8; 16]),
    /// The one that the license is bound to.
    License(Fp1),
    /// One that was named.
    Named(Fp1, &'a Path),
}

impl Like<'_> {
    fn fp1(&self) -> Option<&Fp1> {
        match self {
            Self::License(fp1) | Self::Named(fp1, _) => Some(fp1),
            Self::Salt(_) => None,
        }
    }
}

impl Enrol {
    /// Reads this machine's fingerprint.
    pub(crate) fn fingerprint(&self, like: Option<&Like<'_>>, terminal: &Terminal) -> anyhow::Result<Fingerprint> {
        match &self.fingerprint_value {
            Some(value) => self.exact(value, like, terminal),
            None => self.components(like, terminal).map(Fingerprint::Fp1),
        }
    }

    /// Takes a text as the fingerprint that it is.
    fn exact(&self, value: &str, like: Option<&Like<'_>>, terminal: &Terminal) -> anyhow::Result<Fingerprint> {
        let components = !self.source.component.is_empty() || self.source.privileged || self.allow_weak;
        if components || self.profile.is_some() || matches!(like, Some(Like::Named(..))) {
            let message = "an exact fingerprint has no components, product, profile or salt";
            let hint = "leave out either --fingerprint-value or the rest";
            return Err(Failure::new(Code::Usage, message).hint(hint).into());
        }
        let text = machine::exact(Some(value), terminal)?.unwrap_or_default();
        let fingerprint = Fingerprint::exact(&text, "fingerprint").map_err(|_| {
            let message = format!("--fingerprint-value is `{text}`, which cannot be compared byte for byte");
            let hint = "give 1 to 1024 bytes without control characters or outer white space";
            Failure::new(Code::Usage, message).hint(hint)
        })?;
        let host = self.source.linux().and_then(|linux| linux.host_name());
        if host.is_some_and(|host| is_host_name(&text, &host)) {
            terminal.warning("this is the host name, which can be changed and which other machines may have too");
        }
        Ok(fingerprint)
    }

    /// Enrols this machine by its components.
    fn components(&self, like: Option<&Like<'_>>, terminal: &Terminal) -> anyhow::Result<Fp1> {
        let enrolment = self.enrolment(like)?;
        let readings = self.read(&enrolment, like)?;
        let fp1 = enrol(&readings, &enrolment).map_err(explained)?;
        tell(&fp1, &readings, terminal);
        warn(&fp1, &self.source, like, terminal);
        Ok(fp1)
    }

    pub(crate) fn enrolment(&self, like: Option<&Like<'_>>) -> anyhow::Result<Enrolment> {
        let own = like.and_then(Like::fp1);
        let product = match (&self.product, like) {
            (Some(product), Some(Like::Named(like, _))) if *product != like.product => {
                let message =
                    format!("--salt-from is for the product `{}`, and --product says `{product}`", like.product);
                let hint = "leave out --product; digests of two products cannot be compared";
                return Err(Failure::new(Code::Usage, message).hint(hint).into());
            }
            (product, _) => own.map_or_else(|| product.clone().unwrap_or_default(), |own| own.product.clone()),
        };
        let profile = self.profile.as_deref().and_then(Profile::parse);
        Ok(Enrolment {
            product,
            profile: profile.or(own.map(|like| like.profile)).unwrap_or_default(),
            salt: match like {
                Some(Like::License(fp1) | Like::Named(fp1, _)) => fp1.salt,
                Some(Like::Salt(salt)) => *salt,
                None => random::bytes()?,
            },
            weak: if self.allow_weak { Weak::Allow } else { Weak::Refuse },
        })
    }

    pub(crate) fn read(&self, enrolment: &Enrolment, like: Option<&Like<'_>>) -> anyhow::Result<Vec<Reading>> {
        let options = match like {
            // What the license is bound to is read too, where that takes more rights.
            Some(Like::License(fp1)) => Fingerprint::Fp1(fp1.clone()).read_options(),
            _ => ReadOptions::default(),
        };
        self.source.read(ReadOptions { profile: enrolment.profile, ..options })
    }
}

/// Whether a text is the name of the host, with or without its domain.
fn is_host_name(text: &str, host: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    text.to_lowercase() == host.to_lowercase()
        || text.to_lowercase() == label(host)
        || label(text) == host.to_lowercase()
}

/// Tells people what the digests do not: which machine this is, and what counts.
fn tell(fp1: &Fp1, readings: &[Reading], terminal: &Terminal) {
    let machine = short_id(readings).unwrap_or_else(|| "this machine".to_owned());
    let counted: Vec<_> =
        fp1.components.iter().map(|component| format!("{} {}", component.name, component.weight)).collect();
    let (threshold, total, counted) = (fp1.threshold, fp1.total, counted.join(", "));
    terminal.note(&format!("{machine}: {threshold} of {total} points needed; {counted}"));
    let left_out: Vec<_> = readings
        .iter()
        .filter(|reading| !matches!(reading.state, ReadingState::Absent | ReadingState::Ok(_)))
        .map(|reading| format!("{} ({})", reading.name, reading.state.as_str()))
        .collect();
    if !left_out.is_empty() {
        terminal.note(&format!("left out: {}; --explain tells why", left_out.join(", ")));
    }
}

/// Warns of a fingerprint that will hold less than its reader thinks. What the machine runs in is a guess, so it changes
/// nothing by itself.
fn warn(fp1: &Fp1, source: &Source, like: Option<&Like<'_>>, terminal: &Terminal) {
    if let [only] = &*fp1.components {
        terminal.warning(&format!("{} alone identifies this machine; whoever copies it passes for it", only.name));
    }
    if let Some(Like::Named(_, path)) = like {
        let path = path.display();
        terminal.warning(&format!(
            "the salt is that of `{path}`, so whoever has both can tell whether they are one machine"
        ));
    }
    match source.linux().and_then(|linux| linux.surroundings()) {
        Some(Surroundings::Container(file)) => terminal.warning(&format!(
            "this seems to be a container ({file}), and what was read may go with it; bind it by --fingerprint-value"
        )),
        Some(Surroundings::VirtualMachine(name)) if fp1.profile == Profile::Host => terminal.warning(&format!(
            "this seems to be a virtual machine ({name}), whose copies a host's rule lets pass; say --profile vm"
        )),
        _ => {}
    }
}

/// Points a machine that cannot be enrolled at the flag that helps.
fn explained(error: EnrolError) -> anyhow::Error {
    let hint = match &error {
        EnrolError::Nothing(_) => "supply a component with --component, or bind by --fingerprint-value",
        EnrolError::VmWithoutIdentity(_) => "give it a network interface, or bind by --fingerprint-value",
        EnrolError::Weak(..) => "supply another with --component, read more with --privileged, or say --allow-weak",
        _ => return error.into(),
    };
    Failure::new(error.code(), &error).hint(hint).into()
}
