package cli

import (
	"image/color"

	"charm.land/lipgloss/v2"
)

// colourOf gives words that are states their colour, and no colour to others.
func colourOf(word string) color.Color {
	switch word {
	case "active", "ready", "True", "up", "ok":
		return lipgloss.Green
	case "preparing", "booked", "ending", "pending", "draining", "drained":
		return lipgloss.Yellow
	case "failed", "lost", "False", "down":
		return lipgloss.Red
	}
	return lipgloss.NoColor{}
}
