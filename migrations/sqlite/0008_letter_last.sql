-- A letter takes many pages, and SQLite has to read them all to reach a column behind it. So it is the last column.
ALTER TABLE issue ADD COLUMN moved_letter TEXT NOT NULL DEFAULT '';
UPDATE issue SET moved_letter = letter;
ALTER TABLE issue DROP COLUMN letter;
ALTER TABLE issue RENAME COLUMN moved_letter TO letter;
