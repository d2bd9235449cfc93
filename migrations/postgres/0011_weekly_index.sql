-- Also those who had the weekly digest until lately; without them in the index, `status` read every subscriber.
DROP INDEX subscriber_weekly;
CREATE INDEX subscriber_weekly ON subscriber (id) WHERE frequency = 'weekly' OR weekly_until IS NOT NULL;
