//! An invented notice of a birth by a registry office (XPersonenstand 141010), made of the package's own sample.
//! Says that there is a Sorgeerklärung; the father in it is the sample's.

use crate::cli::sample::Wish;

const SAMPLE: &str = include_str!("../../xsd/xpersonenstand/26.11/samples/141010-sorgeerklaerung.xml");

/// The notice about the child of a delivery; it tells of a Sorgeerklärung.
pub fn geburt(wish: &Wish) -> String {
    let familie = wish.familie();
    let (nummer, jahr) = familie.register.split_once('/').unwrap_or((&familie.register, "2024"));
    let year = |tag: &str, jahr: &str| format!("<p:{tag}>{jahr}</p:{tag}>");
    SAMPLE
        .replace("7b2d4c10-1f3a-4e55-8b7a-000000000041", &wish.uuid().to_string())
        .replace("Müller", familie.familienname)
        .replace("Zoë Marie", familie.mutter)
        .replace("1994-03-12", &familie.mutter_geboren)
        .replace("Lía", &familie.kind)
        .replace("2024-08-05", &familie.kind_geboren)
        .replace(&year("erstbeurkundungsjahr", "2024"), &year("erstbeurkundungsjahr", jahr))
        .replace(&year("eintragsnummer", "1234"), &year("eintragsnummer", nummer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_is_about_the_child_of_the_delivery() {
        let wish = Wish::plain(47);
        let (familie, notice) = (wish.familie(), geburt(&wish));
        for said in [&familie.kind, &familie.kind_geboren, &familie.mutter_geboren, &wish.uuid().to_string()]
        {
            assert!(notice.contains(said.as_str()), "{said}");
        }
        assert!(notice.contains("<p:eintragsnummer>47<") && notice.contains("sorgerechtserklaerung"));
        for left in ["Müller", "Lía", "1994-03-12", "2024-08-05", "000000000041"] {
            assert!(!notice.contains(left), "{left} is the sample's");
        }
    }
}
