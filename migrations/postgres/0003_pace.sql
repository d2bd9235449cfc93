-- Meters of the rates in [smtp]: one row for all copies (lane '*') and one for each domain with a rate.
CREATE TABLE pace (
    lane       TEXT PRIMARY KEY,
    full_until BIGINT NOT NULL              -- microseconds since 1970, UTC: by then all permits given out are paid for
);

-- The domain of a waiting copy; written by runs that have a rate for single domains, and by no other: the index is
-- empty, and costs nothing, until then.
ALTER TABLE delivery ADD COLUMN lane TEXT;
CREATE INDEX delivery_lane ON delivery (issue, lane, id) WHERE state = 'pending' AND lane IS NOT NULL;
