-- How many readers a feed had on a day, by program; counted from access logs, without addresses.
CREATE TABLE feed_readers (
    feed    TEXT NOT NULL,                  -- its path below the address of the site
    day     TEXT NOT NULL,                  -- 2026-11-23, in the time zone of the site
    agent   TEXT NOT NULL,                  -- the name of the program
    readers INTEGER NOT NULL,
    PRIMARY KEY (day, feed, agent)
) WITHOUT ROWID;
