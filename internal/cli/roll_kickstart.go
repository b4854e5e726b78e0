package cli

import (
	"context"
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"quarry/internal/render/kickstart"
	"quarry/internal/roll"
	"quarry/internal/vnode"
)

// kickstartOptions are the flags of roll kickstart.
type kickstartOptions struct {
	walk     walkOptions
	commands []string
	vnode    string
	logs     bool
	out      string
}

func newRollKickstart(a *app) *cobra.Command {
	var o kickstartOptions
	cmd := &cobra.Command{
		Use:   "kickstart",
		Short: "Write a profile as a kickstart, for systems of the RHEL family",
		Long: withExit(`Write the profile of an appliance as a kickstart, without a manager: the command
section, the packages, and what runs before and after they are there. No secret is
written; a comment stands for everything that is left out. What is walked is said
as for roll walk; --os is rhel/9 unless it is given.

Of Rocks rolls (--rocks), the sections are those of Rocks, each with the file and
line that it comes from. Passwords of the main section are left out, and the
values of attributes whose names say that they are secrets: SECRET_name stands for
one.

Of rolls, files, services and install scripts become post sections, and boot
scripts a unit of the first boot. Templates are rendered for the vnode of --vnode,
and left out without it or where they ask for a secret. Checks and scripts of the
whole cluster need a manager and are left out.`),
		Example: `quarry roll kickstart --rocks distro --appliance compute --attrs compute.attrs --compat rocks --out compute.ks
quarry roll kickstart --rolls ./hello --appliance compute --command autopart --command 'url --url=http://mirror/9/os'`,
		Args:              args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a, cmd.Flags().Changed("os")) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.walk.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.commands, "command", nil, "line of the command section, as in autopart (repeatable; not with --rocks)")
	f.StringVar(&o.vnode, "vnode", "", "file with the identity of a vnode (JSON), for templates (not with --rocks)")
	f.BoolVar(&o.logs, "logs", false, "with --rocks: the sections too by which Rocks notes begin and end of every other")
	f.StringVar(&o.out, "out", "", "file to write (default: standard output)")
	cmd.MarkFlagsMutuallyExclusive("rocks", "command")
	cmd.MarkFlagsMutuallyExclusive("rocks", "vnode")
	must(cmd.MarkFlagFilename("vnode", "json"))
	must(cmd.MarkFlagFilename("out"))
	return cmd
}

func (o kickstartOptions) run(ctx context.Context, a *app, system bool) error {
	text, err := []byte(nil), error(nil)
	if len(o.walk.rocks.trees) > 0 {
		text, err = o.fromRocks(ctx, a)
	} else {
		if !system {
			o.walk.system, o.walk.arch = "rhel/9", "x86_64"
		}
		text, err = o.fromRolls()
	}
	if err != nil {
		return notByServer(err)
	}
	return writeOut(a, o.out, text)
}

func (o kickstartOptions) fromRocks(ctx context.Context, a *app) ([]byte, error) {
	p, attrs, err := o.walk.rocks.walk(ctx, o.walk.appliance)
	if err != nil {
		return nil, err
	}
	if wrong := failures(p.Findings); len(wrong) > 0 {
		showFindings(a.err, wrong)
		return nil, exitStatus(exitFailed)
	}
	return kickstart.FromRocks(p, kickstart.RocksOptions{Attributes: attrs, Logs: o.logs})
}

func (o kickstartOptions) fromRolls() ([]byte, error) {
	options := kickstart.Options{Commands: o.commands}
	if o.vnode != "" {
		data, err := readVnode(o.vnode)
		if err != nil {
			return nil, err
		}
		options.Data = &data
	}
	sel, attrs, err := o.walk.selection()
	if err != nil {
		return nil, err
	}
	p, err := sel.Walk(o.walk.appliance, attrs)
	if err != nil {
		return nil, err
	}
	return kickstart.FromRolls(p, options)
}

func readVnode(path string) (roll.TemplateData, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return roll.TemplateData{}, usage("--vnode: %v", err)
	}
	var id vnode.Identity
	if err := json.Unmarshal(raw, &id); err != nil {
		return roll.TemplateData{}, usage("--vnode %s: %v", path, err)
	}
	data, err := roll.NewTemplateData(id)
	if err != nil {
		return data, usage("--vnode %s: %v", path, err)
	}
	return data, nil
}
