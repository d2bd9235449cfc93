//! Same and different posts in three languages, and the stability of fingerprints.

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::*;

const KOREAN: &str = "**알림**은 우리를 부르고, 편지는 우리를 기다린다. 알림이 오면 하던 일을 멈추지만, 편지는 \
    하던 일이 끝날 때까지 책상 위에 놓여 있다. 그래서 편지를 쓰는 사람은 서두르지 않는다. 오늘 쓴 문장을 내일 다시 읽고, \
    필요 없는 말을 덜어 낸다. 받는 사람도 서두르지 않는다. 차를 끓이고, 의자에 앉고, 봉투를 연다.";
const JAPANESE: &str = "通知は私たちを呼び、手紙は私たちを待つ。手紙を書く人は急がない。今日書いた文を明日もう一度読み、\
    いらない言葉を取り除く。受け取る人も急がない。お茶をいれ、椅子に座り、封筒を開ける。";
const ENGLISH: &str = "A notification calls us, a letter waits for us. Whoever writes a letter is in no hurry. \
    The sentence of today is read again tomorrow, and what it does not need is taken out. Whoever gets it is in no hurry \
    either: there is tea to make, a chair to sit down in, an envelope to open.";

fn of(title: &str, body: &str) -> Fingerprint {
    Fingerprint::of(title, body)
}

#[test]
fn a_fingerprint_never_changes() {
    for (title, body, text) in [
        ("천천히 오는 편지", KOREAN, "f1:DtVUL6Zb87vWYLfzfuPfL3mpwxkgNdUOiwpMxhE19J64XTrm32qAnOkbZWi8hFq5"),
        ("ゆっくり届く手紙", JAPANESE, "f1:Ejept9YkfvWWZ1gVfLJfuJkYEamMB9Ht4X9LHT2MWlRVWHm50wKD2Al3Sf2Udb_O"),
        ("Slow letters", ENGLISH, "f1:T8-i7XoErMS7yjtRvqXR9H5pmF7A6_4WdpGF95G0BwgJ_JMA_ezW8UY435GuTeVQ"),
        ("★", "", "f1:5nacIjOk_egQjvwzBMQspmSHw9_gtLlgrkfU7PuEyQCJeszS3TLatmIA64Tx2LX1"),
    ] {
        assert_eq!(of(title, body).to_string(), text);
    }
}

#[test]
fn an_edited_post_is_recognised() {
    for (title, body, from, to) in [
        ("천천히 오는 편지", KOREAN, "차를 끓이고, 의자에 앉고", "커피를 내리고, 창가에 앉고"),
        ("ゆっくり届く手紙", JAPANESE, "お茶をいれ、椅子に座り", "コーヒーをいれ、窓辺に座り"),
        (
            "Slow letters",
            ENGLISH,
            "tea to make, a chair to sit down in",
            "coffee to make, a window to sit at",
        ),
    ] {
        let edited = body.replace(from, to);
        assert_ne!(edited, body);
        assert!(of(title, body).matches(&of(title, &edited)), "{title}: a sentence was rewritten");
        assert!(of(title, body).matches(&of("Another title", body)), "{title}: it has another title");
        let doubled = format!("{body}\n\n{}", edited.chars().rev().collect::<String>());
        assert!(of(title, body).matches(&of(title, &doubled)), "{title}: it was continued");
        let half: String = body.chars().take(body.chars().count() / 2).collect();
        assert!(of(title, body).matches(&of(title, &half)), "{title}: it was cut");
    }
}

#[test]
fn markup_case_spacing_and_composition_do_not_count() {
    let plain = of("천천히 오는 편지", KOREAN);
    assert_eq!(plain, of("천천히, 오는 편지!", &KOREAN.replace("**", "__").replace(' ', "\n")));
    assert_eq!(plain, of("천천히 오는 편지", &KOREAN.nfd().collect::<String>()));
    assert_eq!(plain, of("천천히오는편지", &KOREAN.replace(' ', "")));
    assert_eq!(of("Slow letters", ENGLISH), of("SLOW LETTERS", &ENGLISH.to_uppercase()));
}

