package main

import (
	"strings"
	"testing"
)

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		site, own ratios
		want      amount
	}{
		{ratios{}, ratios{}, amount{3, 100, 10}},
		{ratios{CPUs: 150}, ratios{}, amount{4, 100, 10}},
		{ratios{CPUs: 150, Memory: 90}, ratios{CPUs: 400, Disk: 50}, amount{12, 90, 5}},
	} {
		if got := room(amount{3, 100, 10}, c.site, c.own); got != c.want {
			t.Errorf("%+v and %+v give %v, want %v", c.site, c.own, got, c.want)
		}
	}
}

func TestCheckLimits(t *testing.T) {
	const week = 7 * 24 * 3600
	over := func(b *backup) { add(t, b, "2", 1999, 3000) } // both hold a second together
	for _, c := range []struct {
		want   string
		limits map[string]limits
		change func(*backup)
	}{
		{"", nil, over},
		{"", map[string]limits{"t": {CPUs: 3, MemoryMiB: 1500, Addresses: 1, NodeHours: 2, Period: week}}, func(*backup) {}},
		{"at 1970-01-01T00:33:19Z tenant t holds 6 CPUs and may hold 3", map[string]limits{"t": {CPUs: 3}}, over},
		{"holds 3000 MiB of memory and may hold 2000", map[string]limits{"": {MemoryMiB: 2000}}, over},
		{"holds 2 outside addresses and may hold 1", map[string]limits{"": {Addresses: 5}, "t": {Addresses: 1}}, over},
		{"", map[string]limits{"": {Addresses: 1}, "t": {Addresses: -1}}, over},
		{"", map[string]limits{"other": {Addresses: 1}}, over},
		{"spends 2.5 node-hours in the period from 1969-12-29T00:00:00Z and may spend 2", map[string]limits{"": {NodeHours: 2, Period: week}}, func(b *backup) {
			add(t, b, "2", 2000, 4000)
		}},
		{"", map[string]limits{"": {NodeHours: 2, Period: week}}, func(b *backup) { // half of it in the next week
			add(t, b, "2", 4*24*3600-1000, 4*24*3600+1000)
		}},
		{"spends 3.3 node-hours", map[string]limits{"": {NodeHours: 2, Period: week}}, func(b *backup) {
			c := b.clusters["1"]
			c.end = 3000
			b.past["0"] = c
		}},
		{"", map[string]limits{"": {NodeHours: 2, Period: week}}, func(b *backup) {
			c := b.clusters["1"]
			c.bestEffort = true
			b.past["0"] = c
		}},
	} {
		b := sound(t)
		if c.limits != nil {
			b.limits = c.limits
		}
		c.change(b)
		wrong := strings.Join(b.checkLimits(), "\n")
		if c.want == "" && wrong != "" || !strings.Contains(wrong, c.want) {
			t.Errorf("limits %v: want %q, it says:\n%s", c.limits, c.want, wrong)
		}
	}
}
