package calendar

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Asking why changes nothing, and a sooner start that is told of is one.
func TestWhyIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		before := fingerprint(c)
		for _, b := range c.Bookings() {
			id := b.Request.ID
			choices, err := c.Why(id)
			if err != nil || len(choices) != len(b.Vnodes) {
				t.Fatal(choices, err)
			}
			for i, v := range b.Vnodes {
				if choices[i].Vnode != v.Name || choices[i].Pnode != v.Pnode || choices[i].Eligible < 1 || len(choices[i].Because) == 0 {
					t.Fatalf("%+v of %+v", choices[i], v)
				}
			}
			s, err := c.Sooner(Unlimited{}, id, b.Request.Start.Add(-time.Duration(rapid.IntRange(-5, 20*d.grain).Draw(t, "sooner"))*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if after := fingerprint(c); after != before {
				t.Fatalf("after:\n%s\nbefore:\n%s", after, before)
			}
			if (len(s.Reasons) == 0) != (s.Start.Equal(s.From) || !s.From.Before(b.Request.Start)) {
				t.Fatalf("%+v", s)
			}
			if s.Start.IsZero() {
				continue
			}
			other, err := New(c.Site())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range c.Bookings() {
				if o.Request.ID != id {
					if err := other.Put(o); err != nil {
						t.Fatal(err)
					}
				}
			}
			req := b.Request.at(s.Start)
			req.NotBefore = time.Time{}
			if _, err := other.Fits(req); err != nil || !s.Start.Before(b.Request.Start) {
				t.Fatalf("%s is no sooner start: %v", s.Start, err)
			}
		}
	})
}
