package store

import (
	"encoding/json"
	"fmt"

	"quarry/internal/calendar"
)

// PutBooking adds or replaces what a cluster holds in the calendar.
func (t *Tx) PutBooking(b calendar.Booking) error {
	doc, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encode booking %s: %w", b.Request.ID, err)
	}
	_, err = t.exec("INSERT INTO bookings (id, doc) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc",
		b.Request.ID, string(doc))
	return err
}

// DeleteBooking forgets a booking; none is no error.
func (t *Tx) DeleteBooking(id string) error {
	_, err := t.exec("DELETE FROM bookings WHERE id = ?", id)
	return err
}

// Bookings returns every booking, by ID.
func (t *Tx) Bookings() ([]calendar.Booking, error) {
	return list(t, func(r scanner) (b calendar.Booking, err error) {
		var id, doc string
		if err = r.Scan(&id, &doc); err != nil {
			return b, err
		}
		if err = json.Unmarshal([]byte(doc), &b); err != nil {
			return b, fmt.Errorf("decode booking %s: %w", id, err)
		}
		return b, nil
	}, "SELECT id, doc FROM bookings ORDER BY id")
}
