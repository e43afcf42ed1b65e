//! The words by which a customer refuses texts, or wants them again (choice A8).

use super::Body;

/// What a text says of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptOutWord {
    /// No more of them.
    Out,
    /// Send them again.
    In,
    /// Yes: means the same as `In` from somebody who has opted out, and nothing from others.
    Yes,
}

/// The carriers' words and those of the field (rules R44 and C6).
const OUT: [&str; 9] = ["STOP", "STOPALL", "END", "CANCEL", "UNSUBSCRIBE", "QUIT", "ARRET", "REVOKE", "OPTOUT"];
const IN: [&str; 2] = ["START", "UNSTOP"];

/// The word that the text is, if it is nothing else: "please stop by at 5" is about a visit.
pub fn opt_out_word(body: &Body) -> Option<OptOutWord> {
    let word = body.as_str().trim().to_uppercase().replace('Ê', "E");
    if OUT.contains(&word.as_str()) {
        Some(OptOutWord::Out)
    } else if IN.contains(&word.as_str()) {
        Some(OptOutWord::In)
    } else {
        (word == "YES").then_some(OptOutWord::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_is_nothing_but_the_word_counts() {
        let cases = [
            ("STOP", Some(OptOutWord::Out)),
            (" stop\n", Some(OptOutWord::Out)),
            ("StopAll", Some(OptOutWord::Out)),
            ("arrêt", Some(OptOutWord::Out)),
            ("cancel", Some(OptOutWord::Out)),
            ("please stop by at 5", None),
            ("STOP!", None),
            ("stop stop", None),
            ("", None),
            ("start", Some(OptOutWord::In)),
            ("unstop", Some(OptOutWord::In)),
            ("Yes", Some(OptOutWord::Yes)),
            ("yes please", None),
        ];
        for (text, expected) in cases {
            assert_eq!(opt_out_word(&Body::trusted(text.to_owned())), expected, "{text:?}");
        }
    }
}
