-- What each cluster holds in the calendar, and what is held until it is
-- confirmed. The calendar is read from here when the manager starts.

-- +goose Up
CREATE TABLE bookings (
    id  TEXT PRIMARY KEY, -- of the cluster
    doc TEXT NOT NULL     -- JSON of the booking
) STRICT;
