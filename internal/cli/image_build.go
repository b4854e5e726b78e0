package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/fault"
	"quarry/internal/image"
	"quarry/internal/render"
)

// imageBuildOptions are the flags of image build.
type imageBuildOptions struct {
	rolls, appliances []string
	cache, store      string
	check             bool
}

// builtImage is what image build says of an image made from a lock.
type builtImage struct {
	Appliance string       `json:"appliance"`
	Address   string       `json:"address"`
	Digest    string       `json:"digest"`
	Files     []image.File `json:"files"`
}

func newImageBuild(a *app) *cobra.Command {
	var o imageBuildOptions
	cmd := &cobra.Command{
		Use:   "build --roll ROLL[,ROLL...] | LOCK",
		Short: "Make images now, or the images of a lock",
		Long: withExit(`With --roll: make the images of every appliance of the rolls now, at the
manager, so that the first cluster of them does not wait. It returns once they
are there.

With a LOCK ("quarry roll lock" and "quarry cluster lock" write them): make
exactly the images that the lock says, on this machine, as root, into the store
of images --store, and print their digests: one lock has the same digest wherever
it is built. Every package is verified first; one that is not what the lock says
is named, and nothing is built. The scripts of the lock run in a root tree of
their own on this machine: build only locks of those you trust.

--check builds each image once more, from the packages alone, and names the files
that differ: what a package or a script of a roll draws by chance does. --store
and --cache belong to one process at a time: do not name those of a running
manager.`, exitsRefused),
		Example: "quarry image build --roll condor --context provider\nsudo quarry image build condor.lock --store ./images",
		Args:    argsUpTo(1, "LOCK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && len(o.rolls) > 0:
				return usage("an image is made from a lock or from --roll, not from both")
			case len(args) == 1:
				return o.fromLock(cmd.Context(), a, args[0])
			case len(o.rolls) == 0:
				return usage("images are made from rolls or from a lock: give --roll ROLL, or the file of a lock")
			}
			return o.fromRolls(cmd.Context(), a)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.rolls, "roll", nil, "rolls, separated by commas or repeated")
	f.StringSliceVar(&o.appliances, "appliance", nil, "only these appliances of the lock")
	f.StringVar(&o.store, "store", "", "folder for the images of a lock (default: images in --cache)")
	f.StringVar(&o.cache, "cache", "", "folder for packages and base roots (default ~/.cache/quarry)")
	f.BoolVar(&o.check, "check", false, "build each image of a lock twice and compare")
	return cmd
}

func (o imageBuildOptions) fromRolls(ctx context.Context, a *app) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	made, err := client.BuildImages(ctx, o.rolls)
	if err != nil {
		return err
	}
	return a.print(made, func(w io.Writer) { sayAddresses(w, "there", made) })
}

func (o imageBuildOptions) fromLock(ctx context.Context, a *app, name string) error {
	file, err := a.readLock(name)
	if err != nil {
		return err
	}
	if file, err = only(file, o.appliances); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return usage("images are made in root trees, which needs root: sudo quarry image build %s", name)
	}
	builder, err := a.localBuilder(ctx, o.cache, o.store)
	if err != nil {
		return err
	}
	if err := checkUnchanged(ctx, builder, file, name); err != nil {
		return notByServer(err)
	}
	var built []builtImage
	var rows [][]string
	for _, appliance := range slices.Sorted(maps.Keys(file.Appliances)) {
		lock, _ := file.Lock(appliance)
		m, err := builder.Build(ctx, lock, func(string, int) {})
		if err != nil {
			return notByServer(err)
		}
		if o.check {
			if err := reproduce(ctx, builder, lock, appliance); err != nil {
				return err
			}
		}
		built = append(built, builtImage{appliance, m.Address, m.Digest(), m.Files})
		rows = append(rows, []string{appliance, m.Address[:12], m.Digest()})
	}
	return a.print(built, func(w io.Writer) { printTable(w, []string{"APPLIANCE", "IMAGE", "DIGEST"}, rows) })
}

// reproduce names what another build of a lock makes differently.
func reproduce(ctx context.Context, builder *image.Builder, lock render.Lock, appliance string) error {
	lines, err := builder.Reproduce(ctx, lock)
	if err != nil {
		return notByServer(err)
	}
	var wrong fault.List
	for _, line := range lines {
		path, sides, _ := strings.Cut(line, "\n")
		wrong.Add(path, "differs from build to build: let a boot script make it\n"+sides)
	}
	return wrong.Err("", "the image of "+appliance+" is another one each time it is built")
}

// checkUnchanged refuses a lock that is no longer what its addresses say. To
// name what was changed in it, the packages are looked at.
func checkUnchanged(ctx context.Context, builder *image.Builder, file render.LockFile, name string) error {
	wrong := file.Changed()
	if len(wrong) == 0 {
		return nil
	}
	for _, appliance := range slices.Sorted(maps.Keys(file.Appliances)) {
		lock, _ := file.Lock(appliance)
		err := builder.Verify(ctx, lock)
		if e, ok := errors.AsType[*fault.Error](err); ok {
			wrong = append(e.Details, wrong...)
		} else if err != nil {
			return fmt.Errorf("look at the packages of %s: %w", name, err)
		}
	}
	return fault.New("", name+" was changed after it was made", wrong...)
}
