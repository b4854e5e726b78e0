package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"quarry/internal/manager"
	"quarry/internal/roll"
	"quarry/internal/roll/archive"
)

func newRollPush(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "push DIR|ARCHIVE",
		Short: "Push a version of a roll to the site",
		Long: withExit(fmt.Sprintf(`Push a roll: a folder that holds roll.yaml, or an archive of one (tar, tar.gz or
tar.zst). With the provider's token it is published to all tenants; with a
tenant's token it is the tenant's own, and nobody else sees, names or books it.

A version never changes: pushing the same content again does nothing, other
content needs a new version in roll.yaml, also after the old one was deleted. A
roll of your own cannot have the name of a published one.

A roll holds plain files and folders only. Links, devices, pipes, set-uid,
set-gid and sticky modes, names that lead out of it, names that differ in case
alone, and what is too large are refused, all in one answer. It may have %d MiB
in %d files, and its archive %d MiB.`, archive.MaxUnpacked>>20, archive.MaxFiles, archive.MaxPacked>>20), exitsRefused),
		Example: "quarry roll push ./myroll",
		Args:    args("DIR|ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			packed, ref, err := readRoll(args[0])
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			info, err := client.PushRoll(cmd.Context(), ref, packed)
			if err != nil {
				return err
			}
			return a.print(info, func(w io.Writer) {
				fmt.Fprintf(w, "%s is there, %s (content %.12s)\n", ref, seenBy(info), info.Digest)
			})
		},
	}
}

// seenBy tells for whom a roll is.
func seenBy(info manager.RollInfo) string {
	if info.Owner == manager.OwnerOwn {
		return "for you alone"
	}
	return "published to all"
}

// readRoll returns the archive of a roll that lies in a folder or an archive,
// and what roll it is. It is judged here as the manager will judge it, so that
// mistakes are told with the user's own file names.
func readRoll(path string) (packed []byte, ref string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", usage("%s is not there: name a folder that holds roll.yaml, or an archive of one", path)
	}
	a, err := openRoll(path, info.IsDir())
	if err != nil {
		return nil, "", notByServer(err)
	}
	r, err := roll.Load(a.FS(), ".")
	if err != nil {
		return nil, "", notByServer(err)
	}
	packed, err = a.Pack()
	return packed, r.Ref(), err
}

func openRoll(path string, folder bool) (*archive.Archive, error) {
	if folder {
		return archive.FromFolder(os.DirFS(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	packed, err := io.ReadAll(io.LimitReader(f, archive.MaxPacked+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return archive.Open(packed)
}

func newRollPull(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pull NAME[@VERSION]",
		Short: "Fetch a roll from the site into a folder",
		Long: withExit(`Write a roll into a new folder of its name below the current one, to read it or to
make another roll from it. Without a version it is the newest.`, exitsRefused, exitsNotFound),
		Example:           "quarry roll pull condor",
		Args:              args("NAME[@VERSION]"),
		ValidArgsFunction: a.completeRollVersions,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			packed, err := client.RollArchive(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.unpackRoll(packed)
		},
	}
}

// unpackRoll judges what came like everything from outside.
func (a *app) unpackRoll(packed []byte) error {
	opened, err := archive.Open(packed)
	if err != nil {
		return notByServer(err)
	}
	r, err := roll.Load(opened.FS(), ".")
	if err != nil {
		return notByServer(err)
	}
	if err := os.Mkdir(r.Name, 0o777); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: move it away, or pull into another folder", r.Name)
	} else if err != nil {
		return err
	}
	if err := os.CopyFS(r.Name, opened.FS()); err != nil {
		return fmt.Errorf("write the roll: %w", err)
	}
	return a.print(map[string]string{"roll": r.Name, "version": r.Version, "folder": r.Name, "digest": opened.Digest()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s is in %s\n", r.Ref(), r.Name+string(filepath.Separator))
	})
}

func newRollDelete(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME@VERSION",
		Short: "Take a version of a roll out of use",
		Long: withExit(`Take one version of a roll out of use: nothing can be booked with it any more.
Clusters that were booked with it keep it. Its name and version stay taken:
only the same content can be pushed under them again.`, exitsRefused, exitsNotFound),
		Example:           "quarry roll delete myroll@1.0",
		Args:              args("NAME@VERSION"),
		ValidArgsFunction: a.completeRollVersions,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := client.DeleteRoll(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.print(map[string]string{"roll": args[0], "status": "deleted"}, func(w io.Writer) {
				fmt.Fprintf(w, "%s cannot be booked any more\n", args[0])
			})
		},
	}
}

func (a *app) completeRollVersions(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := client.Rolls(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var refs []string
	for _, r := range all {
		for _, v := range r.Versions {
			refs = append(refs, r.Name+"@"+v+"\t"+r.Summary)
		}
	}
	return refs, cobra.ShellCompDirectiveNoFileComp
}
