package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quarry/internal/api"
)

// newDocs is for those who build Quarry: it writes docs/reference.
func newDocs(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "docs DIR",
		Short:  "Write the reference of the commands and of the API",
		Hidden: true,
		Args:   args("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			pages, err := reference(cmd.Root())
			if err != nil {
				return err
			}
			for name, page := range pages {
				path := filepath.Join(args[0], name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return fmt.Errorf("write the reference: %w", err)
				}
				if err := os.WriteFile(path, page, 0o644); err != nil {
					return fmt.Errorf("write the reference: %w", err)
				}
			}
			fmt.Fprintf(a.out, "%d files\n", len(pages))
			return nil
		},
	}
}

// reference is what there is in docs/reference, by file name: a page for each
// command below quarry with its subcommands, an index, and the API.
func reference(root *cobra.Command) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, page := range referencePages(root) {
		files["cli/"+name] = page
	}
	raw, err := api.OpenAPI(Version)
	if err != nil {
		return nil, err
	}
	var doc bytes.Buffer
	if err := json.Indent(&doc, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("write the reference: %w", err)
	}
	doc.WriteByte('\n')
	files["openapi.json"] = doc.Bytes()
	return files, nil
}

func referencePages(root *cobra.Command) map[string][]byte {
	pages := map[string][]byte{}
	var index bytes.Buffer
	fmt.Fprintf(&index, "# The commands\n\n<!-- Generated from the commands; do not edit. -->\n\n%s\n\n", root.Long)
	fmt.Fprintf(&index, "%s| command | does |\n|---|---|\n", flagTable("Flags of every command", root.PersistentFlags()))
	for _, cmd := range root.Commands() {
		if !documented(cmd) {
			continue
		}
		name := "quarry-" + cmd.Name() + ".md"
		var page bytes.Buffer
		fmt.Fprintf(&page, "<!-- Generated from the commands; do not edit. -->\n\n")
		writePage(&page, cmd, &index, name, "#")
		pages[name] = page.Bytes()
	}
	pages["README.md"] = index.Bytes()
	return pages
}

func documented(cmd *cobra.Command) bool {
	return cmd.IsAvailableCommand() && cmd.Name() != "help" && cmd.Name() != "completion"
}

// writePage writes cmd and what is below it, and a line about each to index.
// level is the marks of its head.
func writePage(page *bytes.Buffer, cmd *cobra.Command, index *bytes.Buffer, file, level string) {
	fmt.Fprintf(index, "| [`%s`](%s#%s) | %s |\n", cmd.CommandPath(), file, strings.ReplaceAll(cmd.CommandPath(), " ", "-"), cmd.Short)
	fmt.Fprintf(page, "%s %s\n\n%s\n\n", level, cmd.CommandPath(), cmd.Short)
	if !cmd.HasSubCommands() {
		fmt.Fprintf(page, "```\n%s\n```\n\n", cmd.UseLine())
	}
	if long := strings.TrimSpace(cmd.Long); long != "" {
		fmt.Fprintf(page, "%s\n\n", sections(long))
	}
	page.WriteString(flagTable("Flags", cmd.NonInheritedFlags()))
	if cmd.Example != "" {
		fmt.Fprintf(page, "### Examples\n\n```sh\n%s\n```\n\n", cmd.Example)
	}
	for _, child := range cmd.Commands() {
		if documented(child) {
			writePage(page, child, index, file, "##")
		}
	}
}

// sections makes the heads and the indented blocks of a command's help
// Markdown: a head is "Exit status" alone on its line.
func sections(long string) string {
	text, exits, found := strings.Cut(long, "\n\nExit status\n\n")
	text = blocks(text)
	if !found {
		return text
	}
	var table strings.Builder
	table.WriteString("\n\n### Exit status\n\n| status | meaning |\n|---|---|\n")
	for line := range strings.Lines(exits) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(&table, "| %s | %s |\n", code, strings.TrimSpace(meaning))
	}
	return strings.TrimRight(text+table.String(), "\n")
}

// blocks fences paragraphs that are indented by two spaces.
func blocks(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, "  ") {
			paragraphs[i] = "```\n" + strings.TrimPrefix(strings.ReplaceAll(p, "\n  ", "\n"), "  ") + "\n```"
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func flagTable(title string, flags *pflag.FlagSet) string {
	var table strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name, text := pflag.UnquoteUsage(f)
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		if name != "" {
			flag += " " + strings.ToUpper(name)
		}
		if zero := map[string]bool{"": true, "[]": true, "0": true, "false": true}; !zero[f.DefValue] {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", flag, strings.ReplaceAll(text, "|", `\|`))
	})
	if table.Len() == 0 {
		return ""
	}
	return "### " + title + "\n\n| flag | meaning |\n|---|---|\n" + table.String() + "\n"
}
