//! Findings: what is wrong, where, and what to do. Codes are stable.

use serde::Serialize;

/// How bad a finding is. Errors refuse the pack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Kept, not used yet.
    Info,
    /// Probably not meant.
    Warning,
    /// The pack is refused.
    Error,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// File.
    pub file: String,
    /// Stable code, e.g. `MP0102`.
    pub code: &'static str,
    /// Severity.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What to do.
    pub help: String,
    /// The line itself.
    #[serde(skip)]
    pub source_line: String,
    /// Number of characters to underline.
    #[serde(skip)]
    pub underlined: u32,
}

impl Finding {
    /// `file:line:column: severity[code] message`, the line underlined, the help.
    #[must_use]
    pub fn render(&self) -> String {
        let word = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let mut out = format!("{}:{}:{}: {word}[{}] {}\n", self.file, self.line, self.column, self.code, self.message);
        if !self.source_line.trim().is_empty() {
            // A long line is cut around the place, a tab counts as one column.
            let column = self.column.saturating_sub(1) as usize;
            let from = column.saturating_sub(60);
            let shown: String =
                self.source_line.chars().skip(from).take(120).map(|c| if c.is_control() { ' ' } else { c }).collect();
            let number = self.line.to_string();
            let gutter = " ".repeat(number.len());
            let carets = "^".repeat((self.underlined as usize).min(120usize.saturating_sub(column - from)).max(1));
            out.push_str(&format!("{gutter} |\n{number} | {shown}\n{gutter} | {}{carets}\n", " ".repeat(column - from)));
        }
        if !self.help.is_empty() {
            out.push_str(&format!("  help: {}\n", self.help));
        }
        out
    }
}

/// A code with its severity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// Stable text.
    pub code: &'static str,
    /// Severity of its findings.
    pub severity: Severity,
    /// What it means.
    pub meaning: &'static str,
}

/// All codes.
pub mod codes {
    use super::{Code, Severity};

    macro_rules! codes {
        ($($name:ident = $code:literal $severity:ident $meaning:literal;)*) => {
            $(#[doc = $meaning] pub const $name: Code = Code { code: $code, severity: Severity::$severity, meaning: $meaning };)*
            /// Every code, in order.
            pub const ALL: &[Code] = &[$($name,)*];
        };
    }

    codes! {
        ENCODING = "MP0001" Error "the text is not UTF-8 or UTF-16";
        TOO_LARGE = "MP0002" Error "too large or too deep";
        DOCTYPE = "MP0003" Error "a document type is present";
        NOT_WELL_FORMED = "MP0004" Error "not well-formed XML";
        NOT_A_PACK = "MP0005" Error "the root element is not a management pack of a known schema";
        MISSING_PART = "MP0006" Error "a required element or attribute is missing";
        UNKNOWN_ELEMENT = "MP0007" Error "an element that the language does not have here";
        UNKNOWN_ATTRIBUTE = "MP0008" Error "an attribute that the element does not have";
        BAD_VALUE = "MP0009" Error "a value of the wrong form";
        NOT_USED_YET = "MP0010" Info "kept, not used by this version";
        BAD_ID = "MP0101" Error "an id or version of the wrong form";
        MISSING_REFERENCE = "MP0102" Error "a referenced pack is not installed";
        REFERENCE_VERSION = "MP0103" Error "the installed pack is older than the reference asks for";
        REFERENCE_TOKEN = "MP0104" Error "the key token of the reference does not fit";
        REFERENCE_CYCLE = "MP0105" Error "packs refer to each other in a circle";
        LOWER_VERSION = "MP0106" Error "a higher version is installed";
        DUPLICATE_ID = "MP0107" Error "an id that is used twice";
        DUPLICATE_ALIAS = "MP0108" Error "an alias that is used twice";
        REFERENCE_REFUSED = "MP0109" Error "a referenced pack of the set is refused itself";
        UNKNOWN_NAME = "MP0201" Error "a name that resolves to nothing";
        WRONG_KIND = "MP0202" Error "a name that resolves to an element of another kind";
        NOT_ACCESSIBLE = "MP0203" Error "an internal element of another pack";
        CASE_DIFFERS = "MP0204" Warning "a name that fits only when case is ignored";
        UNKNOWN_PROFILE = "MP0205" Error "a Run As profile that does not exist";
        CLASS_CYCLE = "MP0301" Error "a class that derives from itself";
        KEY_MISSING = "MP0302" Error "a class whose objects could not be told apart";
        HOST_MISSING = "MP0303" Error "a hosted class without a hosting relationship";
        HOSTING_LOOP = "MP0304" Error "classes that host each other in a circle";
        SINGLETON_KEY = "MP0305" Error "a singleton with a key";
        RELATIONSHIP_ENDS = "MP0306" Error "relationship ends that do not fit the base relationship";
        CONTEXT_MISSING = "MP0307" Warning "a Run As profile without a context class";
        WRONG_MODULE_KIND = "MP0401" Error "a module of a kind that may not stand here";
        COMPOSITION = "MP0402" Error "a composition that does not use each member exactly once";
        CONFIG_MISSING = "MP0403" Error "a required configuration element is missing";
        CONFIG_UNKNOWN = "MP0404" Error "a configuration element that the module type does not have";
        CONFIG_ORDER = "MP0405" Warning "configuration elements in another order than the type's";
        CONFIG_PATH = "MP0406" Error "a $Config path that the type does not have";
        TARGET_CLASS = "MP0407" Error "a $Target class that is neither the target, a base of it, nor a host";
        EXPRESSION = "MP0408" Error "a $-expression that cannot be read";
        SECRET_IN_ARGUMENTS = "MP0409" Error "a secret that would stand on a command line";
        REGEX = "MP0410" Error "a pattern that the linear-time engine does not take";
        INTERVAL = "MP0411" Error "an interval that is not between one second and ten years";
        TYPE_CYCLE = "MP0412" Error "module types that contain themselves";
        SELECTOR = "MP0413" Error "an override selector that hits nothing";
        MONITOR_STATES = "MP0501" Error "operational states that do not match the monitor type";
        MONITOR_PARENT = "MP0502" Error "a parent that is no monitor";
        DETECTION = "MP0503" Error "a monitor state without a detection, or a detection without a state";
        OVERRIDE_PARAMETER = "MP0601" Error "an override of a parameter or property that does not exist";
        OVERRIDE_VALUE = "MP0602" Error "an override value of the wrong type";
        STRING_FOR_NOTHING = "MP0701" Warning "a display string for an element that is not there";
        ALERT_TEXT = "MP0702" Error "an alert message that is no string resource";
        NOT_RUNNABLE = "MP0801" Warning "a workflow that this platform cannot run";
        SECRET_READ = "MP0802" Warning "a workflow that reads a secret";
    }
}
