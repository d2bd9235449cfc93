//! The mail programs of `support.tsv`, and how often each is used.
//!
//! caniemail.com tests neither Naver nor Daum. The built-in templates need no `<style>`, no float and no position, so that
//! they need less than any of these programs knows.

/// A set of clients, as bits in the order of `support.tsv`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Clients(u16);

/// Programs of one maker that are counted together.
struct Family {
    name: &'static str,
    /// Percent of opens, if it is counted: Litmus, April 2022 (docs/templates.md has the source). "Outlook" is counted for all
    /// computers, Outlook.com alone.
    share: Option<f32>,
    members: &'static [&'static str],
}

const FAMILIES: [Family; 8] = [
    Family {
        name: "Outlook 2016–2024 for Windows",
        share: Some(4.2),
        members: &["Outlook 2016–2024 for Windows"],
    },
    Family { name: "new Outlook", share: Some(1.0), members: &["new Outlook"] },
    Family { name: "Outlook for Mac and phones", share: None, members: &["Outlook for Mac and phones"] },
    Family {
        name: "Gmail",
        share: Some(29.5),
        members: &[
            "Gmail on the web",
            "the Gmail app",
            "the Gmail app with other accounts",
            "Gmail in a phone's browser",
        ],
    },
    Family { name: "Apple Mail", share: Some(57.2), members: &["Apple Mail"] },
    Family { name: "Yahoo Mail", share: Some(3.4), members: &["Yahoo Mail"] },
    Family { name: "AOL Mail", share: None, members: &["AOL Mail"] },
    Family { name: "Samsung Email", share: Some(0.4), members: &["Samsung Email"] },
];

/// Outlook of 2007 to 2024 for Windows, which shows emails as Word does.
pub(super) const WORD: Clients = Clients(1);
/// Gmail in the browser of a computer.
pub(super) const GMAIL_WEB: Clients = Clients(1 << 3);

impl Clients {
    pub(super) const NONE: Self = Self(0);

    /// The clients that do not know a feature, by their levels in `support.tsv`.
    pub(super) fn without(levels: &str) -> Self {
        Self(levels.bytes().enumerate().fold(0, |set, (at, level)| set | (u16::from(level == b'n') << at)))
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn except(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// "Outlook 2016–2024 for Windows (4 % of opens), the Gmail app and AOL Mail ignore".
    pub(super) fn ignore(self) -> String {
        let names = self.names();
        match names.split_last() {
            Some((last, [])) => format!("{last} ignores"),
            Some((last, others)) => format!("{} and {last} ignore", others.join(", ")),
            None => String::new(),
        }
    }

    /// A family whose members are all in the set stands for them, with its share. The first share says of what it is.
    fn names(self) -> Vec<String> {
        let mut names = Vec::new();
        let (mut first, mut unit) = (0, " of opens");
        for family in FAMILIES {
            let has = |member: usize| self.0 & (1 << (first + member)) != 0;
            let members: Vec<_> =
                family.members.iter().enumerate().filter(|(at, _)| has(*at)).map(|(_, name)| *name).collect();
            match family.share.filter(|_| members.len() == family.members.len()) {
                Some(share) => {
                    names.push(format!("{} ({} %{unit})", family.name, percent(share)));
                    unit = "";
                }
                None => names.extend(members.into_iter().map(str::to_owned)),
            }
            first += family.members.len();
        }
        names
    }
}

/// Whole percents; below 1 with one digit.
fn percent(share: f32) -> String {
    if share < 1.0 { format!("{share:.1}") } else { format!("{share:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_is_whole_has_its_share_and_a_part_of_it_its_own_name() {
        assert_eq!(Clients::without("nyyyyyyyyyy"), WORD);
        assert_eq!(WORD.ignore(), "Outlook 2016–2024 for Windows (4 % of opens) ignores");
        assert_eq!(
            Clients::without("yyynnnnyyyn").ignore(),
            "Gmail (30 % of opens) and Samsung Email (0.4 %) ignore"
        );
        assert_eq!(
            Clients::without("ayuynnyyyny").ignore(),
            "the Gmail app, the Gmail app with other accounts and AOL Mail ignore"
        );
    }
}
