package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/fault"
	"quarry/internal/image"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// lockOptions are the flags of roll lock: a walk from each of its appliances.
type lockOptions struct {
	walkOptions
	appliances []string
	cache      string
}

func newRollLock(a *app) *cobra.Command {
	var o lockOptions
	cmd := &cobra.Command{
		Use:   "lock [FILE]",
		Short: "Pin everything that machines of rolls are made from",
		Long: withExit(`Walk the rolls as a booking would and pin what comes out, for each appliance:
every package that is installed with its version and SHA-256 from the signed
indexes of this machine's package mirror, every file and script by hash, and
the order. The lock is written to FILE, or to standard output. One lock always
makes the same images: "quarry image build" makes them.

It asks no manager and needs no root, only apt. The rolls are those that ship
with Quarry and those in the folders of --rolls, as for "quarry roll walk".`),
		Example: `quarry roll lock --roll condor condor.lock
quarry roll lock --roll condor --appliance compute --nodes compute=8 --param condor.slots=partitionable
quarry roll lock --rolls ./hello hello.lock`,
		Args: argsUpTo(1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			lock, err := o.lock(cmd.Context(), a)
			if err != nil {
				return err
			}
			return a.writeLock(lock, args)
		},
	}
	o.system, o.arch = "debian/"+suite, "amd64"
	f := cmd.Flags()
	f.StringArrayVar(&o.dirs, "rolls", nil, "folder of a roll or of rolls (repeatable)")
	f.StringSliceVar(&o.rolls, "roll", nil, "rolls, as NAME or NAME@VERSION, separated by commas or repeated")
	f.StringSliceVar(&o.appliances, "appliance", nil, "lock these appliances only")
	f.StringArrayVar(&o.nodes, "nodes", []string{"gateway=1", "compute=2"}, "how many vnodes of an appliance the cluster has, as NAME=N (repeatable)")
	f.StringArrayVar(&o.parameters, "param", nil, "a roll's parameter as ROLL.KEY=VALUE (repeatable)")
	f.StringArrayVar(&o.attributes, "attr", nil, "an attribute as [SCOPE/NAME:]ROLL.KEY=VALUE (repeatable)")
	f.StringVar(&o.cache, "cache", "", "folder for package indexes (default ~/.cache/quarry)")
	return cmd
}

func (o lockOptions) lock(ctx context.Context, a *app) (render.LockFile, error) {
	catalog, own, err := loadCatalog(o.dirs)
	if err != nil {
		return render.LockFile{}, notByServer(err)
	}
	if len(o.rolls) == 0 {
		o.rolls = own
	}
	if len(o.rolls) == 0 {
		return render.LockFile{}, usage("a lock is made of rolls: give --roll ROLL, or --rolls FOLDER")
	}
	sel, err := catalog.Select(o.rolls)
	if err != nil {
		return render.LockFile{}, notByServer(err)
	}
	profiles, err := o.walkAll(sel)
	if err != nil {
		return render.LockFile{}, notByServer(err)
	}
	builder, err := a.localBuilder(ctx, o.cache, "")
	if err != nil {
		return render.LockFile{}, err
	}
	locks := map[string]render.Lock{}
	for name, profile := range profiles {
		if locks[name], err = builder.Lock(ctx, render.FromProfile(profile, suite, o.arch)); err != nil {
			return render.LockFile{}, notByServer(err)
		}
	}
	parameters, err := sel.Check(createOptions{parameters: o.parameters}.readParameters(&fault.List{}))
	return render.NewLockFile(parameters, profiles, locks), err
}

// walkAll returns the profiles of the appliances asked for, by default of all.
func (o lockOptions) walkAll(sel *roll.Selection) (map[string]roll.Profile, error) {
	var known []string
	for _, appliance := range sel.Appliances() {
		known = append(known, appliance.Name)
	}
	wanted := o.appliances
	if len(wanted) == 0 {
		wanted = known
	}
	profiles := map[string]roll.Profile{}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, usage("no roll of %s defines appliance %q; they define %s", strings.Join(sel.Names(), ", "), name, strings.Join(known, ", "))
		}
		o.appliance = name
		facts, err := o.facts(sel)
		if err != nil {
			return nil, err
		}
		if profiles[name], err = sel.Walk(name, facts); err != nil {
			return nil, err
		}
	}
	return profiles, nil
}

// localBuilder makes images on this machine. The folders have defaults.
func (a *app) localBuilder(ctx context.Context, cache, storeDir string) (*image.Builder, error) {
	if cache == "" {
		var err error
		if cache, err = a.localCache(); err != nil {
			return nil, err
		}
	}
	if storeDir == "" {
		storeDir = filepath.Join(cache, "images")
	}
	guest, err := guestProgram()
	if err != nil {
		return nil, err
	}
	store, err := image.OpenStore(storeDir, 0)
	if err != nil {
		return nil, err
	}
	mirror, err := image.MachineMirror(ctx)
	if err != nil {
		return nil, err
	}
	return image.NewBuilder(image.BuilderConfig{
		Dir: filepath.Join(cache, "work"), CacheDir: filepath.Join(cache, "packages"),
		Store: store, Mirror: mirror, GuestBinary: guest, Log: a.logger(false),
	})
}
