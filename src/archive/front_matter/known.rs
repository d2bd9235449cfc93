//! The keys of front matter that somebody knows: Letterpress itself, or a program that makes sites. Spelled without case and
//! marks, as [`plain`](crate::config::plain) has them.

/// What Letterpress reads; the nearest of these is what an unknown key may have meant.
pub(super) const MEANT: [&str; 58] = [
    "title", "date", "published_date", "published", "updated", "lastmod", "modified", "last_modified_at", "draft",
    "status", "slug", "permalink", "url", "path", "id", "guid", "categories", "category", "taxonomies", "tags", "tag",
    "keywords", "authors", "author", "summary", "description", "excerpt", "language", "lang", "image", "cover",
    "featured_image", "images", "enclosure", "audio", "video", "podcast_file", "in_reply_to", "newsletter",
    "publishDate", "pubDate", "expiryDate", "unpublishDate", "expires", "headless", "build", "render", "duration",
    "episode", "season", "episode_type", "explicit", "transcript", "unlisted", "private", "hidden", "publish", "noindex",
];

/// What holds a post back, or some of its readers off: the nearest of these is never taken for nothing.
pub(super) const WITHHOLDING: [&str; 14] = [
    "draft", "newsletter", "published", "publish", "unlisted", "private", "hidden", "isDraft", "date", "publishDate",
    "pubDate", "expires", "expiryDate", "unpublishDate",
];

/// Those of them that say when, and not whether.
pub(super) const DATES: [&str; 6] = ["date", "publishDate", "pubDate", "expires", "expiryDate", "unpublishDate"];

/// The words of other languages and programs for a key that holds a post back.
pub(super) const SYNONYMS: [(&str, &[&str]); 5] = [
    (
        "draft",
        &[
            "entwurf", "brouillon", "borrador", "esborrany", "bozza", "rascunho", "concept", "koncept", "utkast",
            "udkast", "luonnos", "szkic", "taslak", "черновик", "чернетка", "초안", "초고", "임시", "임시저장", "작성중",
            "下書き", "下書", "ドラフト", "草稿", "草案", "wip", "unfinished", "workinprogress", "notready", "unpublished",
            "indraft", "password", "protected", "encrypt", "encrypted", "secret", "internal", "nopublish",
        ],
    ),
    (
        "newsletter",
        &[
            "뉴스레터", "메일", "ニュースレター", "メール", "邮件", "infolettre", "boletin", "boletín", "mail", "email", "send",
            "sendemail", "sendmail", "nomail", "noemail", "skipmail", "letter", "mailing", "mailout", "webonly", "emailonly",
            "notify",
        ],
    ),
    (
        "date",
        &[
            "datum", "fecha", "data", "dato", "날짜", "발행일", "작성일", "게시일", "日付", "公開日", "投稿日", "日期", "дата", "datetime",
            "day", "created", "createdat", "posted", "postedat", "publishedat", "publishedon", "publicationdate",
            "datepublished", "releasedate", "schedule", "scheduled", "scheduledat", "scheduledfor", "embargo",
            "embargoed", "publishon", "publishat", "publishafter", "sendat", "sendon", "golive", "goliveat", "pubdatetime",
        ],
    ),
    (
        "expires",
        &[
            "expire", "expiry", "expiration", "expirationdate", "expiresat", "expireson", "validuntil", "until",
            "unpublishat", "unpublishon", "deleteafter", "만료일", "有効期限", "verfallsdatum", "caduca",
        ],
    ),
    (
        "published",
        &[
            "발행", "공개", "公開", "发布", "publié", "publicado", "veröffentlicht", "public", "visible", "visibility",
            "listed", "live", "online",
        ],
    ),
];

/// What Hugo, Zola, Jekyll, Pelican, Eleventy, Astro, Hexo, Gatsby, Docusaurus, Obsidian, Quarto and the better known of
/// their themes read, and what importers leave.
pub(super) const OF_OTHERS: &str = "
    aliases alias cascade iscjklanguage layout linktitle markup menus menu outputs params resources sitemap translationkey
    type videos weight series seriesorder toc showtoc tocopen math mathjax katex mermaid comments comment featured thumbnail
    banner subtitle hidesummary hidemeta disableshare searchhidden showreadingtime readingtime readtime readingtimes
    featureimage featuredimage featuredpost socialimage share sharing related relatedposts bookcollapsesection
    template pagetemplate insearchindex insertanchorlinks extra sortby paginateby paginatepath transparent
    redirectfrom redirectto sticky pin pinned authorprofile header classes excerptseparator usemath
    saveas translation translations template slugs
    eleventycomputed eleventyexcludefromcollections eleventynavigation eleventyimport pagination override
    templateengineoverride
    heroimage heroimagealt ogimage ogtitle ogdescription postslug canonicalurl canonical moddatetime imagealt alt
    top abbrlink copyright disablenunjucks photos updatedat updateddate dateupdated datemodified modifieddate modifiedat
    templatekey sidebarlabel sidebarposition sidebar hidetableofcontents hidetitle customediturl displayedsidebar
    cssclass cssclasses up parent
    bibliography csl format execute jupyter output references citation
    meta head prev next editlink lastupdated outline
    coverimage postid wordpressid dsqthreadid disqusid thumbnailid postname
    externalurl external originalurl original source sourceurl via link links redirect robots icon emoji color colour
    caption credit license licence rights location place mood music version revision order number hero navtitle shorttitle
    seotitle seodescription metadescription metatitle abstract lead intro standfirst dek subject preview preheader
    contributors editor translator editors translators reviewers isbn doi
    ";
