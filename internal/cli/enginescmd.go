package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/engines/registry"
)

func newEngines(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "engines",
		Short: "List the engines that can be put under test on the lab",
		Long: `Lists the engines that --engine takes. Those with a version are other projects' programs:
each is built from its Go module into the cache when it is first asked for, which takes some
minutes once (docs/peers.md).`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			tw := tabwriter.NewWriter(stdio.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "ENGINE\tVERSION\tWHAT IT IS")
			for _, e := range registry.Entries() {
				fmt.Fprintf(tw, "%s\t%s\t%s\n", e.Name, cmp.Or(e.Version, "-"), e.Description)
			}
			return tw.Flush()
		},
	}
}
