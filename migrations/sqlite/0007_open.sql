-- Whether a delivery may still be sent: 1 until it ends, 0 if it ended without being sent, NULL once it is sent. With one
-- index for what is not sent, the cost of a run and of the counts depends on that alone.
ALTER TABLE delivery ADD COLUMN open INTEGER GENERATED ALWAYS AS (
    CASE WHEN state IN ('pending', 'claimed', 'armed') THEN 1 WHEN state <> 'sent' THEN 0 END) VIRTUAL;

DROP INDEX delivery_waiting;
DROP INDEX delivery_held;
DROP INDEX delivery_unsent;
CREATE INDEX delivery_unsent ON delivery (issue, open, state, next_at, id) WHERE open IS NOT NULL;
DROP INDEX delivery_domain;
CREATE INDEX delivery_domain ON delivery (issue, domain, next_at, id) WHERE open = 1 AND domain IS NOT NULL;
