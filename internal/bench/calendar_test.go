package bench

import "testing"

// Every number is measured, in memory and durably.
func TestCalendar(t *testing.T) {
	for _, durable := range []bool{false, true} {
		b := Calendar{Pnodes: 300, Clients: 4, Durable: durable, Dir: t.TempDir(), Admissions: 40, Questions: 4}
		r, err := b.Run(t.Context(), 20)
		if err != nil {
			t.Fatal(err)
		}
		if r.Held != 20 || r.AdmitPerSecond <= 0 || r.AdmitP99 <= 0 || r.EarliestP99 <= 0 || r.RefuseP99 <= 0 || r.RSS <= 0 || r.OpenSeconds <= 0 {
			t.Fatalf("%+v", r)
		}
	}
}