#[test]
fn unrelated_posts_do_not_match() {
    let posts = [
        of("천천히 오는 편지", KOREAN),
        of("ゆっくり届く手紙", JAPANESE),
        of("Slow letters", ENGLISH),
        of(
            "겨울 준비",
            "올겨울은 유난히 길다고 한다. 지난 주말에는 창문 틈을 막고, 두꺼운 이불을 꺼내고, 김장을 했다. 배추 스무 포기를 절이는 데만 하루가 걸렸고, 허리가 아파서 다음 날은 하루 종일 누워 있었다.",
        ),
        of(
            "Winter",
            "The winter is going to be a long one, they say. Last weekend we sealed the windows, got the thick blankets out and made kimchi. To salt twenty heads of cabbage took all day, and on the next day we stayed in bed.",
        ),
        of("새 글", "내용 없음"),
        of("아무 글", "사진"),
    ];
    for (at, post) in posts.iter().enumerate() {
        for other in &posts[at + 1..] {
            assert!(post.similarity(other) < 0.15, "{post} {other}");
            assert!(!post.matches(other));
        }
    }
}

#[test]
fn two_posts_of_a_series_with_the_same_title_and_last_line_do_not_match() {
    let issue = |text: &str| {
        of(
            "주간 노트",
            &format!(
                "안녕하세요, 주간 노트입니다.\n\n{text}\n\n다음 주에 또 만나요. 답장은 언제나 환영합니다."
            ),
        )
    };
    let (first, second) = (issue(KOREAN), issue(JAPANESE));
    assert!(first.has_title_of(&second) && first.similarity(&second) > 0.05);
    assert!(!first.matches(&second));
}

#[test]
fn the_title_counts_in_a_short_text() {
    assert!(!of("첫 눈", "사진").matches(&of("바다", "사진")));
    assert!(!of("Monday", "![](a.jpg)").matches(&of("Tuesday", "![](a.jpg)")));
    assert!(of("Monday", "![](a.jpg)").matches(&of("Monday", "![](a.jpg)")));
    assert!(!of("★", "").matches(&of("☆", "")));
}

#[test]
fn invalid_fingerprints_are_rejected() {
    let text = of("a", "b").to_string();
    for wrong in [
        "",
        "f1:",
        "f2:",
        &text[1..],
        &text[..66],
        &format!("{text}A"),
        &text.replace("f1", "f2"),
        &format!("{}가", &text[..64]),
    ] {
        assert_eq!(wrong.parse::<Fingerprint>(), Err(FingerprintError), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_fingerprint_round_trips_and_matches_itself(title in "\\PC{0,12}", body in "\\PC{0,80}") {
        let print = of(&title, &body);
        prop_assert_eq!(print.to_string().parse(), Ok(print));
        prop_assert!((print.similarity(&print) - 1.0).abs() < 1e-9 && print.matches(&print));
    }

    #[test]
    fn the_similarity_approximates_that_of_the_sets(shared in 0usize..300, mine in 0usize..300, yours in 0usize..300) {
        prop_assume!(shared + mine + yours > 0 && shared + mine > 0 && shared + yours > 0);
        let set = |from: usize, to: usize| (from..to).map(|at| mix(u64::try_from(at).unwrap())).collect::<Vec<_>>();
        let print = |own: Vec<u64>| Fingerprint { title: [0; 8], text: sketch(&[set(0, shared), own].concat()) };
        let (a, b) = (print(set(1_000, 1_000 + mine)), print(set(2_000, 2_000 + yours)));
        let count = |count: usize| f64::from(u32::try_from(count).unwrap());
        let exact = count(shared) / count(shared + mine + yours);
        prop_assert!((a.similarity(&b) - exact).abs() < 0.33, "{} {}", a.similarity(&b), exact);
        prop_assert!((a.similarity(&b) - b.similarity(&a)).abs() < 1e-9);
    }
}
