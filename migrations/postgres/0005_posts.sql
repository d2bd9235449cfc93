-- What the ledger remembers of posts: by what each is known again, since when it could be mailed, who approved it; and
-- which issues were rehearsals.
-- The twin of migrations/sqlite/0005_posts.sql.

-- A row for each way in which a post of the ledger has looked. With it an old post is known again although
-- posts/ids.txt was lost, another machine checked the posts out, or the site moved to another address.
CREATE TABLE post_identity (
    post        TEXT NOT NULL,              -- the permanent id, as in issue.post
    path        TEXT NOT NULL,              -- the file, relative to the folder of config.toml
    title       TEXT NOT NULL,
    published   BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,              -- of title and text
    seen_at     BIGINT NOT NULL,
    PRIMARY KEY (post, path, title, published, fingerprint)
);

-- Posts that are published and not mailed yet: newsletter.delay counts from here.
CREATE TABLE post_waiting (
    post  TEXT PRIMARY KEY,
    text  TEXT NOT NULL,                    -- digest of what it said
    since BIGINT NOT NULL
);

-- With newsletter.approve, and for posts that look like one that was mailed: somebody's word that it may go.
CREATE TABLE approval (
    subject     TEXT NOT NULL,              -- a post's id, or a digest's name
    content     TEXT NOT NULL,              -- digest of what was approved
    asked_at    BIGINT NOT NULL,
    approved_at BIGINT,
    PRIMARY KEY (subject, content)
);

-- 1: written to the outbox folder while no relay was configured. Such an issue is not used up.
ALTER TABLE issue ADD COLUMN rehearsal BIGINT NOT NULL DEFAULT 0;
-- When deliveries were added to an issue that was done: its age counts from here.
ALTER TABLE issue ADD COLUMN extended_at BIGINT;

-- A ledger that never knew a relay, and whose every message was kept as a file, has rehearsed so far.
UPDATE issue SET rehearsal = 1 WHERE letter <> '' AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'relay')
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.issue = issue.id
                    AND (state IN ('armed', 'unknown', 'failed', 'failed_uncertain')
                         OR state = 'sent' AND coalesce(last_reply, '') NOT LIKE '250 kept as %'));
