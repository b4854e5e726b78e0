package store

import (
	"testing"

	"quarry/internal/estimate"
)

func TestMeasurementsAreBoundedByKey(t *testing.T) {
	s := open(t)
	busy := estimate.Key{Stage: estimate.Up, Profile: "compute", Size: "s", Pnode: "p1", Crowd: 2}
	quiet := busy
	quiet.Pnode = "p2"
	update(t, s, func(tx *Tx) error {
		for i := range estimate.Keep + 7 {
			if err := tx.InsertMeasurement(estimate.Sample{Key: busy, Seconds: float64(i), At: t0}); err != nil {
				return err
			}
			if i == 3 {
				if err := tx.InsertMeasurement(estimate.Sample{Key: quiet, Seconds: 1.5, At: t0}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		list, err := tx.Measurements()
		if err != nil {
			return err
		}
		if len(list) != estimate.Keep+1 {
			t.Fatalf("%d are kept", len(list))
		}
		same(t, list[0], estimate.Sample{Key: quiet, Seconds: 1.5, At: t0})
		if list[1].Seconds != 7 || list[len(list)-1].Seconds != estimate.Keep+6 {
			t.Errorf("from %v to %v", list[1].Seconds, list[len(list)-1].Seconds)
		}
		return nil
	})
}
