package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newTenant(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "tenant", Aliases: []string{"tenants"}, Short: "Who may book clusters, and how much of the site"},
		newTenantCreate(a), newTenantList(a), newTenantSet(a), newTenantShow(a))
}

func newTenantCreate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "create NAME",
		Short:   "Add a tenant",
		Long:    withExit("Add a tenant. Give it a token with \"quarry token create --tenant NAME\".", exitsRefused),
		Example: "quarry tenant create chem --context provider",
		Args:    args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := client.CreateTenant(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(t, func(w io.Writer) { fmt.Fprintf(w, "tenant %s is there\n", t.Name) })
		},
	}
}

func newTenantList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the tenants",
		Long:    withExit("List the tenants of the site.", exitsRefused),
		Example: "quarry tenant list --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Tenants(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				var rows [][]string
				for _, t := range all {
					rows = append(rows, []string{t.Name, stamp(t.CreatedAt)})
				}
				printTable(w, []string{"NAME", "SINCE"}, rows)
			})
		},
	}
}

func newToken(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "token", Aliases: []string{"tokens"}, Short: "Bearer tokens of tenants and of the provider"},
		newTokenCreate(a), newTokenList(a), newTokenRevoke(a))
}

func newTokenCreate(a *app) *cobra.Command {
	var tenant, expires string
	cmd := &cobra.Command{
		Use:   "create --tenant NAME",
		Short: "Make a token",
		Long: withExit(`Make a token for a tenant. It is shown this one time; the manager keeps a hash.
Without --expires it is good until it is revoked.`, exitsRefused, exitsNotFound),
		Example: "quarry token create --tenant chem --expires 30d --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tenant == "" {
				return usage("a token belongs to a tenant: give --tenant NAME")
			}
			var d time.Duration
			if expires != "" {
				var err error
				if d, err = parseDuration(expires); err != nil {
					return usage("--expires: %v", err)
				}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := client.CreateToken(cmd.Context(), tenant, d)
			if err != nil {
				return err
			}
			return a.print(t, func(w io.Writer) { fmt.Fprintln(w, t.Secret) })
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "whose token it is")
	cmd.Flags().StringVar(&expires, "expires", "", "how long it is good for, as in 30d")
	return cmd
}

func newTokenList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List tokens, without their secrets",
		Long:    withExit("List your tenant's tokens; the provider sees everybody's.", exitsRefused),
		Example: "quarry token list",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				var rows [][]string
				for _, t := range all {
					rows = append(rows, []string{t.ID, string(t.Role), dash(t.Tenant), stamp(t.CreatedAt), stampOf(t.ExpiresAt), stampOf(t.RevokedAt), stampOf(t.LastUsed)})
				}
				printTable(w, []string{"ID", "ROLE", "TENANT", "CREATED", "EXPIRES", "REVOKED", "USED"}, rows)
			})
		},
	}
}

func stampOf(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return stamp(*t)
}

func newTokenRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Make a token useless, at once",
		Long:    withExit("Make a token useless, at once. Its ID is in \"quarry token list\".", exitsRefused, exitsNotFound),
		Example: "quarry token revoke k3f9s2",
		Args:    args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := client.RevokeToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.print(map[string]string{"revoked": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "token %s is revoked\n", args[0]) })
		},
	}
}
