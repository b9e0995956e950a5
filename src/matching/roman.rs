//! Names in roman letters: one key for Hepburn and Kunrei, and the same key made of kana, so that a
//! roman name finds its kana. Voicing and length are lost, so it never proves a given name.

/// The coarse roman key of a kana skeleton: `KENITI` for ケンイチ.
pub fn of_skeleton(skeleton: &str) -> String {
    let mut key = String::new();
    for c in skeleton.chars() {
        key.push_str(letters(c));
    }
    key
}

/// The coarse key of roman letters: `KENITI` for Ken'ichi, Kenichi and KENITI.
pub fn coarse(roman: &str) -> String {
    let mut text: String =
        roman.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect();
    for (from, to) in [
        ("TCH", "TTI"),
        ("SH", "SY"),
        ("CH", "TY"),
        ("TS", "T"),
        ("J", "ZY"),
        ("F", "H"),
        ("L", "R"),
        ("V", "B"),
        ("YI", "I"),
        ("YY", "Y"),
        ("MB", "NB"),
        ("MP", "NP"),
        ("MM", "NM"),
        ("OU", "O"),
        ("OO", "O"),
        ("UU", "U"),
    ] {
        text = text.replace(from, to);
    }
    let letters: Vec<char> = text.chars().collect();
    let mut key = String::new();
    for (at, c) in letters.iter().enumerate() {
        let next = letters.get(at + 1).copied();
        let is_end = next.is_none_or(|next| !is_vowel(next) && next != 'Y');
        match c {
            // OHTA is OTA.
            'H' if is_end && key.ends_with('O') => {}
            // A doubled consonant is written ツ in kana; NN is not one.
            c if !is_vowel(*c) && *c != 'N' && next == Some(*c) => key.push_str("TU"),
            // KYO is キヨ once small kana are large.
            'Y' if key.ends_with(|last: char| !is_vowel(last) && last != 'N') => key.push_str("IY"),
            c => key.push(unvoiced(*c)),
        }
    }
    key
}

const fn is_vowel(c: char) -> bool {
    matches!(c, 'A' | 'I' | 'U' | 'E' | 'O')
}

const fn unvoiced(c: char) -> char {
    match c {
        'G' => 'K',
        'Z' => 'S',
        'D' => 'T',
        'B' | 'P' => 'H',
        _ => c,
    }
}

const fn letters(c: char) -> &'static str {
    match c {
        'ア' => "A",
        'イ' => "I",
        'ウ' => "U",
        'エ' => "E",
        'オ' => "O",
        'カ' => "KA",
        'キ' => "KI",
        'ク' => "KU",
        'ケ' => "KE",
        'コ' => "KO",
        'サ' => "SA",
        'シ' => "SI",
        'ス' => "SU",
        'セ' => "SE",
        'ソ' => "SO",
        'タ' => "TA",
        'チ' => "TI",
        'ツ' => "TU",
        'テ' => "TE",
        'ト' => "TO",
        'ナ' => "NA",
        'ニ' => "NI",
        'ヌ' => "NU",
        'ネ' => "NE",
        'ノ' => "NO",
        'ハ' => "HA",
        'ヒ' => "HI",
        'フ' => "HU",
        'ヘ' => "HE",
        'ホ' => "HO",
        'マ' => "MA",
        'ミ' => "MI",
        'ム' => "MU",
        'メ' => "ME",
        'モ' => "MO",
        'ヤ' => "YA",
        'ユ' => "YU",
        'ヨ' => "YO",
        'ラ' => "RA",
        'リ' => "RI",
        'ル' => "RU",
        'レ' => "RE",
        'ロ' => "RO",
        'ワ' => "WA",
        'ン' => "N",
        _ => "",
    }
}
