package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/colorprofile"
	"go.yaml.in/yaml/v4"
)

// print writes value in the format that was asked for; human writes it as a
// table for people.
func (a *app) print(value any, human func(w io.Writer)) error {
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.IsNil() {
		value = []any{} // programs want a list, also of nothing
	}
	switch a.output {
	case "json":
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(value)
	case "yaml":
		return printYAML(a.out, value)
	}
	human(a.people())
	return nil
}

// people is standard output for people: colours and other escape sequences
// vanish where it is no terminal, or NO_COLOR asks for that.
func (a *app) people() io.Writer { return colorprofile.NewWriter(a.out, a.env) }

// printYAML goes by way of JSON, so that both have the same names.
func printYAML(w io.Writer, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write yaml: %w", err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		return fmt.Errorf("write yaml: %w", err)
	}
	out, err := yaml.Dump(plain)
	if err != nil {
		return fmt.Errorf("write yaml: %w", err)
	}
	_, err = w.Write(out)
	return err
}

// printTable writes rows under their heads.
func printTable(w io.Writer, head []string, rows [][]string) {
	cell := lipgloss.NewStyle().PaddingRight(2)
	title := cell.Bold(true)
	t := table.New().Headers(head...).Rows(rows...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderColumn(false).BorderHeader(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			if row == table.HeaderRow {
				return title
			}
			return cell.Foreground(colourOf(rows[row][column]))
		})
	for line := range strings.Lines(t.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

// stamp writes an instant in UTC, "-" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// short writes a duration to the second, without what is zero at its end.
func short(d time.Duration) string {
	text := d.Round(time.Second).String()
	if d >= time.Minute && strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if d >= time.Hour && strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// size writes MiB as a person would.
func size(mib int) string {
	if mib >= 1024 && mib%1024 == 0 {
		return fmt.Sprintf("%dG", mib/1024)
	}
	return fmt.Sprintf("%dM", mib)
}

// bar draws progress of 0…100 in ten cells.
func bar(percent int) string {
	percent = min(100, max(0, percent))
	full := percent / 10
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", 10-full) + "]"
}

// dash stands for nothing in a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
