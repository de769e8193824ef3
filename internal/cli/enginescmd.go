package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/engines/registry"
)

func newEngines(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "engines",
		Short: "List the engines that can be put under test on the lab",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			tw := tabwriter.NewWriter(stdio.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "ENGINE\tWHAT IT IS")
			for _, e := range registry.Entries() {
				fmt.Fprintf(tw, "%s\t%s\n", e.Name, e.Description)
			}
			return tw.Flush()
		},
	}
}
